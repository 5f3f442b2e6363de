#pragma once
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

/// "a, b or c"; of more than thirty "a, b, c or one of 59 more".
std::string one_of(const std::vector<std::string>& words);

}  // namespace clade
