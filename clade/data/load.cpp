#include "clade/data/load.h"

#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/data/label_budget.h"
#include "clade/data/named_sets.h"
#include "clade/data/points.h"
#include "clade/data/preprocessing.h"
#include "clade/data/repeats.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/formats/image_sides.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

constexpr uint64_t kBinarisationSeed = 20191130;  // Any constant does: it may only never change.
constexpr int64_t kTenth = 10;

struct Indices {
  torch::Tensor train;       // [n] int64
  torch::Tensor validation;  // [n] int64
  torch::Tensor test;        // [n] int64
};

torch::Tensor all_indices(int64_t from, int64_t to) {  // [to - from]
  return torch::arange(from, to, torch::kInt64);
}

int64_t training_points(int64_t available, int64_t validation, int64_t test,
                        const std::string& name) {
  if (validation < available && test < available - validation) return available - validation - test;
  throw ConfigError("data.validation = " + std::to_string(validation) +
                    (test > 0 ? " and data.test = " + std::to_string(test) : "") +
                    " leave nothing to train on: " + name + " has " + std::to_string(available) +
                    " points; lower them");
}

Indices split_named(int64_t train, int64_t test, const DataOptions& options) {
  const int64_t validation =
      options.validation < 0 ? named_set(options.name).validation : options.validation;
  if (options.test > test) {
    throw ConfigError("data.test is " + std::to_string(options.test) + "; " + options.name +
                      " has " + std::to_string(test) + " test points");
  }
  const int64_t kept = training_points(train, validation, /*test=*/0, options.name);
  return {all_indices(0, kept), all_indices(kept, train),
          all_indices(train, train + (options.test < 0 ? test : options.test))};
}

// labels: [n] int64, or undefined.
Indices split_file(int64_t n, const torch::Tensor& labels, const DataOptions& options,
                   uint64_t seed) {
  const int64_t validation = options.validation < 0 ? n / kTenth : options.validation;
  const int64_t test = options.test < 0 ? n / kTenth : options.test;
  const int64_t train = training_points(n, validation, test, options.path);
  Generator generator = make_generator(derive_seed(seed, "split"));
  const auto order = torch::randperm(n, generator, torch::kInt64);
  const bool spread = options.label_budget == kEveryLabel && labels.defined();
  const auto places =
      spread ? spread_over_labels(labels.index_select(0, order)) : all_indices(0, n);
  const auto part = [&](int64_t from, int64_t to) {  // in their order again
    return order.index_select(0, std::get<0>(places.slice(0, from, to).sort()));
  };
  return {part(0, train), part(train, train + validation), part(train + validation, n)};
}

/// `asked` points, if that is not negative, drawn from `part`, of which there are enough; of an
/// empty part those at the end of `train`, which loses them, a tenth if nothing is asked. [n]
/// int64.
torch::Tensor take_part(const torch::Tensor& part, int64_t asked, const std::string& setting,
                        const DataOptions& options, torch::Tensor& train, Generator& generator) {
  const int64_t given = part.numel(), n = train.numel();
  if (given == 0) {
    const int64_t taken = asked < 0 ? n / kTenth : asked;
    const int64_t kept = training_points(n, taken, /*test=*/0, options.path);
    const auto end = train.slice(0, kept);
    train = train.slice(0, 0, kept);
    return end;
  }
  if (asked > given) {
    throw ConfigError(setting + " is " + std::to_string(asked) + "; " + options.path + " has " +
                      std::to_string(given) + " such points");
  }
  if (asked < 0 || asked == given) return part;
  const auto drawn = torch::randperm(given, generator, torch::kInt64).slice(0, 0, asked);
  return part.index_select(0, std::get<0>(drawn.sort()));
}

Indices split_parts(const std::vector<Part>& parts, const DataOptions& options, uint64_t seed) {
  const auto rows_of_part = [&](Part part) {
    std::vector<int64_t> rows;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == part) rows.push_back(static_cast<int64_t>(i));
    }
    return torch::tensor(rows, torch::kInt64);
  };
  Generator generator = make_generator(derive_seed(seed, "split"));
  auto train = rows_of_part(Part::kTrain);
  train = train.index_select(0, torch::randperm(train.numel(), generator, torch::kInt64));
  const auto test =
      take_part(rows_of_part(Part::kTest), options.test, "data.test", options, train, generator);
  const auto validation = take_part(rows_of_part(Part::kValidation), options.validation,
                                    "data.validation", options, train, generator);
  return {train, validation, test};
}

