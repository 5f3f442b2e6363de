#include "clade/report/density.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>

#include "clade/clustering/mixture.h"
#include "clade/evaluation/log_likelihood.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/html.h"
#include "clade/report/scatters.h"

namespace clade {
namespace {

constexpr int64_t kSide = 100;
constexpr double kMargin = 0.15;  // of the data's range, on each side
// Of the latents. Over cells far from data q(z|x) misses what counts, so that importance weights
// are spots; draws from the model are the same for all cells.
constexpr int64_t kDraws = 10000;
constexpr int64_t kImportanceSamples = 50;
constexpr int64_t kMeasured = 2000;  // points at most whose mean is taken
// A mixture beside the model is for a picture. Of 14,000 points and 300 components ten starts took
// over twelve minutes.
constexpr int64_t kFitted = 5000;  // points at most to which the mixture is
constexpr int64_t kMostComponents = shown_clusters;
constexpr int64_t kStarts = 3;

/// The centres of the cells between low and high, [2] float64: [n², 2], the first feature fastest.
torch::Tensor centres(const torch::Tensor& low, const torch::Tensor& high) {
  const auto at = (torch::arange(kSide, torch::kFloat64) + 0.5) / kSide;
  const auto unit = torch::stack({at.repeat({kSide}), at.repeat_interleave(kSide)}, 1);
  return low + unit * (high - low);
}

/// log of the mean of p(x | latents) over draws of the latents: [n², 2] -> [n, n] float64.
/// `progress` counts rows.
torch::Tensor generated_density(Model& model, const torch::Tensor& cells, Generator& generator,
                                const Progress& progress) {
  const auto p_x = model.generations(kDraws, {}, generator);
  std::vector<torch::Tensor> rows;
  for (const auto& row : cells.view({kSide, kSide, 2}).unbind(0)) {
    const auto log_p = p_x->log_prob(row.unsqueeze(1)).to(torch::kFloat64);  // [n, draws]
    rows.push_back(torch::logsumexp(log_p, 1) - std::log(static_cast<double>(kDraws)));
    if (progress) progress(static_cast<int64_t>(rows.size()), kSide);
  }
  return torch::stack(rows).cpu();
}

}  // namespace

std::vector<PlaneDensities> plane_densities(const TrainedModel& trained, const Dataset& train,
                                            const Dataset& measured, uint64_t seed,
                                            const Progress& progress) {
  const auto log_volume = trained.log_volume();
  if (train.features() != 2 || !log_volume) return {};
  const auto raw = trained.preprocessing.restore(train.x.cpu()).to(torch::kFloat64);  // [N, 2]
  const auto low = std::get<0>(raw.min(0)), high = std::get<0>(raw.max(0));
  if (!(high > low).all().item<bool>()) return {};
  const auto from = low - kMargin * (high - low), to = high + kMargin * (high - low);
  PlaneDensities plane;
  plane.axes = plane_axes(trained.preprocessing.columns);
  const auto points = some_rows(measured.x, kMeasured);  // [m, 2]
  plane.points = points.size(0);
  plane.samples = kImportanceSamples;
  plane.draws = kDraws;
  const auto cells = trained.preprocessing.apply(centres(from, to)).to(points.device());
  Model& model = *trained.model;
  const EvaluationMode evaluation(model);
  auto generator = make_generator(derive_seed(seed, "density"), points.device());
  plane.maps.push_back(
      {trained.name, from, to, generated_density(model, cells, generator, progress) - *log_volume,
       log_likelihood(model, points, kImportanceSamples, generator) - *log_volume});
  const int64_t K = model.clusters();
  const auto fitted = some_rows(train.x, kFitted);
  if (K == 1 || K > kMostComponents || fitted.size(0) <= K) return {plane};
  MixtureOptions options;
  options.starts = kStarts;
  const Mixture mixture = fit_mixture(fitted, K, options, generator, progress);
  plane.maps.push_back({"mixture of " + std::to_string(K) + " Gaussians", from, to,
                        mixture.log_prob(cells).cpu().view({kSide, kSide}) - *log_volume,
                        mixture.log_prob(points).mean().item<double>() - *log_volume});
  return {plane};
}

torch::Tensor darkness(const PlaneDensities& plane, size_t map) {
  double highest = -std::numeric_limits<double>::infinity();
  for (const PlaneDensity& one : plane.maps) {
    highest = std::max(highest, one.log_density.max().item<double>());
  }
  return ((plane.maps[map].log_density - highest) / density_range + 1).clamp(0, 1);
}

std::string density_figures(const PlaneDensities& plane, nlohmann::json& data) {
  std::ostringstream html;
  nlohmann::json& maps = data["densities"] = nlohmann::json::array();
  html << "<div class=\"charts square\">\n" << std::fixed << std::setprecision(3);
  for (size_t i = 0; i < plane.maps.size(); ++i) {
    const PlaneDensity& map = plane.maps[i];
    html << "<figure>\n<figcaption><h3>" << escape(map.name) << "</h3><span>mean " << map.mean
         << " nats</span></figcaption>\n"
         << canvas_tag("density", std::to_string(i), "Density of " + map.name, "even")
         << "</figure>\n";
    maps.push_back({{"axes", plane.axes},
                    {"low", numbers(map.low)},
                    {"high", numbers(map.high)},
                    {"darkness", numbers((darkness(plane, i) * 255).round())}});
  }
  html << "</div>\n";
  return std::move(html).str();
}

}  // namespace clade
