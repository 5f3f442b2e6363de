#include "clade/evaluation/cluster_curve.h"

#include <torch/torch.h>

#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/posteriors.h"

namespace clade {
namespace {

// Of each point's latents: an accuracy over many points needs few of each.
constexpr int64_t kCurveDraws = 10;

}  // namespace

ClusterCurve::ClusterCurve(Model& model, const Dataset& data, int64_t points, uint64_t seed)
    : model_(model), seed_(seed) {
  if (data.size() == 0 || points == 0 || model.clusters() < 2) return;
  x_ = some_rows(data.x, points);
  if (!data.labels.defined()) return;
  const auto labels = some_rows(data.labels, points).cpu();
  if (labels.ge(0).any().item<bool>()) labels_ = labels;
}

void ClusterCurve::measure(EpochLog& log) {
  if (!x_.defined()) return;
  auto generator = make_generator(derive_seed(seed_, "curve of clusters"), x_.device());
  const auto q = cluster_probabilities(model_, x_, generator, kCurveDraws);
  const std::vector<size_t> several = model_.clusterings();
  for (const size_t l : several) {
    const auto q_y = q[l].cpu();
    const std::string of = several.size() > 1 ? " of " + model_.discrete()[l].name : "";
    const auto shares = q_y.to(torch::kFloat64).mean(0);
    log.figures["effective clusters" + of] = cluster_use(shares / shares.sum()).effective_clusters;
    log.figures["clusters told apart" + of] = clusters_told_apart(q_y);
    if (!labels_.defined()) continue;
    const ClusteringScores scores = score_clusters(q_y, labels_);
    log.figures["accuracy" + of + ", one-to-one"] = scores.acc_hungarian;
    log.figures["accuracy" + of + ", most confident"] = scores.acc_most_confident;
  }
}

}  // namespace clade
