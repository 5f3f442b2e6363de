#include "clade/evaluation/label_posteriors.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace clade {
namespace {

TEST(LabelPosteriors, AverageThePointsOfALabel) {
  const auto q = torch::tensor({{0.8, 0.2}, {0.4, 0.6}, {0.1, 0.9}});
  const auto labels = torch::tensor({2, 2, 0});
  const auto expected = torch::tensor({{0.1, 0.9}, {0.0, 0.0}, {0.6, 0.4}});
  EXPECT_TRUE(torch::allclose(posterior_given_label(q, labels), expected));
}

TEST(LabelPosteriors, LeaveOutUnknownLabels) {
  const auto q = torch::tensor({{0.8, 0.2}, {0.0, 1.0}, {0.4, 0.6}});
  const auto expected = torch::tensor({{0.8, 0.2}, {0.4, 0.6}});
  EXPECT_TRUE(torch::allclose(posterior_given_label(q, torch::tensor({0, -1, 1})), expected));
}

TEST(LabelPosteriors, StrongestAreAboveAnEvenShareAndSharedOnesAreFound) {
  const auto q =
      torch::tensor({{0.5, 0.3, 0.1, 0.1}, {0.05, 0.6, 0.3, 0.05}, {0.0, 0.0, 0.0, 1.0}});
  const auto strongest = strongest_of_label(q);
  EXPECT_EQ(strongest, (std::vector<std::vector<int64_t>>{{0, 1}, {1, 2}, {3}}));
  EXPECT_EQ(shared_by_labels(strongest), (std::vector<int64_t>{1}));
  EXPECT_EQ(strongest_of_label(q, 1), (std::vector<std::vector<int64_t>>{{0}, {1}, {3}}));
}

TEST(NeighbourAccuracy, IsTheShareWhoseNearestOtherPointHasTheirLabel) {
  // On a line at 0, 1, 3, 7 and 8.5: the nearest of each is the second, first, second, fifth and
  // fourth. The last label is unknown, so that the fourth's nearest is the third.
  const auto codes = torch::tensor({0.0, 1.0, 3.0, 7.0, 8.5}).unsqueeze(1);
  EXPECT_DOUBLE_EQ(*neighbour_accuracy(codes, torch::tensor({0, 0, 1, 1, 1})), 4.0 / 5);
  EXPECT_DOUBLE_EQ(*neighbour_accuracy(codes, torch::tensor({0, 0, 1, 1, -1})), 3.0 / 4);
  EXPECT_DOUBLE_EQ(*neighbour_accuracy(codes, torch::tensor({0, 1, 0, 1, 0})), 0);
  EXPECT_FALSE(neighbour_accuracy(codes, torch::tensor({0, -1, -1, -1, -1})));
}

}  // namespace
}  // namespace clade
