#pragma once
#include <string>
#include <vector>

namespace clade {

/// Mean and standard deviation, over n − 1, of one value or more.
struct Spread {
  double mean = 0;
  double deviation = 0;  ///< 0 of one value.
};
Spread spread_of(const std::vector<double>& values);

/// "−0.25": with a minus sign of its own, and none before a zero.
std::string with_digits(double value, int digits);

}  // namespace clade
