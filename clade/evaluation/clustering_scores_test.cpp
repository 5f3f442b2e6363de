#include "clade/evaluation/clustering_scores.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "clade/clustering/mixture.h"
#include "clade/core/error.h"
#include "clade/core/random.h"
#include "clade/data/load.h"

namespace clade {
namespace {

torch::Tensor indices(const std::vector<int64_t>& values) {  // -> [N] int64
  return torch::tensor(values, torch::kInt64);
}

torch::Tensor certain(const torch::Tensor& clusters,  // [N] -> [N, K]: all mass on that cluster
                      int64_t cluster_count) {
  return torch::one_hot(clusters, cluster_count).to(torch::kFloat);
}

/// Tries every assignment of one label to each cluster, padded to a square with empty ones.
double best_by_brute_force(const torch::Tensor& counts) {  // [K, C] int64
  const int64_t side = std::max(counts.size(0), counts.size(1));
  std::vector<int64_t> label_of(static_cast<size_t>(side));
  std::iota(label_of.begin(), label_of.end(), 0);
  int64_t best = 0;
  do {
    int64_t right = 0;
    for (int64_t k = 0; k < counts.size(0); ++k) {
      const int64_t label = label_of[static_cast<size_t>(k)];
      if (label < counts.size(1)) right += counts[k][label].item<int64_t>();
    }
    best = std::max(best, right);
  } while (std::next_permutation(label_of.begin(), label_of.end()));
  return static_cast<double>(best) / static_cast<double>(counts.sum().item<int64_t>());
}

TEST(ClusteringScores, HungarianIsTheBestOfAllPermutations) {
  Generator generator = make_generator(1);
  for (int64_t k = 1; k <= 5; ++k) {
    for (int64_t c = 1; c <= 5; ++c) {
      const torch::Tensor clusters = torch::randint(k, {12}, generator, torch::kInt64);
      const torch::Tensor labels = torch::randint(c, {12}, generator, torch::kInt64);
      const ClusteringScores scores = score_clusters(certain(clusters, k), labels);
      const torch::Tensor counts = confusion(clusters, labels, k, c);
      EXPECT_DOUBLE_EQ(scores.acc_hungarian, best_by_brute_force(counts)) << counts;
      EXPECT_LE(scores.acc_hungarian, scores.acc_majority);
    }
  }
  const torch::Tensor clusters = torch::randint(6, {100}, generator, torch::kInt64);
  const torch::Tensor labels = torch::randint(6, {100}, generator, torch::kInt64);
  EXPECT_DOUBLE_EQ(score_clusters(certain(clusters, 6), labels).acc_hungarian,
                   best_by_brute_force(confusion(clusters, labels, 6, 6)));
}

TEST(ClusteringScores, GreedyMatchingWouldBeWrong) {
  // Taking the largest entry first (4) leaves 0; the best is 3 + 3 of 10 points.
  //              label 0  label 1
  //   cluster 0     4        3
  //   cluster 1     3        0
  const ClusteringScores scores = score_clusters(
      certain(indices({0, 0, 0, 0, 0, 0, 0, 1, 1, 1}), 2), indices({0, 0, 0, 0, 1, 1, 1, 0, 0, 0}));
  EXPECT_DOUBLE_EQ(scores.acc_hungarian, 0.6);
  EXPECT_DOUBLE_EQ(scores.acc_majority, 0.7);
}

TEST(ClusteringScores, ManyClustersOnBothSides) {
  // A hidden permutation of 500 must be found, and 500 clusters of one point a label match all.
  Generator generator = make_generator(2);
  const torch::Tensor order = torch::randperm(500, generator, torch::kInt64);
  const torch::Tensor clusters = order.repeat({3});
  const ClusteringScores square =
      score_clusters(certain(clusters, 500), torch::arange(500).repeat({3}));
  EXPECT_DOUBLE_EQ(square.acc_hungarian, 1);
  EXPECT_NEAR(square.nmi, 1, 1e-12);
  EXPECT_NEAR(square.ari, 1, 1e-12);

  // With 10 labels only 10 clusters of 3 points can be right; majority gives every cluster a label.
  const ClusteringScores wide = score_clusters(certain(clusters, 500), clusters % 10);
  EXPECT_DOUBLE_EQ(wide.acc_hungarian, 30.0 / 1500);
  EXPECT_DOUBLE_EQ(wide.acc_majority, 1);
}

TEST(ClusteringScores, MutualInformationAndRandIndexByHand) {
  // Counts [[2, 1], [0, 3]] of 6 points. With clusters of 3 and 3, labels of 2 and 4:
  //   H(cluster) = log 2, H(label) = log 3 - 2/3 log 2, H(both) = log 6 - 1/3 log 2 - 1/2 log 3.
  //   Pairs together 1 + 3 = 4, by cluster 3 + 3 = 6, by label 1 + 6 = 7, of 15; by chance 14/5,
  //   so ARI = (4 - 2.8) / (6.5 - 2.8) = 12/37.
  const ClusteringScores scores =
      score_clusters(certain(indices({0, 0, 0, 1, 1, 1}), 2), indices({0, 0, 1, 1, 1, 1}));
  const double log2 = std::log(2.0), log3 = std::log(3.0);
  const double of_labels = log3 - 2.0 / 3 * log2;
  const double mutual = log2 + of_labels - (2.0 / 3 * log2 + log3 / 2);
  EXPECT_NEAR(scores.nmi, mutual / ((log2 + of_labels) / 2), 1e-12);
  EXPECT_NEAR(scores.ari, 12.0 / 37, 1e-12);
}

TEST(ClusteringScores, ArithmeticMeanOfEntropies) {
  // Label 0 is split over two clusters: I = log 2, H(label) = log 2, H(cluster) = 3/2 log 2, so the
  // arithmetic mean gives 4/5 where the geometric gives 0.816. ARI: 2 pairs together, 2 by cluster,
  // 4 ... by hand (1 - 1/3) / (3/2 - 1/3) = 4/7.
  const ClusteringScores scores =
      score_clusters(certain(indices({0, 1, 2, 2}), 3), indices({0, 0, 1, 1}));
  EXPECT_NEAR(scores.nmi, 0.8, 1e-12);
  EXPECT_NEAR(scores.ari, 4.0 / 7, 1e-12);
  EXPECT_DOUBLE_EQ(scores.acc_hungarian, 0.75);
}

TEST(ClusteringScores, WorseThanChanceIsNegative) {
  // Every cluster has one point of each label: no pair together, 2 by either side, of 6; by chance
  // 2/3, so ARI = -2/3 / (2 - 2/3) = -1/2.
  const ClusteringScores scores =
      score_clusters(certain(indices({0, 0, 1, 1}), 2), indices({0, 1, 0, 1}));
  EXPECT_NEAR(scores.ari, -0.5, 1e-12);
  EXPECT_NEAR(scores.nmi, 0, 1e-12);
}

TEST(ClusteringScores, NameThePointThatIsWrongWhateverIsUnknownBeforeIt) {
  auto q = certain(indices({0, 1, 0, 1}), 2);
  q[3][0] = std::nan("");
  try {
    score_clusters(q, indices({kUnknownLabel, 0, kUnknownLabel, 1}));
    FAIL();
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("point 3"), std::string::npos) << error.what();
  }
  try {
    confusion(indices({0, 0, 5}), indices({kUnknownLabel, 0, 1}), 2, 2);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("point 2"), std::string::npos) << error.what();
  }
}

