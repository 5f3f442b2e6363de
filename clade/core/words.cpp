#include "clade/core/words.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

namespace clade {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

/// Bytes of the UTF-8 character that `text` begins with, 0 where it begins with none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than need be, a surrogate, or beyond Unicode.
  const bool no_character = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return no_character ? 0 : length;
}

/// Whether a UTF-8 character neither steers a terminal nor breaks or turns round the line.
bool is_plain(std::string_view character) {
  if (character.size() == 1) return character[0] >= 0x20 && character[0] != 0x7f;
  if (character.size() == 2) return character > "\xc2\x9f";  // U+0080 to U+009F
  const auto within = [&](const char* first, const char* last) {
    return character >= first && character <= last;
  };
  return !within("\xe2\x80\xa8", "\xe2\x80\xae") &&  // U+2028 to U+202E
         !within("\xe2\x81\xa6", "\xe2\x81\xa9");    // U+2066 to U+2069
}

std::string escaped(char c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  constexpr const char* kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

std::string without_middle(const std::string& line) {
  constexpr size_t kMost = 2000, kHead = 1300, kTail = 600;
  if (line.size() <= kMost) return line;
  const auto is_inside = [&](size_t at) { return (line[at] & 0xc0) == 0x80; };  // a character
  size_t head = kHead, tail = line.size() - kTail;
  while (is_inside(head)) --head;
  while (is_inside(tail)) ++tail;
  return line.substr(0, head) + " [" + std::to_string(tail - head) + " bytes more] " +
         line.substr(tail);
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    // Short words are near to everything; a candidate must share at least one letter in place.
    if (distance < best_distance && distance < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return "did you mean " + near + "?";
  return candidates.empty() ? "remove it" : "known: " + one_of(candidates);
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::string csv_text(std::string_view text) {
  const bool plain = text.find_first_of("\",;\t\r\n") == std::string_view::npos &&
                     text.size() == trimmed(text).size();
  if (plain) return std::string(text);
  std::string field = "\"";
  for (const char letter : text) {
    if (letter == '"') field += '"';
    field += letter;
  }
  return field + '"';
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(utf8_length(text), 1);
    const std::string_view character = text.substr(0, length);
    if (utf8_length(text) > 0 && is_plain(character)) {
      line += character;
    } else {
      for (const char c : character) line += escaped(c);
    }
    text.remove_prefix(length);
  }
  return without_middle(line);
}

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void add_note(const std::string& note, std::string& notes) {
  notes += (note.empty() || notes.empty() ? "" : "; ") + note;
}

std::string quoted(const std::vector<std::string>& words, size_t most) {
  std::string text;
  for (size_t i = 0; i < words.size() && i < most; ++i) {
    text += (i > 0 ? ", '" : "'") + words[i] + "'";
  }
  return words.size() > most ? text + " and " + std::to_string(words.size() - most) + " more"
                             : text;
}

std::vector<std::string> told_apart(const std::vector<std::string>& names) {
  std::unordered_set<std::string> taken(names.begin(), names.end());
  std::unordered_map<std::string, int64_t> times;
  std::vector<std::string> apart;
  for (const std::string& one : names) {
    const std::string written = one.empty() ? "unnamed" : one;
    std::string name = written;
    int64_t& before = times[written];
    while (before++ > 0) {
      name = written + "." + std::to_string(before - 1);
      if (taken.insert(name).second) break;
    }
    apart.push_back(name);
  }
  return apart;
}

std::string count_text(int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string number_text(double number) {
  constexpr int kDigits = 6;
  return number_text(number, kDigits);
}

std::string number_text(double number, int digits) {
  char text[32];
  return {text,
          std::to_chars(text, text + sizeof text, number, std::chars_format::general, digits).ptr};
}

std::string exact_text(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::string shell_text(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_text(word);
  return line;
}

std::string one_of(const std::vector<std::string>& words) {
  constexpr size_t kMost = 30;
  if (words.size() > kMost) {
    return words[0] + ", " + words[1] + ", " + words[2] + " or one of " +
           std::to_string(words.size() - 3) + " more";
  }
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace clade
