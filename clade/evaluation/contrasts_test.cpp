#include "clade/evaluation/contrasts.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace clade {
namespace {

TEST(Contrasts, AreStandardisedMeanDifferencesStrongestFirst) {
  // Two clusters of two and three points; by hand.
  const auto x = torch::tensor({{1.0, 10.0, 7.0},
                                {3.0, 20.0, 7.0},
                                {2.0, 110.0, 7.0},
                                {4.0, 120.0, 7.0},
                                {6.0, 130.0, 7.0}});
  const auto all = contrasts(x, torch::tensor({0, 0, 1, 1, 1}).to(torch::kInt64), 3, 5);
  ASSERT_EQ(all.size(), 3u);
  ASSERT_EQ(all[0].size(), 2u);  // a constant sets nothing apart
  EXPECT_EQ(all[0][0].feature, 1);
  EXPECT_DOUBLE_EQ(all[0][0].mean, 15);
  EXPECT_DOUBLE_EQ(all[0][0].deviation, 5);
  EXPECT_DOUBLE_EQ(all[0][0].mean_of_others, 120);
  EXPECT_NEAR(all[0][0].deviation_of_others, std::sqrt(200.0 / 3), 1e-9);
  EXPECT_NEAR(all[0][0].difference, -105 / std::sqrt((25 + 200.0 / 3) / 2), 1e-9);
  EXPECT_EQ(all[0][1].feature, 0);
  EXPECT_NEAR(all[0][1].difference, -2 / std::sqrt((1 + 8.0 / 3) / 2), 1e-9);
  EXPECT_NEAR(all[1][0].difference, -all[0][0].difference, 1e-9);
  EXPECT_TRUE(all[2].empty());
}

TEST(Contrasts, KeepTheirDigitsFarFromZero) {
  const auto near = torch::tensor({{0.0}, {1.0}, {5.0}, {6.0}}, torch::kFloat64);
  const auto assigned = torch::tensor({0, 0, 1, 1}).to(torch::kInt64);
  const auto here = contrasts(near, assigned, 2, 1)[0][0];
  const auto far = contrasts(near + 1.7e9, assigned, 2, 1)[0][0];
  EXPECT_NEAR(here.difference, far.difference, 1e-6);
  EXPECT_DOUBLE_EQ(far.mean, 1.7e9 + 0.5);
}

TEST(Contrasts, AFeatureWithoutSpreadInsideIsStrongAndFinite) {
  const auto x = torch::tensor({{0.0}, {0.0}, {1.0}});
  const auto all = contrasts(x, torch::tensor({0, 0, 1}).to(torch::kInt64), 2, 1);
  EXPECT_NEAR(all[1][0].difference, 1e3 / (std::sqrt(2.0) / 3), 1e-6);
  EXPECT_TRUE(contrasts(x, torch::zeros({3}, torch::kInt64), 1, 1)[0].empty());
}

}  // namespace
}  // namespace clade