TEST(ClusteringScores, SurestPointOfAllNamesItsCluster) {
  // Points 0 and 1 are in cluster 0, whose surest point is 1 (label 1); points 2 and 3 in cluster
  // 1, surest 2 (label 0). Cluster 2 has no points of its own.
  const torch::Tensor q = torch::tensor(
      {{0.5F, 0.1F, 0.4F}, {0.9F, 0.1F, 0.0F}, {0.1F, 0.8F, 0.1F}, {0.1F, 0.6F, 0.3F}});
  const torch::Tensor labels = indices({0, 1, 0, 1});
  EXPECT_DOUBLE_EQ(score_clusters(q, labels).acc_most_confident, 0.5);
  EXPECT_DOUBLE_EQ(score_clusters(q, indices({1, 1, 0, 1})).acc_most_confident, 0.75);

  // The surest point may lie in another cluster: cluster 1 holds only point 1 (label 1), but point
  // 0 of cluster 0 is surer of cluster 1 and gives it label 0.
  const torch::Tensor outside = torch::tensor({{0.45F, 0.44F, 0.11F}, {0.0F, 0.40F, 0.39F}});
  const ClusteringScores scores = score_clusters(outside, indices({0, 1}));
  EXPECT_DOUBLE_EQ(scores.acc_most_confident, 0.5);
  EXPECT_DOUBLE_EQ(scores.acc_majority, 1);
}

