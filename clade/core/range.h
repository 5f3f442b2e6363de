#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace clade {

/// What a setting's value may be, said beside its name and help; `Range()` is anything.
///
///     {"clusters", &clusters, at_least(1), "number of clusters K"}
///
/// check() throws ConfigError, "KEY is VALUE; it must be at least 1". Every number of a list must
/// be in the range; NaN is in none but that of anything.
class Range {
 public:
  void check(const std::string& key, double value) const;
  void check(const std::string& key, const std::string& value) const;
  void check(const std::string& key, const std::vector<int64_t>& values) const;
  void check(const std::string& key, const std::vector<std::string>& values) const;

  /// The same range, in which no list is empty.
  Range not_empty() const;

  /// "at least 1", "above 0", "from 0 to 1"; "" without a limit.
  std::string limits() const;

 private:
  friend Range at_least(double), above(double), between(double, double);
  friend Range any_of(const std::vector<std::string>&);

  bool contains(double value) const;

  double least_ = -std::numeric_limits<double>::infinity();
  double most_ = std::numeric_limits<double>::infinity();
  bool above_least_ = false;
  bool may_be_empty_ = true;
  std::vector<std::string> words_;
};

Range at_least(double least);
Range above(double bound);
Range between(double least, double most);  ///< Both are in it.
Range any_of(const std::vector<std::string>& words);

}  // namespace clade
