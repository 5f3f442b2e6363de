#include "clade/data/preprocessing.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <functional>
#include <optional>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr double kBrightest = 255;
constexpr double kMostCounted = 100000;
constexpr const char* kRescale =
    "the model was trained on levels in that range; rescale the values to it";

struct Extremes {
  double least;
  double most;
};

Extremes range_of(const torch::Tensor& values) {
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

bool all_whole(const torch::Tensor& values) {
  return !values.is_floating_point() || values.eq(values.round()).all().item<bool>();
}

/// The numbers that stand for black and for white.
struct Levels {
  double black = 0;
  double white = 1;
  bool found = false;     ///< White is the brightest there is, and no number that people agree on.
  bool two_only = false;  ///< There is nothing between.
};

bool is_agreed(double white) {
  return std::find(kAgreedWhites.begin(), kAgreedWhites.end(), white) != kAgreedWhites.end();
}

/// White of whole numbers up to `most`: the next that people agree on, or `most` itself if that
/// would leave all in the darker half.
double white_of(double most) {
  const auto next = std::lower_bound(kAgreedWhites.begin(), kAgreedWhites.end(), most);
  return next != kAgreedWhites.end() && 2 * most > *next ? *next : most;
}

/// The levels of images; nothing for other numbers. Black and white alone may also be a row.
std::optional<Levels> levels_of(const Points& points, const Extremes& range) {
  constexpr double most_levels = 65535;
  const bool image = points.shape.size() >= 2;
  Levels levels;
  if (range.least >= 0 && range.most <= 1 && points.values.is_floating_point()) {
    // from 0 to 1
  } else if (range.least >= -1 && range.least <= -0.9 && range.most >= 0.9 && range.most <= 1) {
    levels.black = -1;
  } else if (range.least >= 0 && range.most <= most_levels && all_whole(points.values)) {
    // Bytes of an image file that are brighter than small numbers are levels of a byte.
    constexpr double kSmallNumbers = 32;
    const bool bytes = points.images.bits == 8 && range.most > kSmallNumbers;
    levels.white = bytes ? kBrightest : white_of(range.most);
    levels.found = !is_agreed(levels.white);
  } else {
    return std::nullopt;
  }
  levels.two_only =
      points.values.eq(levels.black).logical_or_(points.values.eq(levels.white)).all().item<bool>();
  const bool black_and_white = levels.two_only && levels.black == 0 && levels.white == kBrightest;
  return image || black_and_white ? std::optional(levels) : std::nullopt;
}

constexpr int64_t kRows = 1000;  // looked at in float64 at a time, so that memory stays flat

/// Mean and deviation of each feature, [D] float64.
struct Moments {
  torch::Tensor mean;
  torch::Tensor deviation;
};

/// The mean of what `of` makes of blocks of x's rows in float64, [n, D] -> [n, D]: [D].
torch::Tensor mean_by_blocks(const torch::Tensor& x,
                             const std::function<torch::Tensor(const torch::Tensor&)>& of) {
  auto sum = torch::zeros({x.size(1)}, torch::kFloat64);
  for (int64_t start = 0; start < x.size(0); start += kRows) {
    sum += of(x.slice(0, start, start + kRows).to(torch::kFloat64)).sum(0);
  }
  return sum / x.size(0);
}

/// Which features all rows of x, [n, D], have alike: [D] bool. Compared, not subtracted: rounding
/// gives a constant a tiny deviation that must not be divided by.
torch::Tensor never_varies(const torch::Tensor& x) {
  return x.eq(x[0]).all(0);
}

/// Of a constant the deviation is 0 and the mean its value, to the last digit. x: [n, D].
Moments moments_of(const torch::Tensor& x) {
  const auto mean = mean_by_blocks(x, [](const torch::Tensor& rows) { return rows; });
  const auto variance =
      mean_by_blocks(x, [&](const torch::Tensor& rows) { return (rows - mean).square(); });
  const auto same = never_varies(x);
  return {torch::where(same, x[0].to(torch::kFloat64), mean),
          torch::where(same, torch::zeros_like(mean), variance.sqrt())};
}

/// The least and the most of each feature where it is there, [N, D] -> [2, D] float64.
torch::Tensor limits_of(const torch::Tensor& values) {
  if (!values.is_floating_point()) {
    return torch::stack({values.amin(0), values.amax(0)}).to(torch::kFloat64);
  }
  const auto missing = values.isnan();
  return torch::stack({values.masked_fill(missing, HUGE_VAL).amin(0),
                       values.masked_fill(missing, -HUGE_VAL).amax(0)})
      .to(torch::kFloat64);
}

/// Which features are whole numbers, [D] bool, but for what was put for missing cells. x: [N, D];
/// fill: [D] or undefined.
torch::Tensor whole_features(const torch::Tensor& x, const torch::Tensor& fill) {
  auto whole = torch::ones({x.size(1)}, torch::kBool);
  if (!x.is_floating_point()) return whole;
  for (int64_t start = 0; start < x.size(0); start += kRows) {
    const auto rows = x.slice(0, start, start + kRows);
    auto is_whole = rows.eq(rows.round());
    if (fill.defined()) is_whole.logical_or_(rows.eq(fill));
    whole.logical_and_(is_whole.all(0));
  }
  return whole;
}

/// Whether these values will have a density, of which a constant has none. Where the likelihood is
/// not chosen yet, bits and the levels of colours will not.
bool have_density(const Points& points, const std::string& kind, const Preprocessing& how,
                  const std::string& likelihood) {
  if (how.binarise || how.counts || kind == "binary") return false;
  if (!likelihood.empty()) return is_density(likelihood);
  return kind == "standardised" || !(is_colour(points.shape) || all_bits(points.values));
}

/// What Preprocessing::constant is to be. train: [n, D].
torch::Tensor constants_of(const torch::Tensor& train) {
  const auto same = never_varies(train);
  // If none varies, as of a single point, there is nothing to be left with.
  if (!same.any().item<bool>() || same.all().item<bool>()) return {};
  const auto first = train[0].to(torch::kFloat64);
  return torch::where(same, first, torch::full_like(first, std::nan("")));
}

double log_volume_of(const Preprocessing& how) {
  const auto logs = how.scale.to(torch::kFloat64).log();  // [D]
  if (!how.constant.defined()) return logs.sum().item<double>();
  return logs.masked_select(how.constant.isnan()).sum().item<double>();
}

torch::Tensor constant_features(const Preprocessing& how) {  // [n] int64
  return how.constant.isnan().logical_not().nonzero().squeeze(1);
}

/// "; column 'time' and 2 others vary by …" where float32 has no digits left for the differences.
std::string said_of_digits(const Points& points, const Moments& moments) {
  constexpr double kLittle = 0x1p-20;
  const auto little =
      moments.deviation.lt(moments.mean.abs() * kLittle).logical_and(moments.deviation.gt(0));
  const auto features = little.nonzero().squeeze(1);  // [n]
  const int64_t n = features.size(0);
  if (n == 0) return "";
  const auto first = features[0].item<int64_t>();
  std::ostringstream text;
  text << "; " << feature_text(points, first);
  if (n > 1) text << " and " << n - 1 << (n > 2 ? " others" : " other");
  text << (n > 1 ? " vary" : " varies") << " by less than a millionth of "
       << (n > 1 ? "their" : "its") << " size (" << moments.mean[first].item<double>()
       << ", deviation " << moments.deviation[first].item<double>() << "), ";
  if (points.values.scalar_type() == torch::kFloat32) {
    text << "and the file's float32 numbers are rounded to steps about as large: write it in "
            "float64";
  } else {
    text << "so the mean is taken off in double precision";
  }
  return text.str();
}

/// A value so far from the others that a feature has most of its deviation from it.
struct FarValue {
  double value;
  double deviation;  ///< Of the others.
};

/// The farthest of `column`, [n] float64, if its deviation comes from one value, or from two or
/// three of many. Not if the others lie far from each other, too, or half of them are the same:
/// incomes and rare events have such values.
std::optional<FarValue> far_value(const torch::Tensor& column) {
  constexpr int64_t kMost = 3, kOneIn = 200;
  constexpr double kLess = 0.1, kRangeInQuartiles = 10;
  const auto sorted = std::get<0>(column.sort());
  const auto* value = sorted.data_ptr<double>();
  const int64_t n = sorted.size(0);
  const double median = value[n / 2], whole = column.std().item<double>();
  int64_t low = 0, high = n;
  std::optional<double> farthest;
  for (int64_t left = std::clamp<int64_t>(n / kOneIn, 1, kMost); left > 0; --left) {
    const bool above = value[high - 1] - median > median - value[low];
    const double next = above ? value[--high] : value[low++];
    if (!farthest) farthest = next;
    const int64_t quarter = (high - low) / 4;
    const double quartiles = value[high - 1 - quarter] - value[low + quarter];
    const double deviation = sorted.slice(0, low, high).std().item<double>();
    if (deviation < kLess * whole && quartiles > 0 &&
        value[high - 1] - value[low] < kRangeInQuartiles * quartiles) {
      return FarValue{*farthest, deviation};
    }
  }
  return std::nullopt;
}

/// "; row 7 …, column 'age' is 1e+06, far from the other values …" of the first feature that has
/// such a value, and how many more have; "" if none does.
std::string said_of_far_values(const Points& points) {
  constexpr int64_t kFewest = 20;
  const auto& x = points.values;
  if (points.shape.size() > 1 || x.size(0) < kFewest) return "";
  const Moments moments = moments_of(x);
  const auto farthest = limits_of(x).sub(moments.mean).abs().amax(0);  // [D]
  // Three at most have nearly all of n squared deviations, and one of them a quarter or more.
  const auto part = farthest.square() * (4.0 / static_cast<double>(x.size(0)));
  const auto candidates = part.gt(moments.deviation.square()).nonzero().squeeze(1);  // [n]
  std::string text;
  int64_t features = 0;
  for (int64_t i = 0; i < candidates.size(0); ++i) {
    const auto feature = candidates[i].item<int64_t>();
    const auto column = x.select(1, feature).to(torch::kFloat64);
    const auto far = far_value(column);
    if (!far || features++ > 0) continue;
    const auto row = column.eq(far->value).nonzero()[0].item<int64_t>();
    text = "; " + position_text(points, row, feature) + " is " + number_text(far->value) +
           ", far from the other values, whose deviation is " + number_text(far->deviation);
  }
  if (features > 1) text += ", and " + count_text(features - 1, "other feature") + " alike";
  return features == 0 ? "" : text + "; if it is a mistake, correct it or leave the row out";
}

/// "; all but 1 of 4000 values are 0 or 1: row 3 …" if three values at most, and not one in five
/// hundred, keep the others from being bits, or counts of many things; "" otherwise.
std::string said_of_strays(const Points& points) {
  constexpr int64_t kMost = 3, kOneIn = 500;
  const auto& x = points.values;
  const int64_t n = x.numel();
  const auto few = [&](const torch::Tensor& strays) {
    const auto count = strays.sum().item<int64_t>();
    return count > 0 && count <= kMost && kOneIn * count < n;
  };
  const auto said = [&](const torch::Tensor& strays, const std::string& what) {
    const auto first = strays.nonzero()[0];  // [2]
    const auto row = first[0].item<int64_t>(), feature = first[1].item<int64_t>();
    return "; all but " + std::to_string(strays.sum().item<int64_t>()) + " of " +
           std::to_string(n) + " values are " + what + ": " + position_text(points, row, feature) +
           " is " + number_text(x[row][feature].item<double>());
  };
  const auto no_bits = x.ne(0).logical_and_(x.ne(1));
  if (few(no_bits)) return said(no_bits, "0 or 1");
  if (!may_be_counts_of_many(points.shape)) return "";
  const auto no_counts = x.lt(0).logical_or_(x.gt(kMostCounted)).logical_or_(x.remainder(1).ne(0));
  if (!few(no_counts) || !are_counts_of_many(x.masked_fill(no_counts, 0))) return "";
  return said(no_counts, "counts from 0 to " + number_text(kMostCounted));
}

void standardise(const Moments& moments, Preprocessing& preprocessing) {
  preprocessing.shift = moments.mean;
  const auto none = moments.deviation.to(torch::kFloat32).eq(0);
  preprocessing.scale = torch::where(none, torch::ones_like(moments.deviation), moments.deviation);
}

/// Whether levels are drawn as bits. A colour hardly is one, but what an earlier version trained on
/// colours under a Bernoulli likelihood read their bits.
bool as_bits(const std::string& binarise, bool colour, const std::string& likelihood) {
  if (binarise != "auto") return binarise == "dynamic";
  return !colour || likelihood == "bernoulli";
}

/// The likelihood that the values are for: the model's, or the usual one if that is not chosen yet.
std::string for_likelihood(const std::string& usual, const std::string& given) {
  std::string name = given.empty() ? usual : given;
  std::replace(name.begin(), name.end(), '_', ' ');
  if (name != "discretised logistic") name.front() = static_cast<char>(std::toupper(name.front()));
  return ", for a " + name + " likelihood";
}

std::string levels_text(const std::vector<int64_t>& shape, const Levels& levels, bool bits,
                        const std::string& likelihood) {
  const bool colour = is_colour(shape);
  const bool as_they_are = levels.black == 0 && levels.white == 1;
  std::string text = std::string(colour ? "colours" : "grey levels") + " from " +
                     number_text(levels.black) + " to " + number_text(levels.white);
  if (levels.found) text += ", the brightest there is";
  if (levels.two_only) text += ", with none between";
  if (levels.black != 0) text += ", moved to 0 to 1";
  if (levels.white != 1) text += ", divided by " + number_text(levels.white);
  if (bits) {
    text += std::string(as_they_are ? "," : " and") + " drawn as bits at each presentation" +
            for_likelihood("bernoulli", likelihood);
  } else if (levels.two_only) {
    text += for_likelihood("bernoulli", likelihood);
  } else {
    text += std::string(as_they_are ? ", taken as they are" : "") + ", not binarised";
    if (!colour) text += for_likelihood("gaussian", likelihood);
  }
  if (levels.found && levels.white <= kBrightest) {
    text += " (if 255 is white, set data.values = \"grey\")";
  }
  if (shape.size() == 3 && shape[0] == 3 && !colour) {
    text += " (if they are colour images, put the colours last: [N, H, W, 3])";
  }
  return text;
}

/// What points come last in, if it looks like it: [H, W, N] with H = W, or far more features than
/// points. "" otherwise.
std::string said_of_order(const Points& points) {
  constexpr int64_t kFew = 10, kManyTimes = 10;
  const int64_t n = points.values.size(0), D = points.values.size(1);
  const auto& shape = points.shape;
  if (shape.size() == 2 && shape[0] == n && shape[1] > n) {
    return " (if they are " + std::to_string(shape[1]) + " images of " +
           shape_text(std::vector<int64_t>{n, n}) +
           ", put the images first: numpy.moveaxis(array, -1, 0))";
  }
  if (shape.size() != 1 || n >= kFew || D < kManyTimes * n) return "";
  return " (if they are " + std::to_string(D) + " points of " + std::to_string(n) +
         " numbers, transpose them)";
}

/// A fourth channel, or a second, is neither drawn nor meant to be learnt from; of more, as of
/// MATLAB's [H, W, 3, N], the points may not even be points. Of colours that come first it is said.
void refuse_channels(const Points& points) {
  const auto& shape = points.shape;
  if (shape.size() != 3 || is_colour(shape) || shape[0] == 3) return;
  const bool alpha = shape[2] == 2 || shape[2] == 4;
  throw DataError(points.name + ": " + std::to_string(points.values.size(0)) + " points of size " +
                  shape_text(shape) + " have " + std::to_string(shape[2]) + " channels" +
                  (shape[2] == 4 ? ", as RGBA" : "") +
                  "; images are grey, [N, H, W], or colour, [N, H, W, 3]: " +
                  (alpha ? "leave out the others"
                         : "put the points first and the colours last (of MATLAB's [H, W, 3, N]: "
                           "numpy.moveaxis(array, -1, 0))") +
                  ", or set data.values = \"standardised\" to take all as plain numbers");
}

/// Black and white of what reads all features alike; nothing if each has a scale of its own.
std::optional<Levels> levels_read_by(const Preprocessing& how) {
  if (how.counts) return std::nullopt;
  const Extremes shift = range_of(how.shift), scale = range_of(how.scale);
  if (shift.least != shift.most || scale.least != scale.most) return std::nullopt;
  return Levels{shift.least, shift.least + scale.least};
}

/// Whether values from `own.least` to `own.most` were meant for other levels than a model's, which
/// would see them all but black, or all in the brighter half.
bool are_other_levels(const Levels& levels, const Extremes& own) {
  if (own.least < 0 || own.most <= 0) return false;
  if (levels.black < 0) return own.most <= 1;
  const bool deep = levels.white > 16 * kBrightest - 1;  // 12 bits or more
  return levels.white > 1 && own.most <= (deep ? kBrightest : 1);
}

}  // namespace