TEST(ClusteringScores, NamesOfClustersAndLabelsDoNotMatter) {
  Generator generator = make_generator(3);
  const torch::Tensor q = torch::rand({60, 7}, generator);
  const torch::Tensor labels = torch::randint(4, {60}, generator, torch::kInt64);
  const torch::Tensor points = torch::randperm(60, generator, torch::kInt64);
  const ClusteringScores one = score_clusters(q, labels);
  const ClusteringScores other =
      score_clusters(q.index_select(1, indices({3, 0, 6, 2, 5, 1, 4})).index_select(0, points),
                     indices({2, 3, 1, 0}).index_select(0, labels).index_select(0, points));
  EXPECT_DOUBLE_EQ(one.acc_hungarian, other.acc_hungarian);
  EXPECT_DOUBLE_EQ(one.acc_majority, other.acc_majority);
  EXPECT_DOUBLE_EQ(one.acc_most_confident, other.acc_most_confident);
  EXPECT_NEAR(one.nmi, other.nmi, 1e-12);
  EXPECT_NEAR(one.ari, other.ari, 1e-12);
  EXPECT_GT(one.acc_hungarian, 0.25);
}

TEST(ClusteringScores, Limits) {
  struct Case {
    const char* name;
    torch::Tensor q, labels;
    ClusteringScores expected;
  };
  const std::vector<Case> cases = {
      {"one cluster", torch::ones({4, 1}), indices({0, 0, 0, 1}), {0.75, 0.75, 0.75, 0, 0}},
      {"one label", certain(indices({0, 1, 1, 1}), 2), indices({0, 0, 0, 0}), {0.75, 1, 1, 0, 0}},
      {"one of each", torch::ones({3, 1}), indices({0, 0, 0}), {1, 1, 1, 1, 1}},
      {"one point", certain(indices({2}), 5), indices({3}), {1, 1, 1, 1, 1}},
      {"only single points", certain(indices({0, 1, 2}), 3), indices({2, 0, 1}), {1, 1, 1, 1, 1}},
      {"empty clusters and labels",
       certain(indices({1, 1, 4}), 6),
       indices({3, 3, 7}),
       {1, 1, 1, 1, 1}}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const ClusteringScores scores = score_clusters(c.q, c.labels);
    EXPECT_DOUBLE_EQ(scores.acc_hungarian, c.expected.acc_hungarian);
    EXPECT_DOUBLE_EQ(scores.acc_majority, c.expected.acc_majority);
    EXPECT_DOUBLE_EQ(scores.acc_most_confident, c.expected.acc_most_confident);
    EXPECT_NEAR(scores.nmi, c.expected.nmi, 1e-12);
    EXPECT_NEAR(scores.ari, c.expected.ari, 1e-12);
  }
}

