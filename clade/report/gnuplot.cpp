#include "clade/report/gnuplot.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string_view>

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

/// What gnuplot makes of `script`; "" where it fails.
std::string drawn_by_gnuplot(const std::string& script) {
  const int file = ::memfd_create("gnuplot", /*flags=*/0);  // without a name in any folder
  if (file < 0) return "";
  const auto size = static_cast<ssize_t>(script.size());
  const std::string command = "gnuplot /dev/fd/" + std::to_string(file) + " 2>/dev/null";
  FILE* pipe =
      ::write(file, script.data(), script.size()) == size ? ::popen(command.c_str(), "r") : nullptr;
  std::string bytes;
  std::array<char, 1 << 16> block;
  while (pipe != nullptr) {
    const size_t count = std::fread(block.data(), 1, block.size(), pipe);
    if (count == 0) break;
    bytes.append(block.data(), count);
  }
  const bool drawn = pipe != nullptr && ::pclose(pipe) == 0;
  ::close(file);
  return drawn ? bytes : "";
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

bool draw_picture(const std::filesystem::path& path, PictureSize size, const std::string& script) {
  std::ostringstream all;
  all << "set encoding utf8\n"
      << "set terminal pngcairo noenhanced font 'DejaVu Sans,10' linewidth 1.4 size " << size.width
      << "," << size.height << "\n"
      << "set border 3 linecolor rgb '#8a8f98'\nset tics nomirror out textcolor rgb '#4a4f57'\n"
      << "set grid linecolor rgb '#e3e5e8' linetype 1 linewidth 0.7\n"
      << "set key noenhanced\n"
      << script << "\nunset multiplot\nset output\n";
  const std::string png = drawn_by_gnuplot(all.str());
  if (!is_whole_png(png)) return false;
  write_atomically(path, png);
  return true;
}

}  // namespace clade