void put_back_rounding(Points& points) {
  constexpr double rounding = 1e-6;
  if (points.shape.size() < 2 || !points.values.is_floating_point()) return;
  const Extremes range = range_of(points.values);
  const double black = range.least < -rounding ? -1 : 0;
  if (range.least < black - rounding || range.most > 1 + rounding) return;
  if (range.least < black || range.most > 1) points.values = points.values.clamp(black, 1);
}

bool reads_levels(const Preprocessing& how) {
  return levels_read_by(how).has_value();
}

double white_read_by(const Preprocessing& how) {
  const auto levels = levels_read_by(how);
  return levels && levels->black == 0 ? levels->white : 0;
}

bool reads_fractions(const Preprocessing& how) {
  const auto levels = levels_read_by(how);
  return levels && levels->white == 1 && (levels->black == 0 || levels->black == -1);
}

void check_levels(const Preprocessing& how, const Points& points) {
  const auto levels = levels_read_by(how);
  if (!levels) return;
  const bool fractions = levels->black == 0 && levels->white == 1;
  const bool moved = levels->black == -1 && levels->white == 1;
  const bool agreed = levels->black == 0 && levels->white > 1 && is_agreed(levels->white);
  const Extremes own = range_of(points.values);
  // Of what is read from 0 to 1 it is known that it was levels if not all were whole numbers.
  const bool whole = !how.whole.defined() || how.whole.all().item<bool>();
  const bool bytes = fractions && !whole && points.shape.size() >= 2 && own.most > 1 &&
                     own.least >= 0 && all_whole(points.values);
  if (bytes || ((agreed || moved) && are_other_levels(*levels, own))) {
    throw DataError(points.name + " holds values from " + number_text(own.least) + " to " +
                    number_text(own.most) + ", but the model was trained on levels from " +
                    number_text(levels->black) + " to " + number_text(levels->white) + "; " +
                    (agreed && own.most <= 1
                         ? "multiply the values by " + number_text(levels->white)
                         : "rescale the values to that"));
  }
  if (agreed || moved) check_range(points.values, levels->black, levels->white, points, kRescale);
}

