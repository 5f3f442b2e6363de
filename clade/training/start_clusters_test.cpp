#include "clade/training/start_clusters.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>

#include "clade/clustering/adjusted_rand_index.h"
#include "clade/core/random.h"

namespace clade {
namespace {

/// Points about three means, stretched each in its own direction, so that they overlap. [n, 3]
torch::Tensor stretched_groups(int64_t n, Generator& generator) {
  const auto means = torch::tensor({{0.0, 0.0, 0.0}, {2.0, 2.0, 0.0}, {0.0, 3.0, 3.0}});
  std::vector<torch::Tensor> groups;
  for (int64_t k = 0; k < 3; ++k) {
    auto deviations = torch::full({3}, 0.3);
    deviations[k] = 2;
    groups.push_back(means[k] + torch::empty({n / 3, 3}).normal_(0, 1, generator) * deviations);
  }
  return torch::cat(groups).to(torch::kFloat32);
}

TEST(StartFromNeighbours, IsAMixtureIfThatIsWhatThePointsAre) {
  auto generator = make_generator(3);
  const auto x = stretched_groups(1200, generator);
  const auto gaussians = gaussians_of(x, 3, /*seed=*/1);
  ASSERT_TRUE(gaussians);
  EXPECT_FALSE(gaussians->diagonal);
  std::set<std::string> steps;
  const auto progress = [&](const std::string& what, int64_t, int64_t) { steps.insert(what); };
  const Start start = start_from_neighbours(x, "3 features", 3, 1, progress);
  // All that takes long can be seen and stopped, on samples of the points, too.
  EXPECT_EQ(steps, (std::set<std::string>{"Gaussians, starts", "a sample's layout, epochs",
                                          "a sample's mixture, starts", "mixture, starts"}));
  EXPECT_TRUE(start.codes.equal(x));
  EXPECT_NE(start.said.find("on 3 features: twice as many"), std::string::npos) << start.said;
  EXPECT_LT(std::abs(start.made_by.at("mixture").at("excess_kurtosis").get<double>()), 3);
  EXPECT_GE(start.made_by.at("repeated").at("mixture"),
            0.8 * start.made_by.at("repeated").at("layout").get<double>());
  // Fewer than two points for each number of a covariance are for diagonal ones, or tell nothing.
  const auto of_few = gaussians_of(x.slice(0, 0, 1200, 25), 3, 1);
  EXPECT_TRUE(!of_few || of_few->diagonal);
  EXPECT_FALSE(gaussians_of(x.slice(0, 0, 1200, 80), 3, 1));
  EXPECT_FALSE(gaussians_of(torch::linspace(0, 1, 21).square().unsqueeze(1), 10, 1));
}

/// Of Student's t with two degrees of freedom no mixture of three Gaussians is found twice, however
/// little six of them add.
TEST(StartFromNeighbours, IsALayoutOfGroupsWithHeavyTails) {
  auto generator = make_generator(11);
  const auto group = torch::arange(480).remainder(3);
  const auto means = torch::empty({3, 5}).normal_(0, 4, generator);
  const auto chi_squared = torch::empty({480, 1, 2}).normal_(0, 1, generator).square().sum(2);
  const auto noise = torch::empty({480, 5}).normal_(0, 1, generator) / (chi_squared / 2).sqrt();
  const auto x = means.index_select(0, group) + noise;
  const Start start = start_from_neighbours(x, "5 features", 3, 1);
  EXPECT_NE(start.said.find("a layout of 480 points"), std::string::npos) << start.said;
  EXPECT_GT(adjusted_rand_index(start.responsibilities.argmax(1), group), 0.85);
}

TEST(StartFromNeighbours, IsALayoutOfPointsThatLieOnCurves) {
  auto generator = make_generator(4);
  const auto angle = torch::empty({900}).uniform_(0, 6.2832, generator);
  const auto radius = torch::arange(900).remainder(3).add(1).to(torch::kFloat32);
  const auto circles = torch::stack({radius * angle.cos(), radius * angle.sin()}, 1);
  const auto x = circles + torch::empty({900, 2}).normal_(0, 0.05, generator);
  EXPECT_FALSE(gaussians_of(x, 3, /*seed=*/1));
  const Start start = start_from_neighbours(x, "2 features", 3, 1);
  EXPECT_NE(start.said.find("a layout of 900 points"), std::string::npos) << start.said;
}

TEST(StartFromNeighbours, IsClassesOfBitsIfThatIsWhatThePointsAre) {
  auto generator = make_generator(7);
  const auto p = torch::empty({4, 12}).bernoulli_(0.5, generator) * 0.7 + 0.15;
  const auto group = torch::arange(400).remainder(4);
  const auto x = torch::bernoulli(p.index_select(0, group), generator);
  // Standardised ones are bits, too.
  for (const auto& values : {x, 3 * x - 1}) {
    const Start start = start_from_neighbours(values, "12 features", 4, 1);
    EXPECT_NE(start.said.find("4 classes of bits in 12 features"), std::string::npos) << start.said;
    EXPECT_GT(adjusted_rand_index(start.responsibilities.argmax(1), group), 0.75);
    EXPECT_TRUE(start.codes.equal(values));
  }
  // So they are if the mean stands where a cell was empty.
  const auto empty = torch::rand({400, 12}, generator).lt(0.05);
  const auto known = x.masked_fill(empty, 0).sum(0) / empty.logical_not().sum(0);  // [D]
  const auto filled = torch::where(empty, known.expand_as(x), x);
  const Start start = start_from_neighbours(filled, "12 features", 4, 1);
  EXPECT_NE(start.said.find("4 classes of bits"), std::string::npos) << start.said;
  EXPECT_GT(adjusted_rand_index(start.responsibilities.argmax(1), group), 0.7);
  // Of points around a ring, each bit of half of it, twice as many classes know more; few tell
  // nothing, and three values are no bits.
  const auto angle = torch::empty({800, 1}).uniform_(0, 6.2832, generator);
  const auto ring = (angle - torch::arange(24) * (6.2832 / 24)).sin().gt(0).to(torch::kFloat32);
  EXPECT_FALSE(start_from_classes_of_bits(ring, "", 3, 1));
  EXPECT_FALSE(start_from_classes_of_bits(x.slice(0, 0, 50), "", 4, 1));
  EXPECT_FALSE(start_from_classes_of_bits(x + x.slice(1, 0, 1), "", 4, 1));
}

/// Numbers that are hardly larger in one group than in another.
TEST(StartFromNeighbours, IsByKMeansIfLayoutsDifferFromSampleToSample) {
  auto generator = make_generator(5);
  const auto p = torch::empty({4, 30}).bernoulli_(0.5, generator) * 0.3 + 0.35;
  const auto group = torch::arange(1200).remainder(4);
  auto x = torch::bernoulli(p.index_select(0, group), generator);
  x[0][0] = 2;  // or they would be bits
  bool of_samples = false;
  const auto progress = [&](const std::string& what, int64_t, int64_t) {
    of_samples |= what == "a sample's k-means, starts";
  };
  const Start start = start_from_neighbours(x, "30 features", 4, 1, progress);
  EXPECT_TRUE(of_samples);
  EXPECT_NE(start.said.find("k-means of 1,200 points in 30 features"), std::string::npos)
      << start.said << start.made_by;
  EXPECT_LT(start.made_by.at("repeated").at("layout"), start.made_by.at("repeated").at("k_means"));
  EXPECT_TRUE(start.responsibilities.sum(1).eq(1).all().item<bool>());
  const auto alike = adjusted_rand_index(start.responsibilities.argmax(1), group);
  EXPECT_GT(alike, 0.3);
}

/// In two of 20 features there are groups, and the others are noise of which neighbours know more.
TEST(StartFromNeighbours, IsADiagonalMixtureOfFewPointsOfManyFeatures) {
  auto generator = make_generator(6);
  const auto group = torch::arange(600).remainder(3);
  auto x = torch::empty({600, 20}).normal_(0, 1, generator);
  const auto means = torch::tensor({{0.0f, 5.0f}, {5.0f, 0.0f}, {-5.0f, -5.0f}});
  x.slice(1, 0, 2) += means.index_select(0, group);
  x = (x - x.mean(0)) / x.std(0);
  EXPECT_TRUE(gaussians_of(x, 3, 1).value().diagonal);
  const Start start = start_from_neighbours(x, "20 features", 3, 1);
  EXPECT_EQ(start.made_by.at("mixture").at("covariance"), "diagonal");
  EXPECT_GT(adjusted_rand_index(start.responsibilities.argmax(1), group), 0.95);
}

}  // namespace
}  // namespace clade
