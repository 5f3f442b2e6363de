#pragma once
#include <torch/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace clade {

// Charts that page.js draws, and the numbers it draws them from.

/// Of a chart: six significant digits, null for what is not finite.
nlohmann::json number(double value);

/// Whether any of a curve's values is there: gaps are NaN.
bool any_known(const std::vector<double>& values);

/// How many significant digits of `value` show four of `spread`, what others lie away from it.
int digits_beside(double value, double spread);

/// A tensor of any shape as nested lists, with the digits that tell the numbers of a column, its
/// last dimension, apart.
nlohmann::json numbers(const torch::Tensor& values);

/// The place of a chart: `draw` names a function of page.js, `argument` what of the data.
std::string canvas_tag(const std::string& draw, const std::string& argument,
                       const std::string& said, const std::string& kind);

/// The scripts that draw a page's charts from `data`.
std::string chart_scripts(const nlohmann::json& data);

/// Points that are no images, as a line over their features; those of one feature as a histogram.
class Profile {
 public:
  /// Of points of this shape, the features that vary most over `reference`, [n, D], if there are
  /// too many for a line.
  Profile(const std::vector<int64_t>& shape, const torch::Tensor& reference);

  const std::vector<int64_t>& features() const { return features_; }

  /// [n, D] -> a list of the features for some of the points; of one feature for all, which a
  /// histogram needs.
  nlohmann::json of(const torch::Tensor& points) const;

 private:
  bool histogram_;
  std::vector<int64_t> features_;
};

}  // namespace clade