bool may_be_counts_of_many(const std::vector<int64_t>& shape) {
  constexpr int64_t kFewest = 200;
  return shape.size() == 1 && shape[0] >= kFewest;
}

bool are_counts_of_many(const torch::Tensor& raw) {
  constexpr double kZeros = 1.0 / 3, kRounding = 0.1;  // of those restored from logarithms
  const Extremes range = range_of(raw);
  if (range.least < -kRounding || range.most <= 1.5 || range.most > kMostCounted) return false;
  int64_t zeros = 0;
  for (int64_t start = 0; start < raw.size(0); start += kRows) {
    const auto rows = raw.slice(0, start, start + kRows).to(torch::kFloat64);
    const auto whole = rows.round();
    if (rows.sub(whole).abs_().max().item<double>() > kRounding) return false;
    zeros += whole.eq(0).sum().item<int64_t>();
  }
  return static_cast<double>(zeros) >= kZeros * static_cast<double>(raw.numel());
}

void check_counts(const Points& points, bool trained) {
  const std::string advice = trained ? "give counts, whole numbers, as the training data had"
                                     : "set data.values = \"standardised\" for other numbers";
  check_range(points.values, 0, kMostCounted, points, advice.c_str());
  if (all_whole(points.values)) return;
  refuse(points.values.ne(points.values.round()), points.values, points, ", no count; " + advice);
}

