#include "clade/run/draws.h"

#include <torch/torch.h>

#include <limits>

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/data/word_features.h"

namespace clade {

torch::Tensor generate(const TrainedModel& trained, int64_t n, const Given& given, uint64_t seed) {
  const auto device = trained.model->parameters().front().device();
  auto generator = make_generator(derive_seed(seed, "generate"), device);
  return as_data_are(trained, draw(trained, n, given, /*means=*/false, generator), false).values;
}

void require_finite_points(const torch::Tensor& points) {
  if (points.isfinite().all().item<bool>()) return;
  throw Error(
      "the model generates infinities or NaN, so nothing is written; give values of latents nearer "
      "to 0, or train it anew, at a lower rate");
}

torch::Tensor draw(const TrainedModel& trained, int64_t n, const Given& given, bool means,
                   Generator& generator) {
  const torch::NoGradGuard no_grad;
  const auto p_x = trained.model->generations(n, given, generator);
  const auto mean = p_x->mean();
  const auto x = means ? mean : p_x->sample(generator);
  require_finite_points(x);
  require_finite_points(mean);
  return means ? x : with_words_drawn(x, mean, trained.preprocessing, generator);
}

AsDataAre as_data_are(const TrainedModel& trained, const torch::Tensor& points, bool means) {
  constexpr double kMost = std::numeric_limits<float>::max();
  const Preprocessing& how = trained.preprocessing;
  AsDataAre drawn{how.restore(points.cpu()), {}};
  // Draws around the largest numbers can be beyond them.
  const auto beyond = drawn.values.abs().gt(kMost).sum().item<int64_t>();
  if (beyond > 0) {
    drawn.notes.push_back(std::to_string(beyond) +
                          " values are beyond what float32 holds and are its largest");
  }
  const auto raw = drawn.values = drawn.values.clamp(-kMost, kMost);
  if (means) return drawn;
  drawn.values = how.as_data_are(raw);
  if (!how.whole.defined()) return drawn;
  const auto rounding = 0.5 * how.whole.to(raw.options());  // [D]
  const auto moved = drawn.values.sub(raw).abs().gt(rounding).sum().item<int64_t>();
  if (moved > 0) {
    drawn.notes.push_back(count_text(moved, "value") + " of " + std::to_string(raw.numel()) +
                          " were drawn beyond the range of the training points and are its ends");
  }
  return drawn;
}

}  // namespace clade
