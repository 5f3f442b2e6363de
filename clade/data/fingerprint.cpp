#include "clade/data/fingerprint.h"

#include <torch/torch.h>

#include <cstdio>

#include "clade/data/dataset.h"
#include "clade/formats/md5.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

std::string md5_of_tensor(const torch::Tensor& values) {
  const auto rows = values.contiguous();
  return md5_of({static_cast<const char*>(rows.data_ptr()), rows.nbytes()});
}

// Digits that another machine or thread count, which sums in another order, gives too.
std::string digits_of(const torch::Tensor& numbers) {  // [D]
  std::string text;
  const auto here = numbers.to(torch::kFloat64).contiguous();
  for (int64_t i = 0; i < here.numel(); ++i) {
    text += number_text(here.data_ptr<double>()[i] + 0.0) + " ";  // no -0
  }
  return text;
}

}  // namespace

Fingerprint fingerprint_of(const torch::Tensor& values, const torch::Tensor& train,
                           const torch::Tensor& validation, const Preprocessing& preprocessing) {
  // In the width in which every version has read them.
  const auto known = values.is_floating_point() ? values.to(torch::kFloat32) : values;
  return {shape_text(known.sizes().vec()) + " " + md5_of_tensor(known),
          md5_of_tensor(train) + " " + md5_of_tensor(validation),
          md5_of(digits_of(preprocessing.shift) + "/ " + digits_of(preprocessing.scale) +
                 (preprocessing.binarise ? "bits" : "")),
          ""};
}

std::string fingerprint_of_labels(const torch::Tensor& rows, const torch::Tensor& labels) {
  return md5_of_tensor(rows) + " " + md5_of_tensor(labels);
}

}  // namespace clade
