#include "clade/data/named_sets.h"

#include <torch/torch.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <numbers>

#include "clade/core/error.h"
#include "clade/core/random.h"
#include "clade/core/range.h"
#include "clade/core/words.h"
#include "clade/data/download.h"
#include "clade/data/facets.h"
#include "clade/data/omniglot.h"
#include "clade/data/svhn.h"
#include "clade/formats/data_file.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kDrawingsSeed = 1623;   // Any constant does: it may only never change.
constexpr uint64_t kBimodalTestSeed = 61;  // Likewise.
constexpr uint64_t kArcsTestSeed = 5;      // Likewise.
constexpr uint64_t kFacetsTestSeed = 20;   // Likewise.
constexpr const char* kDebianFolder = "/usr/share/datasets/fashion-mnist";

struct ImageFile {
  const char* name;
  const char* mnist_md5;  ///< Of MNIST's file with .gz.
};
constexpr ImageFile kTrainImages = {"train-images-idx3-ubyte", "f68b3c2dcbeaaa9fbdd348bbdeb94873"};
constexpr ImageFile kTrainLabels = {"train-labels-idx1-ubyte", "d53e105ee54ea40749a09fcbcd1e9432"};
constexpr ImageFile kTestImages = {"t10k-images-idx3-ubyte", "9fb629c4189551a2d022fa330f9573f3"};
constexpr ImageFile kTestLabels = {"t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c"};
constexpr std::array kImageFiles = {kTrainImages, kTrainLabels, kTestImages, kTestLabels};

const std::vector<std::string> kDigits = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
const std::vector<std::string> kClothes = {"T-shirt/top", "Trouser",   "Pullover", "Dress",
                                           "Coat",        "Sandal",    "Shirt",    "Sneaker",
                                           "Bag",         "Ankle boot"};

std::string environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr ? value : "";
}

std::vector<std::string> missing_files(const fs::path& folder) {
  std::vector<std::string> missing;
  for (const ImageFile& file : kImageFiles) {
    if (!find_data_file(folder, file.name)) missing.push_back(std::string(file.name) + "[.gz]");
  }
  return missing;
}

fs::path cache_folder() {
  const std::string cache = environment("XDG_CACHE_HOME");
  if (!cache.empty()) return fs::path(cache) / "clade";
  const std::string home = environment("HOME");
  if (!home.empty()) return fs::path(home) / ".cache" / "clade";
  throw Error("there is nowhere to keep a download; set XDG_CACHE_HOME, HOME or data.path");
}

fs::path download_mnist() {
  const fs::path folder = cache_folder() / "mnist";
  for (const ImageFile& file : kImageFiles) {
    const std::string name = std::string(file.name) + ".gz";
    if (find_data_file(folder, file.name)) continue;
    download({"https://ossci-datasets.s3.amazonaws.com/mnist/" + name,
              "https://storage.googleapis.com/cvdf-datasets/mnist/" + name},
             folder / name, file.mnist_md5);
  }
  return folder;
}

fs::path find_folder(const std::string& set, const std::string& folder) {
  if (!folder.empty()) {
    const auto missing = missing_files(folder);
    if (missing.empty()) return folder;
    throw DataError("data.path: " + folder + " has no " + missing.front() + " of " + set +
                    "; give the folder that holds its four files");
  }
  std::vector<fs::path> places;
  if (const std::string data = environment("CLADE_DATA"); !data.empty()) {
    places.push_back(fs::path(data) / set);
    // Both sets use the same file names: only the plain MNIST may lie about unnamed.
    if (set == "mnist") places.emplace_back(data);
  }
  if (set == "fashion-mnist") places.emplace_back(kDebianFolder);
  for (const fs::path& place : places) {
    if (missing_files(place).empty()) return place;
  }
  if (set == "mnist") return download_mnist();
  throw DataError(
      "fashion-mnist is not installed; apt install dataset-fashion-mnist, or set "
      "data.path to the folder that holds its four files");
}

Points read_images(const fs::path& folder, const ImageFile& images, const ImageFile& labels,
                   const std::string& set) {
  const std::string label_file = find_data_file(folder, labels.name)->string();
  Points points = read_points(find_data_file(folder, images.name)->string(), label_file, kDigits);
  if (points.label_names.size() > kDigits.size()) {
    throw DataError(label_file + " has label " + points.label_names.back() + "; " + set +
                    " has 0 to 9: download it again");
  }
  points.name = set;
  if (set == "fashion-mnist") points.label_names = kClothes;
  return points;
}

Points rows_of(const Points& points, const torch::Tensor& rows) {  // [n] int64
  Points chosen = points;
  chosen.values = points.values.index_select(0, rows);
  chosen.labels = points.labels.index_select(0, rows);
  return chosen;
}