torch::Tensor binarised_once(const torch::Tensor& x) {  // [N, D] -> [N, D]
  Generator generator = make_generator(kBinarisationSeed, x.device());
  return present(x, /*binarise=*/true, generator);
}

// rows: [n] int64.
Dataset take(const Points& points, const torch::Tensor& rows, const Preprocessing& preprocessing) {
  Dataset data;
  data.name = points.name;
  data.x = preprocessing.apply(points.values.index_select(0, rows));
  if (points.labels.defined()) data.labels = points.labels.index_select(0, rows);
  data.shape = points.shape;
  data.label_names = points.label_names;
  data.note = points.note;
  data.rows = points.rows.defined() ? points.rows.index_select(0, rows) : rows;
  data.rows_of_file = points.rows_of_file == points.values.size(0) ? 0 : points.rows_of_file;
  data.names = points.names.of(rows);
  data.index = points.index.of(rows);
  data.columns = points.columns;
  return data;
}

/// The rows among `train`, [n] int64, whose labels a model may learn from.
torch::Tensor rows_to_learn_from(const Points& points, const torch::Tensor& train, int64_t budget,
                                 uint64_t seed) {
  const bool none = budget == kEveryLabel && !points.labels.defined();
  if (budget == 0 || none) return train.slice(0, 0, 0);
  if (!points.labels.defined()) {
    throw ConfigError("data.label_budget is " + std::to_string(budget) + ", but " + points.name +
                      " has no labels; name them by data.labels (--labels), or set it to 0");
  }
  if (budget == kEveryLabel) {
    return train.index_select(0, labelled_rows(points.labels.index_select(0, train)));
  }
  Generator generator = make_generator(derive_seed(seed, "labels"));
  return train.index_select(0, draw_labelled(points.labels.index_select(0, train), budget,
                                             points.label_names, generator));
}

std::string known_names() {
  std::string names;
  for (const NamedSet& set : named_sets()) {
    if (!names.empty()) names += ", ";
    names += set.name;
  }
  return names;
}

int64_t count(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

// The files of a run name them, in formats that can hold no other text.
void require_utf8(const std::vector<std::string>& names, const std::string& kind,
                  const std::string& path) {
  for (const std::string& name : names) {
    if (is_utf8(name)) continue;
    throw DataError(path + ": the name of " + kind + " " + name +
                    " is not UTF-8; rename it, or save the file as UTF-8");
  }
}

// Whether each has a name of its own.
bool names_apart(const std::vector<std::string>& columns) {
  const std::set<std::string> names(columns.begin(), columns.end());
  return names.size() == columns.size() && names.count("") == 0;
}

/// Whether x, [N, D], are 256 levels from 0 to 1.
bool are_levels(const torch::Tensor& x) {
  const auto levels = x.mul(255).round_();
  const auto same = x.sub(levels.div(255)).abs_().lt(1e-5);
  return same.logical_and_(levels.ge(0)).logical_and_(levels.le(255)).all().item<bool>();
}

/// Whether the values are bits, or black and white: a single point or constant features are
/// standardised to zeros, too, but black is 0, or -1 if white is 1.
bool are_bits(const Splits& splits) {
  const Preprocessing& done = splits.preprocessing;
  const auto& x = splits.train.x;
  const auto black = done.shift.eq(0).logical_or(done.shift.eq(-1).logical_and(done.scale.eq(2)));
  return black.all().item<bool>() && x.eq(0).logical_or(x.eq(1)).all().item<bool>();
}

/// What a user may have meant instead by the name of a set, if there is something so called.
std::string note_namesake(const std::string& name) {
  std::error_code ignored;
  if (!std::filesystem::exists(name, ignored)) return "";
  return name + " is the named set, not the " +
         (std::filesystem::is_directory(name, ignored) ? "folder" : "file") +
         " of that name here, which is ./" + name;
}

std::string of_named_set(const std::string& labels) {
  return labels == kNoLabels ? "" : labels;
}

void drop_labels(Points& points) {
  points.labels = torch::Tensor();
  points.label_names.clear();
}

bool asked(const ImageReading& images) {
  return images.greyscale || !images.resize.empty();
}

}  // namespace