TEST(ClusteringScores, Refuses) {
  const torch::Tensor q = torch::ones({2, 3}) / 3;
  EXPECT_THROW(score_clusters(q, indices({0, 1, 2})), Error);
  EXPECT_THROW(score_clusters(q[0], indices({0, 1, 2})), Error);
  EXPECT_THROW(score_clusters(torch::empty({0, 3}), indices({})), Error);
  EXPECT_THROW(score_clusters(torch::empty({2, 0}), indices({0, 1})), Error);
  EXPECT_THROW(score_clusters(q, indices({0, -2})), Error);
  EXPECT_THROW(score_clusters(q, indices({-1, -1})), Error);
  torch::Tensor broken = q.clone();
  broken[1][2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(score_clusters(broken, indices({0, 1})), NumericalError);
}

TEST(ClusteringScores, AreThoseOfTheLabelledPoints) {
  const torch::Tensor rows = indices({0, 2, 3, 5, 6, 8, 9});
  auto generator = make_generator(1);
  torch::Tensor q = torch::rand({10, 3}, generator);
  q[1][0] = 9;  // Surest of all, and of no known label.
  q[4][2] = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor labels = indices({0, -1, 1, 2, -1, 1, 0, -1, 2, 1});
  const ClusteringScores all = score_clusters(q, labels);
  const ClusteringScores labelled =
      score_clusters(q.index_select(0, rows), labels.index_select(0, rows));
  EXPECT_EQ(all.acc_hungarian, labelled.acc_hungarian);
  EXPECT_EQ(all.acc_majority, labelled.acc_majority);
  EXPECT_EQ(all.acc_most_confident, labelled.acc_most_confident);
  EXPECT_EQ(all.nmi, labelled.nmi);
  EXPECT_EQ(all.ari, labelled.ari);
}

TEST(Confusion, CountsPointsByClusterThenLabel) {
  const torch::Tensor counts = confusion(indices({0, 0, 2, 2, 2}), indices({1, 1, 0, 1, 1}), 4, 2);
  EXPECT_TRUE(torch::equal(counts, indices({0, 2, 0, 0, 1, 2, 0, 0}).view({4, 2})));
  EXPECT_EQ(confusion(indices({}), indices({}), 2, 3).sum().item<int64_t>(), 0);
  EXPECT_TRUE(torch::equal(confusion(indices({0, 1, 1}), indices({-1, 0, -1}), 2, 1),
                           indices({0, 1}).view({2, 1})));
  EXPECT_THROW(confusion(indices({4}), indices({0}), 4, 2), Error);
  EXPECT_THROW(confusion(indices({0}), indices({2}), 4, 2), Error);
  EXPECT_THROW(confusion(indices({0, 1}), indices({0}), 4, 2), Error);
}

TEST(ClusterUse, AnEvenShareIsAboveIt) {
  for (const int64_t k : {1, 3, 7, 100}) {
    const ClusterUse uniform = cluster_use(torch::full({k}, 1.0F / static_cast<float>(k)));
    EXPECT_EQ(uniform.above_even_share, k);
    EXPECT_NEAR(uniform.cluster_entropy, std::log(static_cast<double>(k)), 1e-5);
    EXPECT_NEAR(uniform.effective_clusters, static_cast<double>(k), 1e-3);
    EXPECT_NEAR(uniform.largest_cluster, 1.0 / static_cast<double>(k), 1e-6);
  }
}

TEST(ClusterUse, Collapse) {
  const ClusterUse collapsed = cluster_use(torch::tensor({0.0F, 1.0F, 0.0F, 0.0F}));
  EXPECT_EQ(collapsed.above_even_share, 1);
  EXPECT_FALSE(std::signbit(collapsed.cluster_entropy));
  EXPECT_EQ(collapsed.cluster_entropy, 0);
  EXPECT_EQ(collapsed.effective_clusters, 1);
  EXPECT_EQ(collapsed.largest_cluster, 1);

  const ClusterUse partly = cluster_use(torch::tensor({0.5F, 0.25F, 0.125F, 0.125F}));
  EXPECT_EQ(partly.above_even_share, 2);
  EXPECT_NEAR(partly.cluster_entropy, 1.75 * std::log(2.0), 1e-12);
  EXPECT_NEAR(partly.effective_clusters, std::pow(2, 1.75), 1e-12);
  EXPECT_EQ(partly.largest_cluster, 0.5);
}

TEST(ClusterUse, AClusterIsInUseIfItHoldsAPoint) {
  // The second is nobody's first choice, the third one point's alone; shares 0.6, 0.25, 0.15.
  const auto q = torch::tensor({{0.9, 0.1, 0.0}, {0.8, 0.2, 0.0}, {0.1, 0.45, 0.45}});
  EXPECT_EQ(clusters_in_use(q.index_select(1, torch::tensor({0, 2, 1}))), 2);
  EXPECT_EQ(clusters_in_use(q), 2);
  EXPECT_EQ(cluster_use(q.mean(0)).above_even_share, 1);
  EXPECT_EQ(clusters_in_use(torch::ones({5, 1})), 1);
}

TEST(ClustersToldApart, AreNoneIfEveryPointHasTheSamePosterior) {
  for (const auto& same : {torch::full({5}, 0.2), torch::tensor({0.7, 0.2, 0.1, 0.0, 0.0}),
                           torch::tensor({0.0, 1.0, 0.0, 0.0, 0.0})}) {
    EXPECT_NEAR(clusters_told_apart(same.expand({50, 5})), 1, 1e-12) << same;
  }
  EXPECT_NEAR(cluster_use(torch::full({5}, 0.2)).effective_clusters, 5, 1e-6) << "says all of them";
}

TEST(ClustersToldApart, AreAllOfThemIfPointsAreSureAndClustersEven) {
  EXPECT_NEAR(clusters_told_apart(certain(indices({0, 1, 2, 3, 0, 1, 2, 3}), 4)), 4, 1e-9);
  // Sure, but half of the points in one: as many as have that entropy, 2^1.75.
  EXPECT_NEAR(clusters_told_apart(certain(indices({0, 0, 0, 0, 1, 1, 2, 3}), 4)), std::pow(2, 1.75),
              1e-9);
}

TEST(ClustersToldApart, AreTheExponentialOfTheMutualInformation) {
  // Σ p(x) q(y|x) log q(y|x) / q(y), the other way of writing I.
  const auto q = torch::tensor({{0.9, 0.1, 0.0}, {0.2, 0.5, 0.3}, {0.25, 0.25, 0.5}});
  double information = 0;
  for (int64_t n = 0; n < 3; ++n) {
    for (int64_t k = 0; k < 3; ++k) {
      const double p = q[n][k].item<double>(), share = q.select(1, k).mean().item<double>();
      if (p > 0) information += p * std::log(p / share) / 3;
    }
  }
  EXPECT_NEAR(clusters_told_apart(q), std::exp(information), 1e-6);
  EXPECT_THROW(clusters_told_apart(torch::ones({3})), Error);
  EXPECT_THROW(clusters_told_apart(torch::empty({0, 3})), Error);
}

TEST(ClusterUse, Refuses) {
  EXPECT_THROW(cluster_use(torch::empty({0})), Error);
  EXPECT_THROW(cluster_use(torch::ones({2, 2}) / 4), Error);
  EXPECT_THROW(cluster_use(torch::tensor({3.0F, 5.0F})), Error);
  EXPECT_THROW(cluster_use(torch::tensor({1.5F, -0.5F})), Error);
}

// The reason for the set: what GMVAE is compared with on it, and results.md cites.
TEST(ScoreClusters, FiveGaussiansDoNotTellTheArcsApartAndTenDo) {
  DataOptions options;
  options.name = "arcs-2d";
  const Splits arcs = load_splits(options, 1);
  for (const auto& [K, one_to_one, majority] : {std::tuple{5, 0.58, 0.64}, {10, 0.53, 1.0}}) {
    auto generator = make_generator(1);
    const Mixture mixture = fit_mixture(arcs.train.x, K, {}, generator);
    const auto scores =
        score_clusters(mixture.responsibilities(arcs.test.x).to(torch::kFloat32), arcs.test.labels);
    const std::string of = " of " + std::to_string(K);
    RecordProperty("one-to-one" + of, std::to_string(scores.acc_hungarian));
    RecordProperty("majority" + of, std::to_string(scores.acc_majority));
    RecordProperty("most confident" + of, std::to_string(scores.acc_most_confident));
    RecordProperty("NMI" + of, std::to_string(scores.nmi));
    RecordProperty("test log p" + of,
                   std::to_string(mixture.log_prob(arcs.test.x).mean().item<double>()));
    EXPECT_NEAR(scores.acc_hungarian, one_to_one, 0.05) << K;
    EXPECT_NEAR(scores.acc_majority, majority, 0.05) << K;
  }
}

}  // namespace
}  // namespace clade
