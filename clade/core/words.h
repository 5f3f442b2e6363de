#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

/// The candidate closest to `word` in edit distance, or "" when none is near enough to suggest.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// What to do about an unknown word, to end an error message with: "did you mean clusters?", or
/// "known: a, b or c" where no candidate is near.
std::string suggest(std::string_view word, const std::vector<std::string>& candidates);

/// Without the blanks and tabs at its ends.
std::string trimmed(std::string_view text);

/// `text` as a field of a CSV file (RFC 4180): quoted if it must be.
std::string csv_text(std::string_view text);

/// Whether `text` is UTF-8, which all JSON and TOML must be.
bool is_utf8(std::string_view text);

/// `text`, which may quote anything, as one line that no terminal obeys: control characters and
/// bytes that are not UTF-8 become \n, \x1b and so on. Of more than 2,000 bytes the middle is left
/// out, for messages begin with what is wrong and end with what to do. Done twice it changes
/// nothing.
std::string one_line(std::string_view text);

/// Adds one more note to others, "a; b"; an empty one adds nothing.
void add_note(const std::string& note, std::string& notes);

/// With the letters of ASCII small.
std::string in_small_letters(std::string text);

/// "'a', 'b'"; of more than `most` "'a', 'b' and 59 more".
std::string quoted(const std::vector<std::string>& words, size_t most = 12);

/// The same names, no two alike: the second of one is "NAME.1", an empty one is "unnamed".
std::vector<std::string> told_apart(const std::vector<std::string>& names);

/// "1 row", "3 rows".
std::string count_text(int64_t count, const std::string& what);

/// With six significant digits at most, or `digits`, in any locale: for messages and tables.
std::string number_text(double number);
std::string number_text(double number, int digits);

/// The shortest text that reads back as this number: "0.1", "1234567".
std::string exact_text(double number);

/// `word` as a shell takes it: in quotes if it holds anything but letters, digits and what stands
/// in paths and numbers.
std::string shell_text(const std::string& word);

/// `words` as a shell takes them, a blank between two.
std::string command_line(const std::vector<std::string>& words);

/// "a, b or c"; of more than thirty "a, b, c or one of 59 more".
std::string one_of(const std::vector<std::string>& words);

}  // namespace clade
