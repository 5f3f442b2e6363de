#include "clade/data/preprocessing.h"

#include <torch/torch.h>

#include <sstream>

#include "clade/core/error.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr double kBrightest = 255;

struct Range {
  double least;
  double most;
};

Range range_of(const torch::Tensor& values) {
  return {values.min().item<double>(), values.max().item<double>()};
}

bool all_bits(const torch::Tensor& values) {
  return values.eq(0).logical_or_(values.eq(1)).all().item<bool>();
}

// bad, x: [N, D].
[[noreturn]] void refuse(const torch::Tensor& bad, const torch::Tensor& x, const Points& points,
                         const std::string& what) {
  const auto first = bad.nonzero()[0];  // [2]
  const auto row = first[0].item<int64_t>();
  const auto feature = first[1].item<int64_t>();
  std::ostringstream message;
  message << points.name << ": " << position_text(points, row, feature) << " is "
          << x[row][feature].item<double>() << what;
  throw DataError(message.str());
}

std::string kind_of(const Points& points, const Range& range) {
  if (all_bits(points.values)) return "binary";
  const bool image = points.shape.size() >= 2;
  const double white = points.values.is_floating_point() ? 1 : kBrightest;
  return image && range.least >= 0 && range.most <= white ? "grey" : "standardised";
}

// train: [n, D].
void standardise(const torch::Tensor& train, Preprocessing& preprocessing) {
  const auto x = train.to(torch::kFloat64);
  preprocessing.shift = x.mean(0).to(torch::kFloat32);
  // Compared, not subtracted: rounding gives a constant a tiny deviation that must not be divided
  // by.
  const auto constant = x.eq(x[0]).all(0);
  const auto deviation = x.std(0, /*unbiased=*/false).to(torch::kFloat32);
  preprocessing.scale =
      torch::where(constant.logical_or(deviation.eq(0)), torch::ones_like(deviation), deviation);
}

/// Whether levels are drawn as bits. A colour hardly is one, but what an earlier version trained on
/// colours under a Bernoulli likelihood read their bits.
bool as_bits(const std::string& binarise, bool colour, const std::string& likelihood) {
  if (binarise != "auto") return binarise == "dynamic";
  return !colour || likelihood == "bernoulli";
}

std::string levels_text(const std::vector<int64_t>& shape, bool bytes, bool bits) {
  const bool colour = is_colour(shape);
  std::string text = std::string(colour ? "colours" : "grey levels") + " from 0 to " +
                     (bytes ? "255, divided by 255" : "1");
  if (bits) {
    text += std::string(bytes ? " and" : ",") +
            " drawn as bits at each presentation, for a Bernoulli likelihood";
  } else {
    text += std::string(bytes ? "" : ", taken as they are") + ", not binarised";
    if (!colour) text += ", for a Gaussian likelihood";
  }
  if (shape.size() == 3 && shape[0] == 3 && !colour) {
    text += " (if they are colour images, put the colours last: [N, H, W, 3])";
  }
  return text;
}

/// A fourth channel, or a second, is neither drawn nor meant to be learnt from.
void refuse_alpha(const Points& points) {
  const auto& shape = points.shape;
  if (points.values.scalar_type() != torch::kUInt8 || shape.size() != 3) return;
  if (shape[2] != 2 && shape[2] != 4) return;
  throw DataError(points.name + ": points of size " + shape_text(shape) + " have " +
                  std::to_string(shape[2]) + " channels" + (shape[2] == 4 ? ", as RGBA" : "") +
                  "; images are grey, [N, H, W], or colour, [N, H, W, 3]: leave out the others, or "
                  "set data.values = \"standardised\" to take all as plain numbers");
}

}  // namespace

void check_range(const torch::Tensor& x, double least, double most, const Points& points,
                 const std::string& advice) {
  const auto inside = x.ge(least).logical_and_(x.le(most));  // NaN is outside.
  if (inside.all().item<bool>()) return;
  std::ostringstream what;
  what << ", outside " << least << " to " << most << "; " << advice;
  refuse(inside.logical_not(), x, points, what.str());
}

ChosenPreprocessing choose_preprocessing(const Points& points, const torch::Tensor& train,
                                         const std::string& values, const std::string& binarise,
                                         const std::string& likelihood) {
  const int64_t features = points.values.size(1);
  const Range range = range_of(points.values);
  const std::string kind = values == "auto" ? kind_of(points, range) : values;
  // An opened run has a likelihood, and its earlier version took such points.
  if (values == "auto" && likelihood.empty()) refuse_alpha(points);

  ChosenPreprocessing chosen;
  Preprocessing& preprocessing = chosen.preprocessing;
  preprocessing.shift = torch::zeros({features});
  preprocessing.scale = torch::ones({features});
  std::string what;
  if (kind == "binary") {
    if (!all_bits(points.values)) {
      const bool pixels = range.least >= 0 && range.most <= kBrightest;
      refuse(points.values.eq(0).logical_or_(points.values.eq(1)).logical_not_(), points.values,
             points,
             std::string(", not 0 or 1; set data.values = ") +
                 (pixels ? "\"grey\" for grey levels, or " : "") +
                 "\"standardised\" for other numbers");
    }
    what = "0 or 1, taken as they are, for a Bernoulli likelihood";
  } else if (kind == "grey") {
    check_range(points.values, 0, kBrightest, points,
                "grey levels lie in 0 to 1 or 0 to 255; set data.values = \"standardised\"");
    const bool bytes = range.most > 1;
    if (bytes) preprocessing.scale.fill_(kBrightest);
    preprocessing.binarise = as_bits(binarise, is_colour(points.shape), likelihood);
    what = levels_text(points.shape, bytes, preprocessing.binarise);
  } else if (kind == "standardised") {
    standardise(points.values.index_select(0, train), preprocessing);
    what =
        "numbers, standardised, each feature by its mean and deviation over the training points, "
        "for a Gaussian likelihood";
    // Counts and scores are mostly small, and would be all but black as grey levels.
    const bool pixels = range.least >= 0 && range.most > kBrightest / 2 &&
                        range.most <= kBrightest &&
                        points.values.eq(points.values.round()).all().item<bool>();
    if (values == "auto" && pixels) what += " (if they are pixels, set data.values = \"grey\")";
  } else {
    what = "numbers, taken as they are, for a Gaussian likelihood";
  }
  if (binarise == "dynamic" && kind != "grey") {
    throw ConfigError("data.binarise is \"dynamic\", but the values of " + points.name + " are " +
                      kind +
                      "; only grey levels are binarised: set data.values = \"grey\" or "
                      "data.binarise = \"none\"");
  }
  chosen.said = std::to_string(points.values.size(0)) + " points of size " +
                shape_text(points.shape) + ": " + what;
  return chosen;
}

}  // namespace clade