torch::Tensor means_of_present(const Points& points, const torch::Tensor& train) {
  const auto there = points.values.index_select(0, train).to(torch::kFloat64);  // [n, D]
  const auto means = there.nanmean(0);
  const auto none = means.isnan().nonzero();
  if (none.size(0) == 0) return means;
  throw DataError(points.name + ": " + feature_text(points, none[0].item<int64_t>()) +
                  " is missing in all training points, so there is no mean to fill it in with; "
                  "leave it out: set data.drop");
}

void fill_missing(const torch::Tensor& fill, Points& points) {
  const auto missing = points.values.isnan();  // [N, D]
  const auto count = missing.sum().item<int64_t>();
  if (count == 0) return;
  points.values = torch::where(missing, fill, points.values);
  add_note(std::to_string(count) + (count == 1 ? " missing cell is" : " missing cells are") +
               " filled in with the mean of the column over the training points",
           points.note);
}

int64_t points_that_differ(const Points& points, const Preprocessing& how) {
  if (!how.constant.defined()) return 0;
  const auto features = constant_features(how);
  const auto constant = how.constant.index_select(0, features);  // [n]
  int64_t count = 0;
  for (int64_t start = 0; start < points.values.size(0); start += kRows) {
    const auto rows = points.values.slice(0, start, start + kRows).index_select(1, features);
    count += rows.to(torch::kFloat64).ne(constant).any(1).sum().item<int64_t>();
  }
  return count;
}

