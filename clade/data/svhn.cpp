#include "clade/data/svhn.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/formats/mat.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDigitSide = 32, kDigitClasses = 10;

}  // namespace

bool holds_svhn(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "train_32x32.mat", ignored) ||
         fs::exists(folder / "test_32x32.mat", ignored);
}

Points read_svhn(const fs::path& file) {
  const std::string path = file.string();
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw DataError("there is no file " + path + " of svhn; copy it there beside the other one");
  }
  const auto images = read_mat_array(path, "X");  // [N, 3, W, H]
  const bool digits = images.dim() == 4 && images.scalar_type() == torch::kUInt8 &&
                      images.sizes().slice(1) == torch::IntArrayRef{3, kDigitSide, kDigitSide};
  if (!digits) {
    throw DataError(path +
                    ", variable X, is not of uint8 images, 32x32x3xN; download SVHN's "
                    "cropped digits (format 2) again");
  }
  const int64_t n = images.size(0);
  const auto classes = read_mat(path, "y").flatten();  // [N]
  const bool fits = classes.numel() == n &&
                    classes.ge(1).logical_and_(classes.le(kDigitClasses)).all().item<bool>() &&
                    classes.equal(classes.round());
  if (!fits) {
    throw DataError(path + ", variable y, is not a class from 1 to 10 for each of " +
                    std::to_string(n) + " images; download it again");
  }
  Points points;
  points.name = "svhn";
  points.shape = {kDigitSide, kDigitSide, 3};
  points.values = images.permute({0, 3, 2, 1}).reshape({n, -1});  // [N, H·W·3]
  points.labels = classes.to(torch::kInt64).remainder(kDigitClasses);
  for (int64_t digit = 0; digit < kDigitClasses; ++digit) {
    points.label_names.push_back(std::to_string(digit));
  }
  return points;
}

}  // namespace clade
