#include "clade/core/range.h"

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

template <typename List>
void check_size(const std::string& key, const List& values, bool may_be_empty) {
  if (values.empty() && !may_be_empty) throw ConfigError(key + " is empty; give one at least");
}

}  // namespace

bool Range::contains(double value) const {
  return limits().empty() || ((above_least_ ? value > least_ : value >= least_) && value <= most_);
}

void Range::check(const std::string& key, double value) const {
  if (contains(value)) return;
  throw ConfigError(key + " is " + exact_text(value) + "; it must be " + limits());
}

void Range::check(const std::string& key, const std::string& value) const {
  if (words_.empty() || std::find(words_.begin(), words_.end(), value) != words_.end()) return;
  throw ConfigError(key + " is \"" + value + "\"; it must be " + one_of(words_));
}

void Range::check(const std::string& key, const std::vector<int64_t>& values) const {
  check_size(key, values, may_be_empty_);
  for (const int64_t value : values) {
    if (contains(static_cast<double>(value))) continue;
    throw ConfigError(key + " has " + std::to_string(value) + "; each must be " + limits());
  }
}

void Range::check(const std::string& key, const std::vector<std::string>& values) const {
  check_size(key, values, may_be_empty_);
}

Range Range::not_empty() const {
  Range range = *this;
  range.may_be_empty_ = false;
  return range;
}

std::string Range::limits() const {
  const bool is_bounded = most_ < std::numeric_limits<double>::infinity();
  if (is_bounded) return "from " + exact_text(least_) + " to " + exact_text(most_);
  if (least_ == -std::numeric_limits<double>::infinity()) return "";
  return (above_least_ ? "above " : "at least ") + exact_text(least_);
}

Range at_least(double least) {
  Range range;
  range.least_ = least;
  return range;
}

Range above(double bound) {
  Range range = at_least(bound);
  range.above_least_ = true;
  return range;
}

Range between(double least, double most) {
  Range range = at_least(least);
  range.most_ = most;
  return range;
}

Range any_of(const std::vector<std::string>& words) {
  Range range;
  range.words_ = words;
  return range;
}

}  // namespace clade