std::vector<Option> DataOptions::options() {
  return {
      {"name", &name, "a set known by name: " + known_names()},
      {"path", &path,
       "your data: .npy, .npz, .mat, .h5ad, IDX, CSV or TSV, but for .mat and .h5ad also gzipped, "
       "or a folder of PNG and JPEG images; with name, the folder of that set"},
      {"labels", &labels,
       "labels for scores, and label_budget of them for training: a file, a column of the table "
       "(name, or number from 1), an array of the .npz or .mat, a column of the .h5ad's obs, or "
       "one of the kinds a named set has; a folder of images has its subfolders. An empty cell, "
       "NaN "
       "or -1 is an unknown label; none leaves out those that the data bring"},
      {"label_budget", &label_budget, at_least(kEveryLabel),
       "how many labels of training points a model that learns from labels may see, drawn by the "
       "seed, evenly over the classes; 0 for none; -1 for all that are known but those held back, "
       "which are validation's and test's shares of each class. Such a model of your own data has "
       "-1 if nothing is set, of a named set 0"},
      {"resize", &images.resize,
       "[H, W] to which the images of a folder are resized; [] leaves them and wants one size"},
      {"greyscale", &images.greyscale, "the colours of an image folder become grey levels"},
      {"id", &table.id,
       "the column of a table that names its rows: no feature, but written beside what is found"},
      {"drop", &table.drop, "columns of a table to leave out, by names or numbers"},
      {"categories", &table.categories, any_of({"refuse", "onehot"}),
       "columns of words: refuse, or onehot: each word becomes a feature of 0 and 1"},
      {"missing", &table.missing, any_of({"refuse", "drop", "mean"}),
       "missing cells of a table, NaN of an array: refuse, drop: their rows are left out, and "
       "counted, or mean: the "
       "mean of the column over the training points stands for them"},
      {"values", &values, any_of({"auto", "binary", "grey", "counts", "standardised", "raw"}),
       "what the values are: auto (looked at, and said), binary, grey (0 to 1 or 0 to 255), counts "
       "(whole numbers from 0 on, of which networks read log(1 + count)), standardised (each "
       "feature to mean 0, deviation 1) or raw"},
      {"binarise", &binarise, any_of({"auto", "dynamic", "none"}),
       "levels as bits drawn at each presentation: dynamic does, none does not, auto does but for "
       "colours, and for those under a Bernoulli likelihood"},
      {"validation", &validation, at_least(-1),
       "points for early stopping; -1 for a tenth, or as many as usual of a named set"},
      {"test", &test, at_least(-1),
       "points for the final figures; -1 for all of a named set, a tenth of a file"},
  };
}

void DataOptions::validate_together() const {
  if (name.empty() && path.empty()) {
    throw ConfigError("there are no data; set data.path to a file or data.name to one of " +
                      known_names());
  }
  const bool sides = std::all_of(images.resize.begin(), images.resize.end(), [](int64_t side) {
    return side >= 1 && side <= kMostPixelsASide;
  });
  if (!sides || (!images.resize.empty() && images.resize.size() != 2)) {
    throw ConfigError("data.resize is " + shape_text(images.resize) +
                      "; it must be [H, W], each from 1 to " + std::to_string(kMostPixelsASide) +
                      ", or []");
  }
  if (name.empty()) return;
  const NamedSet& set = named_set(name);
  check_labels(set, of_named_set(labels));
  if (asked(images)) {
    throw ConfigError("data.resize and data.greyscale are for folders of images, and " + name +
                      " has a size of its own; remove them");
  }
  if (!table.id.empty() || !table.drop.empty()) {
    throw ConfigError("data.id and data.drop are for tables, and " + name +
                      " has no columns with names; remove them");
  }
  std::error_code ignored;
  if (!path.empty() && set.drawn) {
    throw ConfigError("data.path is " + path + ", but " + name + " is drawn; remove one of them");
  }
  if (!path.empty() && !std::filesystem::is_directory(path, ignored)) {
    throw ConfigError("data.path is " + path + " and data.name is " + name +
                      "; give the folder of that set, or remove one of them");
  }
}