std::string said_of_constants(const Points& points, const Preprocessing& how, int64_t others) {
  if (!how.constant.defined()) return "";
  const auto features = constant_features(how);
  const int64_t n = features.size(0);
  std::string text = feature_text(points, features[0].item<int64_t>());
  if (n > 1) text += " and " + std::to_string(n - 1) + (n > 2 ? " others" : " other");
  text += std::string(n > 1 ? " are" : " is") +
          " constant over the training points and left out of the likelihood";
  if (others > 0) {
    text += "; " + std::to_string(others) +
            (others > 1 ? " other points differ there, which is"
                        : " other point differs there, which is") +
            " not looked at";
  }
  return text;
}

std::string said_of_other_scale(const Points& points, const torch::Tensor& x,
                                const Preprocessing& how) {
  constexpr int64_t kPoints = 10;
  constexpr double kDeviations = 20;
  if (points.shape.size() > 1 || x.size(0) < kPoints || levels_read_by(how) || how.counts)
    return "";
  const auto beyond = x.abs().gt(kDeviations).sum(0);                 // [D]
  const auto far = beyond.mul(2).gt(x.size(0)).nonzero().squeeze(1);  // [n]
  const int64_t n = far.size(0);
  if (n == 0) return "";
  return feature_text(points, far[0].item<int64_t>()) +
         (n > 1 ? " and " + std::to_string(n - 1) + (n > 2 ? " others lie" : " other lie")
                : " lies") +
         " over twenty deviations from where the training points have " + (n > 1 ? "them" : "it") +
         ", in most points; give the same units";
}