/// Where a set may lie that has several files of its own: in `folder`, or else in CLADE_DATA.
std::vector<fs::path> places_of(const std::string& folder, const std::string& set) {
  const std::string data = environment("CLADE_DATA");
  if (!folder.empty()) return {folder};
  if (data.empty()) return {};
  return {fs::path(data) / set, data};
}

NamedPoints read_drawings(const std::string& folder, const std::string& labels) {
  for (const fs::path& place : places_of(folder, "omniglot")) {
    const auto drawings = read_omniglot(place, labels);
    if (!drawings) continue;
    const auto train = drawings->test.logical_not().nonzero().squeeze(1);  // [n]
    // Files are sorted by alphabet: without a shuffle validation would be the last ones.
    Generator generator = make_generator(kDrawingsSeed);
    const auto order = torch::randperm(train.size(0), generator, torch::kInt64);
    return {rows_of(drawings->points, train.index_select(0, order)),
            rows_of(drawings->points, drawings->test.nonzero().squeeze(1))};
  }
  throw DataError((folder.empty() ? "omniglot is not in CLADE_DATA"
                                  : "data.path: there is no omniglot in " + folder) +
                  "; set data.path to the folder of chardata.mat or of images_background and "
                  "images_evaluation");
}

NamedPoints read_house_numbers(const std::string& folder) {
  for (const fs::path& place : places_of(folder, "svhn")) {
    if (!holds_svhn(place)) continue;
    return {read_svhn(place / "train_32x32.mat"), read_svhn(place / "test_32x32.mat")};
  }
  const std::string data = environment("CLADE_DATA");
  const std::string where =
      !folder.empty() ? "data.path: " + folder + " holds no svhn"
      : data.empty()  ? "svhn is not found, as CLADE_DATA is not set"
                      : "svhn is neither in CLADE_DATA, " + data + ", nor in its folder svhn";
  throw DataError(where +
                  "; it is two files of its authors' (format 2, ufldl.stanford.edu/housenumbers), "
                  "train_32x32.mat of 73257 digits and test_32x32.mat of 26032: download them, and "
                  "set data.path to their folder");
}

/// N points, half and half by chance from each component.
Points draw_bimodal(int64_t n, Generator& generator) {
  Points points;
  points.name = "bimodal-1d";
  points.shape = {1};
  points.columns = {"x"};
  points.label_names = {"0.3", "0.7"};
  points.labels = torch::randint(2, {n}, generator, torch::kInt64);
  const auto noise = torch::randn({n}, generator, torch::kFloat32);
  points.values = (0.3 + 0.4 * points.labels + 0.05 * noise).unsqueeze(1);  // [N, 1]
  return points;
}

/// N points about five arcs of unit circles, one or another by chance. The circles stand in a ring,
/// and each arc, turned a little, reaches behind the next: no five ellipses hold one each.
Points draw_arcs(int64_t n, Generator& generator) {
  constexpr double kDegree = std::numbers::pi / 180;
  constexpr double kRing = 1.3, kTurn = 45 * kDegree, kLength = 200 * kDegree, kNoise = 0.06;
  const auto at = [](const torch::Tensor& angle) {  // [N] -> [N, 2]
    return torch::stack({angle.cos(), angle.sin()}, 1);
  };
  Points points;
  points.name = "arcs-2d";
  points.shape = {2};
  points.columns = {"x", "y"};
  points.label_names = {"0", "1", "2", "3", "4"};
  points.labels = torch::randint(5, {n}, generator, torch::kInt64);
  const auto centre = points.labels * (72 * kDegree);
  const auto along =
      centre + kTurn + kLength * (torch::rand({n}, generator, torch::kFloat32) - 0.5);
  const auto noise = torch::randn({n, 2}, generator, torch::kFloat32);
  points.values = kRing * at(centre) + at(along) + kNoise * noise;  // [N, 2]
  return points;
}

}  // namespace