Splits load_splits(const DataOptions& options, uint64_t seed, const std::string& likelihood,
                   const Preprocessing* done) {
  options.validate("data");
  Points points;
  Indices rows;
  std::string values = options.values;
  if (options.name.empty()) {
    std::error_code ignored;
    if (asked(options.images) && !std::filesystem::is_directory(options.path, ignored)) {
      throw ConfigError("data.resize and data.greyscale are for folders of images, and " +
                        options.path + " is a file; remove them");
    }
    ImageReading images = options.images;
    if (done != nullptr) images.bits = done->images.bits;
    points = done == nullptr
                 ? read_points(options.path, options.labels, {}, images, {}, options.table)
                 : read_points(options.path, options.labels, {}, images, {}, done->table,
                               {done->columns, done->shift.numel()});
    rows = points.parts.empty() ? split_file(points.values.size(0), points.labels, options, seed)
                                : split_parts(points.parts, options, seed);
  } else {
    NamedPoints named =
        read_named_set(options.name, options.path, of_named_set(options.labels), seed);
    rows = split_named(named.train.values.size(0), named.test.values.size(0), options);
    points = std::move(named.train);
    points.values = torch::cat({points.values, named.test.values});
    points.labels = torch::cat({points.labels, named.test.labels});
    if (options.labels == kNoLabels) drop_labels(points);
    add_note(note_namesake(options.name), points.note);
    if (values == "auto") values = named_set(options.name).values;
  }
  torch::Tensor fill;  // [D]
  if (points.table.missing == "mean") {
    fill = done == nullptr ? means_of_present(points, rows.train) : done->fill;
    fill_missing(fill, points);
  }
  const bool fractions =
      done == nullptr ? values == "auto" || values == "grey" : reads_fractions(*done);
  if (fractions) put_back_rounding(points);
  auto [preprocessing, said] =
      choose_preprocessing(points, rows.train, values, options.binarise, likelihood, fill);
  const Fingerprint fingerprint =
      fingerprint_of(points.values, rows.train, rows.validation, preprocessing);
  preprocessing.images = points.images;
  preprocessing.table = points.table;
  if (names_apart(points.columns)) preprocessing.columns = points.columns;
  if (done != nullptr) preprocessing = *done;
  const int64_t others = points_that_differ(points, preprocessing);
  add_note(said_of_constants(points, preprocessing, others), said);
  if (options.name.empty()) {
    add_note(said_of_repeats(points, rows.train, torch::cat({rows.validation, rows.test})), said);
  }
  add_note(points.note, said);
  if (options.label_budget > 0) {
    said += "; " + std::to_string(options.label_budget) +
            (options.label_budget == 1 ? " training label is" : " training labels are") +
            " for a model that learns from labels";
  }
  Splits splits{take(points, rows.train, preprocessing),
                take(points, rows.validation, preprocessing),
                take(points, rows.test, preprocessing), preprocessing, said};
  require_utf8(points.label_names, "label", options.path);
  require_utf8(points.columns, "column", options.path);
  splits.fingerprint = fingerprint;
  const auto learned = rows_to_learn_from(points, rows.train, options.label_budget, seed);  // [n]
  splits.labelled = take(points, learned, preprocessing);
  if (learned.size(0) > 0) {
    splits.fingerprint.labels = fingerprint_of_labels(learned, splits.labelled.labels);
    const auto known = labelled_rows(points.labels);
    splits.fingerprint.all_labels =
        fingerprint_of_labels(known, points.labels.index_select(0, known));
  }
  if (options.label_budget == kEveryLabel && learned.size(0) > 0) {
    add_note(said_of_held_back(splits.labelled.labels, points.labels, points.label_names),
             splits.said);
  }
  if (preprocessing.binarise) {
    splits.validation.x = binarised_once(splits.validation.x);
    splits.test.x = binarised_once(splits.test.x);
  }
  return splits;
}

