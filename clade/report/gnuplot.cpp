#include "clade/report/gnuplot.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "clade/core/files.h"

namespace clade {
namespace {

/// Whether these are all bytes of a PNG: gnuplot also leaves half of one, and says nothing, where
/// what it writes to is full.
bool is_whole_png(const std::string& bytes) {
  using namespace std::string_view_literals;
  constexpr auto kBegin = "\x89PNG\r\n\x1a\n"sv;
  constexpr auto kEnd = "\0\0\0\0IEND\xae\x42\x60\x82"sv;
  return bytes.starts_with(kBegin) && bytes.ends_with(kEnd);
}

/// What a command prints; "" where it fails.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string bytes;
  std::array<char, 1 << 16> block;
  while (const size_t count = std::fread(block.data(), 1, block.size(), pipe)) {
    bytes.append(block.data(), count);
  }
  return ::pclose(pipe) == 0 ? bytes : "";
}

/// A letter of UTF-8 text, and its number in Unicode.
struct Letter {
  std::string_view bytes;
  uint32_t code;
};

std::vector<Letter> letters_of(std::string_view text) {
  std::vector<Letter> letters;
  for (size_t begin = 0; begin < text.size();) {
    const auto first = static_cast<unsigned char>(text[begin]);
    const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = size == 1 ? first : first & (0x7f >> size);
    size_t end = begin + 1;
    for (; end < begin + size && end < text.size() && (text[end] & 0xc0) == 0x80; ++end) {
      code = (code << 6) | (text[end] & 0x3f);
    }
    letters.push_back({text.substr(begin, end - begin), code});
    begin = end;
  }
  return letters;
}

/// Latin, Greek and Cyrillic letters, dashes, quotation marks, arrows and signs.
bool every_font_has(uint32_t code) {
  return code < 0x530 || (code >= 0x2010 && code < 0x2300);
}

bool one_font_has(const std::set<uint32_t>& codes) {
  std::ostringstream command;
  command << "fc-list ':charset=" << std::hex;
  for (const uint32_t code : codes) command << code << " ";
  command << "' 2>/dev/null";
  return !output_of(command.str()).empty();
}

/// What no font has gnuplot draws as large as the picture.
std::string without_unknown_letters(const std::string& script) {
  const auto letters = letters_of(script);
  std::set<uint32_t> rare;
  for (const Letter& letter : letters) {
    if (!every_font_has(letter.code)) rare.insert(letter.code);
  }
  if (rare.empty() || one_font_has(rare)) return script;
  std::string result;
  for (const Letter& letter : letters) {
    result += every_font_has(letter.code) ? letter.bytes : "?";
  }
  return result;
}

/// What gnuplot makes of `script`; "" where it fails.
std::string drawn_by_gnuplot(const std::string& script) {
  const int file = ::memfd_create("gnuplot", /*flags=*/0);  // without a name in any folder
  if (file < 0) return "";
  const auto size = static_cast<ssize_t>(script.size());
  const std::string command = "gnuplot /dev/fd/" + std::to_string(file) + " 2>/dev/null";
  const bool written = ::write(file, script.data(), script.size()) == size;
  const std::string bytes = written ? output_of(command) : "";
  ::close(file);
  return bytes;
}

}  // namespace

bool gnuplot_installed() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && ::access((folder + "/gnuplot").c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::string gnuplot_string(const std::string& text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      result += "’";
    } else {
      result += std::iscntrl(static_cast<unsigned char>(letter)) ? ' ' : letter;
    }
  }
  return result + "'";
}

std::string gnuplot_tick(const std::string& text) {
  std::string result;
  for (const char letter : gnuplot_string(text))
    result += letter == '%' ? "%%" : std::string(1, letter);
  return result;
}

std::string shortened(const std::string& text, size_t most) {
  constexpr uint32_t kWide = 0x2e80;  // where Chinese, Japanese and Korean begin
  std::string result;
  size_t width = 0;
  for (const Letter& letter : letters_of(text)) {
    width += letter.code < kWide ? 1 : 2;
    if (width > most) return result + "…";
    result += letter.bytes;
  }
  return result;
}

bool draw_picture(const std::filesystem::path& path, PictureSize size, const std::string& script) {
  std::ostringstream all;
  all << "set encoding utf8\n"
      << "set terminal pngcairo noenhanced font 'DejaVu Sans,10' linewidth 1.4 size " << size.width
      << "," << size.height << "\n"
      << "set border 3 linecolor rgb '#8a8f98'\nset tics nomirror out textcolor rgb '#4a4f57'\n"
      << "set grid linecolor rgb '#e3e5e8' linetype 1 linewidth 0.7\n"
      << "set key noenhanced\n"
      << script << "\nunset multiplot\nset output\n";
  const std::string png = drawn_by_gnuplot(without_unknown_letters(all.str()));
  if (!is_whole_png(png)) return false;
  write_atomically(path, png);
  return true;
}

}  // namespace clade