const std::vector<NamedSet>& named_sets() {
  static const std::vector<NamedSet> sets = {
      {"fashion-mnist", "photographs of clothes in 10 kinds, 28x28 grey levels",
       "70000 points of 784 features", "50000 train, 10000 validation, 10000 test",
       std::string("Zalando Research, MIT licence; from data.path, CLADE_DATA/fashion-mnist or ") +
           kDebianFolder + " (apt install dataset-fashion-mnist)",
       "grey"},
      {"mnist", "handwritten digits, 28x28 grey levels", "70000 points of 784 features",
       "50000 train, 10000 validation, 10000 test",
       "LeCun, Cortes and Burges, CC BY-SA 3.0; from data.path, CLADE_DATA/mnist or CLADE_DATA, "
       "else downloaded once (11 MiB)",
       "grey"},
      {"omniglot",
       "handwritten characters of 50 alphabets, 28x28 grey levels",
       "32415 (chardata.mat) or 32460 points of 784 features",
       "23000 train, 1345 validation, 8070 test (chardata.mat); else by drawer: 23000 train and "
       "1345 validation of 1 to 15, 8115 test of 16 to 20; validation drawn by a fixed seed",
       "Lake, Salakhutdinov and Tenenbaum, MIT licence; from data.path, CLADE_DATA/omniglot or "
       "CLADE_DATA, the first of: chardata.mat of Burda, Grosse and Salakhutdinov; "
       "omniglot28-{images-idx3-ubyte,alphabets-idx1-ubyte,characters-idx1-int,"
       "drawers-idx1-ubyte}[.gz]; ALPHABET/CHARACTER/NNNN_DRAWER.png, also in images_background "
       "and "
       "images_evaluation, made 28x28 and bright on dark. Bounds of the last two are not "
       "comparable digit for digit with published ones, which are on chardata.mat",
       "grey",
       {"alphabets", "characters"},
       1345},
      {"svhn",
       "digits cut from photographs of house numbers, 32x32 colours",
       "99289 points of 3072 features",
       "63257 train, 10000 validation, 26032 test",
       "Netzer et al., for non-commercial use only; train_32x32.mat and test_32x32.mat from "
       "data.path, CLADE_DATA/svhn or CLADE_DATA",
       "grey",
       {},
       10000,
       /*drawn=*/false,
       /*colours=*/true},
      {"bimodal-1d",
       "numbers drawn from 1/2 N(0.3, 0.05) + 1/2 N(0.7, 0.05)",
       "70000 points of 1 feature",
       "50000 train, 10000 validation, 10000 test",
       "train and validation drawn from the seed, test the same for every seed; CP-VAE paper, "
       "section 6.1, its 0.05 taken for the standard deviation",
       "raw",
       {},
       10000,
       /*drawn=*/true},
      {"arcs-2d",
       "points about five arcs of circles in the plane, each of which reaches behind the next",
       "10000 points of 2 features",
       "8000 train, 1000 validation, 1000 test",
       "train and validation drawn from the seed, test the same for every seed; after the "
       "synthetic "
       "data of the GMVAE paper, section 4, which gives no sizes of theirs",
       "raw",
       {},
       1000,
       /*drawn=*/true},
      {"facets-2d",
       "small colour images that can be divided by the shape they show and by its colour, "
       "independent of each other",
       "10000 points of 16x16x3 features",
       "8000 train, 1000 validation, 1000 test",
       "train and validation drawn from the seed, test the same for every seed; position, size, "
       "brightness and background vary too",
       "grey",
       {"shapes", "colours"},
       1000,
       /*drawn=*/true,
       /*colours=*/true},
  };
  return sets;
}

const NamedSet* find_named_set(const std::string& name) {
  for (const NamedSet& set : named_sets()) {
    if (set.name == name) return &set;
  }
  return nullptr;
}

const NamedSet& named_set(const std::string& name) {
  if (const NamedSet* set = find_named_set(name)) return *set;
  std::vector<std::string> names;
  for (const NamedSet& set : named_sets()) names.push_back(set.name);
  throw ConfigError("there is no data set \"" + name + "\" (data.name); " + suggest(name, names) +
                    "; a file is data.path");
}

void check_labels(const NamedSet& set, const std::string& labels) {
  if (labels.empty()) return;
  if (set.labels.empty()) {
    throw ConfigError("data.labels (--labels) is " + labels + ", but " + set.name +
                      " brings its own; leave it out");
  }
  any_of(set.labels).check("data.labels (--labels)", labels);
}

NamedPoints read_named_set(const std::string& name, const std::string& folder,
                           const std::string& labels, uint64_t seed) {
  // The test points are the same for every seed.
  const auto drawn = [&](uint64_t test_seed, int64_t train, int64_t test, const auto& draw) {
    Generator generator = make_generator(derive_seed(seed, name));
    Generator of_test = make_generator(test_seed);
    return NamedPoints{draw(train, generator), draw(test, of_test)};
  };
  if (named_set(name).name == "bimodal-1d") {
    return drawn(kBimodalTestSeed, 60000, 10000, draw_bimodal);
  }
  if (name == "arcs-2d") return drawn(kArcsTestSeed, 9000, 1000, draw_arcs);
  if (name == "facets-2d") {
    return drawn(kFacetsTestSeed, 9000, 1000, [&](int64_t n, Generator& generator) {
      return draw_facets(n, labels, generator);
    });
  }
  if (name == "omniglot") return read_drawings(folder, labels);
  if (name == "svhn") return read_house_numbers(folder);
  const fs::path found = find_folder(name, folder);
  NamedPoints points{read_images(found, kTrainImages, kTrainLabels, name),
                     read_images(found, kTestImages, kTestLabels, name)};
  if (points.train.shape != points.test.shape) {
    throw DataError(name + " in " + found.string() +
                    ": train and test images differ in size; download it again");
  }
  return points;
}

}  // namespace clade