Dataset load_points(const std::string& path, const std::string& labels,
                    const Preprocessing& preprocessing, const std::vector<int64_t>& shape,
                    const std::vector<std::string>& label_names) {
  const NamedSet* set = find_named_set(path);
  const bool named = set != nullptr;
  if (named) check_labels(*set, of_named_set(labels));
  ImageReading images = preprocessing.images;
  if (images.bits == 16) images.white = white_read_by(preprocessing);
  Points points = named ? read_named_set(path, /*folder=*/"", of_named_set(labels), /*seed=*/0).test
                        : read_points(path, labels, label_names, images, shape, preprocessing.table,
                                      {preprocessing.columns, count(shape)});
  if (named && labels == kNoLabels) drop_labels(points);
  if (named) add_note(note_namesake(path), points.note);
  const int64_t expected = count(shape);
  if (points.values.size(1) != expected) {
    throw DataError(path + ": points have " + std::to_string(points.values.size(1)) +
                    " features (" + shape_text(points.shape) + "), the model was trained on " +
                    std::to_string(expected) + " (" + shape_text(shape) + "); give such points" +
                    (points.values.size(1) == expected + 1 && labels.empty()
                         ? ", or name the column of labels with --labels if there is one"
                         : ""));
  }
  // Rows of as many numbers may be such points written flat; images of other sides are others.
  if (points.shape.size() > 1 && shape.size() > 1 && points.shape != shape) {
    throw DataError(path + ": points of size " + shape_text(points.shape) +
                    ", the model was trained on " + shape_text(shape) + "; give such points" +
                    (is_colour(shape) ? ", the colours last" : ""));
  }
  points.shape = shape;
  if (preprocessing.fill.defined()) fill_missing(preprocessing.fill, points);
  if (const int64_t others = points_that_differ(points, preprocessing); others > 0) {
    add_note(said_of_constants(points, preprocessing, others), points.note);
  }
  if (preprocessing.counts) check_counts(points, /*trained=*/true);
  if (reads_fractions(preprocessing)) put_back_rounding(points);
  check_levels(preprocessing, points);
  if (preprocessing.binarise) cap_levels(preprocessing, points);
  Dataset data = take(points, all_indices(0, points.values.size(0)), preprocessing);
  if (preprocessing.binarise) data.x = binarised_once(data.x);
  add_note(said_of_other_scale(points, data.x, preprocessing), data.note);
  return data;
}

std::string suggested_likelihood(const Splits& splits) {
  if (splits.preprocessing.binarise || are_bits(splits)) return "bernoulli";
  if (splits.preprocessing.counts) return "negative_binomial";
  const bool levels = is_colour(splits.train.shape) && are_levels(splits.train.x);
  return levels ? kColourLikelihood : "gaussian";
}

void check_likelihood(const DataOptions& options, const Splits& splits,
                      const std::string& likelihood) {
  const bool counts = splits.preprocessing.counts;
  if (is_of_counts(likelihood) && !counts) {
    throw ConfigError("model.likelihood is \"" + likelihood + "\", and data.values is \"" +
                      options.values + "\"; set data.values = \"counts\", or leave it out");
  }
  if (counts ? is_of_counts(likelihood) : likelihood == "bernoulli") return;
  const std::string given = "model.likelihood is \"" + likelihood + "\", but the values of " +
                            splits.train.name + " are ";
  if (counts) {
    throw ConfigError(given +
                      "read as counts; leave it out, or set data.values = \"standardised\"");
  }
  if (splits.preprocessing.binarise) {
    throw ConfigError(given +
                      "drawn as bits, of which it is no probability; leave it out, or set "
                      "data.binarise = \"none\"");
  }
  if (options.values == "standardised" || options.values == "raw" || !are_bits(splits)) return;
  throw ConfigError(given +
                    "0 or 1, of which it is no probability; leave it out, or set data.values = "
                    "\"standardised\" to take them as numbers");
}

void check_values(const Dataset& data, const std::string& likelihood, const std::string& advice) {
  if (!is_bounded(likelihood)) return;
  Points points;
  points.name = data.name;
  points.shape = data.shape;
  points.rows = data.rows;
  points.columns = data.columns;
  check_range(data.x, 0, 1, points, "a " + likelihood + " likelihood takes 0 to 1: " + advice);
}

}  // namespace clade
