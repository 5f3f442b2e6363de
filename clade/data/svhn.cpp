#include "clade/data/svhn.h"

#include <algorithm>
#include <array>

#include "clade/core/error.h"
#include "clade/data/arrays.h"
#include "clade/formats/mat.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

constexpr std::array<int64_t, 3> kDigitSizes = {32, 32, 3};

}  // namespace

bool holds_svhn(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "train_32x32.mat", ignored) ||
         fs::exists(folder / "test_32x32.mat", ignored);
}

bool holds_svhn_images(const std::string& path) {
  const auto variables = mat_variables(path);
  return std::any_of(variables.begin(), variables.end(), [](const MatVariable& variable) {
    return variable.name == "X" && variable.kind == "uint8" && variable.sizes.size() == 4 &&
           std::equal(kDigitSizes.begin(), kDigitSizes.end(), variable.sizes.begin());
  });
}

std::optional<std::vector<std::string>> svhn_digits(std::vector<std::string> classes) {
  for (std::string& text : classes) {
    const double number = parse_number(text).value_or(0);
    if (number < 1 || number > 10) return std::nullopt;
    if (number == 10) text = "0";
  }
  return classes;
}

Points read_svhn(const fs::path& file) {
  const std::string path = file.string();
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw DataError("there is no file " + path + " of svhn; copy it there beside the other one");
  }
  if (!holds_svhn_images(path)) {
    throw DataError(path +
                    ", variable X, is not of uint8 images, 32x32x3xN; download SVHN's "
                    "cropped digits (format 2) again");
  }
  const auto images = read_mat_points(path, "X").values;  // [N, H, W, 3]
  const int64_t n = images.size(0);
  const auto digits = svhn_digits(spell_labels(read_mat_points(path, "y"), path + ":y"));
  if (!digits || static_cast<int64_t>(digits->size()) != n) {
    throw DataError(path + ", variable y, is not a class from 1 to 10 for each of " +
                    std::to_string(n) + " images; download it again");
  }
  Points points;
  points.name = "svhn";
  points.shape = images.sizes().slice(1).vec();
  points.values = images.flatten(1);
  encode_labels(*digits, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, points);
  return points;
}

}  // namespace clade