void cap_levels(const Preprocessing& preprocessing, Points& points) {
  const double black = preprocessing.shift.max().item<double>();
  const double white = black + preprocessing.scale.max().item<double>();
  const auto most = points.values.max().item<double>();
  if (black == 0 && white > 1 && !is_agreed(white) && most > white && most <= 2 * white) {
    const auto brighter = points.values.gt(white).sum().item<int64_t>();
    points.values = points.values.clamp_max(white);
    add_note(std::to_string(brighter) + " numbers above " + number_text(white) +
                 ", the brightest that the model was trained on, count as that",
             points.note);
  }
  check_range(points.values, black, white, points, kRescale);
}

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
                                         const std::string& likelihood, const torch::Tensor& fill) {
  const int64_t features = points.values.size(1);
  const Extremes range = range_of(points.values);
  const bool counted =
      values == "auto" &&
      (likelihood.empty() ? !fill.defined() && may_be_counts_of_many(points.shape) &&
                                all_whole(points.values) && are_counts_of_many(points.values)
                          : is_of_counts(likelihood));
  const bool binary = values == "auto" && !counted && all_bits(points.values);
  const auto seen =
      values == "auto" && !counted && !binary ? levels_of(points, range) : std::nullopt;
  const std::string kind = values != "auto" ? values
                           : counted        ? "counts"
                           : binary         ? "binary"
                           : seen           ? "grey"
                                            : "standardised";
  // An opened run has a likelihood, and its earlier version took such points.
  if (values == "auto" && likelihood.empty()) refuse_channels(points);

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
    what = "0 or 1, taken as they are" + for_likelihood("bernoulli", likelihood);
  } else if (kind == "grey") {
    const Levels levels = seen ? *seen : Levels{0, range.most > 1 ? kBrightest : 1.0};
    check_range(points.values, levels.black, seen ? levels.white : kBrightest, points,
                "grey levels lie in 0 to 1 or 0 to 255; set data.values = \"standardised\"");
    preprocessing.shift.fill_(levels.black);
    preprocessing.scale.fill_(levels.white - levels.black);
    // Draws of black and white are what they are drawn from.
    preprocessing.binarise = (!levels.two_only || binarise == "dynamic") &&
                             as_bits(binarise, is_colour(points.shape), likelihood);
    what = levels_text(points.shape, levels, preprocessing.binarise, likelihood);
  } else if (kind == "counts") {
    check_counts(points, /*trained=*/false);
    preprocessing.counts = true;
    what = "counts from " + number_text(range.least) + " to " + number_text(range.most) +
           ", read as log(1 + count)" + for_likelihood("negative_binomial", likelihood);
  } else if (kind == "standardised") {
    const Moments moments = moments_of(points.values.index_select(0, train));
    standardise(moments, preprocessing);
    what =
        "numbers, standardised, each feature by its mean and deviation over the training points" +
        for_likelihood("gaussian", likelihood);
    // Counts and scores are mostly small, and would be all but black as grey levels.
    const bool pixels = range.least >= 0 && range.most > kBrightest / 2 &&
                        range.most <= kBrightest &&
                        points.values.eq(points.values.round()).all().item<bool>();
    if (values == "auto" && pixels) what += " (if they are pixels, set data.values = \"grey\")";
    what += said_of_digits(points, moments);
    const std::string strays = values == "auto" ? said_of_strays(points) : "";
    what += strays.empty() ? said_of_far_values(points) : strays;
  } else {
    what = "numbers, taken as they are" + for_likelihood("gaussian", likelihood);
  }
  if (binarise == "dynamic" && kind != "grey") {
    throw ConfigError("data.binarise is \"dynamic\", but the values of " + points.name + " are " +
                      kind +
                      "; only grey levels are binarised: set data.values = \"grey\" or "
                      "data.binarise = \"none\"");
  }
  if (have_density(points, kind, preprocessing, likelihood)) {
    preprocessing.constant = constants_of(points.values.index_select(0, train));
  }
  if (kind != "binary" && !preprocessing.binarise) {
    preprocessing.whole = whole_features(points.values, fill);
    if (!preprocessing.counts) {
      preprocessing.range = limits_of(points.values.index_select(0, train));
    }
  }
  preprocessing.fill = fill;
  preprocessing.log_volume = log_volume_of(preprocessing);
  chosen.said = std::to_string(points.values.size(0)) + " points of size " +
                shape_text(points.shape) + said_of_order(points) + ": " + what;
  return chosen;
}

}  // namespace clade
