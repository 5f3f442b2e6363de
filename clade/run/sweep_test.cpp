#include "clade/run/sweep.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"

namespace clade {
namespace {

torch::Tensor clustering(const std::vector<int64_t>& clusters) {
  return torch::tensor(clusters);
}

// Six points; of the first three clusterings the first two are the same by other numbers.
const auto kOne = clustering({0, 0, 1, 1, 2, 2}), kSame = clustering({2, 2, 0, 0, 1, 1}),
           kOther = clustering({0, 1, 0, 1, 0, 1});

TEST(Agreement, IsTheMeanAdjustedRandIndexOfPairs) {
  EXPECT_FALSE(agreement({}));
  EXPECT_FALSE(agreement({kOne}));
  EXPECT_DOUBLE_EQ(*agreement({kOne, kSame}), 1);
  // Of 15 pairs of points 3 and 6 are together; 3 · 6 / 15 = 1.2 in both by chance, none is.
  const double apart = (0 - 1.2) / (4.5 - 1.2);
  EXPECT_NEAR(*agreement({kOne, kOther}), apart, 1e-12);
  EXPECT_NEAR(*agreement({kOne, kSame, kOther}), (1 + 2 * apart) / 3, 1e-12);
}

/// At a number, runs of one latent.
SweptValue at(int number, std::vector<double> bounds, std::vector<double> told_apart,
              std::vector<torch::Tensor> assigned) {
  const double size = number;
  SweptValue one{std::to_string(number), size, size, std::move(bounds), {}};
  if (!assigned.empty()) {
    one.clusterings.push_back({"", std::vector(told_apart.size(), 4.0), told_apart, assigned});
  }
  return one;
}

TEST(Recommended, PutsAgreementBeforeTheBoundAndFewerClustersBeforeEqualBounds) {
  const SweptValue five = at(5, {-100, -102}, {5, 5}, {kOne, kSame});
  const SweptValue ten = at(10, {-90, -92}, {9, 9}, {kOne, kSame});
  const SweptValue twenty = at(20, {-89, -91.5}, {15, 15}, {kOne, kSame});
  const SweptValue forty = at(40, {-80, -80}, {30, 30}, {kOne, kOther});
  // 40 has the highest bound, but seeds disagree; 20 has a bound no better than 10 may have by
  // luck.
  const Recommendation all = recommended({five, ten, twenty, forty});
  EXPECT_EQ(all.which, 1U);
  EXPECT_NE(all.reason.find("−91.00, is within a deviation of the highest, −90.25 at 20"),
            std::string::npos)
      << all.reason;
  EXPECT_NE(all.reason.find("agree there by 1.00, more than elsewhere (−0.36 at 40)"),
            std::string::npos)
      << all.reason;
  EXPECT_EQ(all.reason.find("apart"), std::string::npos) << all.reason;
  EXPECT_EQ(recommended({five, forty}).which, 0U);
  EXPECT_EQ(recommended({forty, five}).which, 1U);
}

TEST(Recommended, LeavesOutValuesWhoseRunsTellNearlyNothingApart) {
  // All points in one cluster of both seeds: perfect agreement, and the highest bound.
  const auto one_cluster = torch::zeros({6}, torch::kInt64);
  const SweptValue five = at(5, {-90, -90}, {1.01, 1.05}, {one_cluster, one_cluster});
  const SweptValue ten = at(10, {-100, -102}, {3, 3}, {kOne, kOther});
  const Recommendation best = recommended({five, ten});
  EXPECT_EQ(best.which, 1U);
  EXPECT_EQ(best.reason,
            "seeds agree there by −0.36; its bound is −101.00; left out, as runs tell nearly "
            "nothing apart: 5 (1.03 clusters)");
  // Runs measured before the figure was are taken at their word.
  EXPECT_EQ(recommended({at(5, {-90, -90}, {}, {one_cluster, one_cluster}), ten}).which, 0U);
}

TEST(Recommended, SaysThatNothingIsToBeReliedOnIfAllRunsCollapsed) {
  const Recommendation best = recommended({at(5, {-90, -90.5}, {1.0, 1.0}, {kOne, kSame}),
                                           at(10, {-88, -88.5}, {1.02, 1.0}, {kOne, kOther})});
  EXPECT_EQ(best.which, 1U) << "by the bound: agreement on nothing is none";
  EXPECT_EQ(best.reason,
            "its bound, −88.25, is the highest, but nothing to rely on: at every value runs tell "
            "nearly nothing apart, there 1.01 clusters; train longer, or start from clusters "
            "(train.start), before choosing");
  // One component is what such runs have found, if it is among the values.
  EXPECT_EQ(recommended({at(1, {-93}, {}, {}), at(5, {-90}, {1.0}, {kOne})}).which, 0U);
}

TEST(Recommended, GoesByEveryLatentThatTellsSomethingApart) {
  const auto two = [](const std::string& value, double size, SweptClusters first,
                      SweptClusters second) {
    return SweptValue{value, size, size, {-90, -90}, {std::move(first), std::move(second)}};
  };
  const SweptClusters good{"y1", {3, 3}, {3, 3}, {kOne, kSame}};
  const SweptClusters bad{"y2", {3, 3}, {3, 3}, {kOne, kOther}};
  const SweptClusters none{"y2", {3, 3}, {1.04, 1}, {kOne, kOther}};
  const SweptValue mixed = two("[4,4]", 8, good, bad), half = two("[5,5]", 10, good, none);
  const Recommendation best = recommended({mixed, half});
  EXPECT_EQ(best.which, 1U);
  EXPECT_EQ(best.reason,
            "seeds agree there by 1.00 on average over its latents, more than elsewhere (0.32 at "
            "[4,4]); its bound is −90.00; of its latents some tell nearly nothing apart: 1.02 "
            "clusters in y2");
  const std::string table = sweep_table("model.clusters", {mixed, half});
  for (const char* line :
       {"| [4,4], y1 | −90.00 ± 0.00 | 3.0 ± 0.0 | 3.00 ± 0.00 | 1.000 | 2 |\n",
        "| [5,5], y2 | −90.00 ± 0.00 | 3.0 ± 0.0 | 1.02 ± 0.03 | −0.364 | 2 |\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
  const auto figures = sweep_figures({mixed, half});
  ASSERT_EQ(figures.size(), 7U);
  EXPECT_EQ(figures[5].name, "clusters told apart of y2");
  EXPECT_EQ(figures[5].values, (std::vector<double>{8, 8, 10, 10}));
  EXPECT_EQ(figures[5].figures, (std::vector<double>{3, 3, 1.04, 1}));
}

TEST(Recommended, GoesByTheBoundOfOneSeedAndSaysSo) {
  const Recommendation best = recommended(
      {at(5, {-100}, {5}, {kOne}), at(10, {-90}, {9}, {kOne}), at(20, {-95}, {9}, {kOne})});
  EXPECT_EQ(best.which, 1U);
  EXPECT_NE(best.reason.find("give more"), std::string::npos) << best.reason;
  EXPECT_THROW(recommended({}), Error);
  EXPECT_THROW(recommended({at(5, {}, {}, {})}), Error);
}

TEST(Recommended, SpeaksOfNoClustersIfThereAreNone) {
  const Recommendation best = recommended({at(2, {-92, -92}, {}, {}), at(1, {-90, -93}, {}, {})});
  EXPECT_EQ(best.which, 1U);
  EXPECT_EQ(best.reason, "its bound, −91.50, is the highest");
  const Recommendation smaller = recommended({at(2, {-89, -92}, {}, {}), at(1, {-91}, {}, {})});
  EXPECT_EQ(smaller.which, 1U);
  EXPECT_EQ(smaller.reason, "its bound, −91.00, is within a deviation of the highest, −90.50 at 2");
}

TEST(SweepTable, HasALineAValueAndTheRecommendation) {
  const std::string table =
      sweep_table("model.clusters", {at(5, {-100, -102}, {3, 4}, {kOne, kSame}),
                                     at(10, {-90}, {2}, {kOne}), at(1, {-110}, {}, {})});
  for (const char* line :
       {"| 5 | −101.00 ± 1.41 | 4.0 ± 0.0 | 3.50 ± 0.71 | 1.000 | 2 |\n",
        "| 10 | −90.00 | 4.0 | 2.00 | - | 1 |\n", "| 1 | −110.00 | - | - | - | 1 |\n",
        "\nRecommended: model.clusters = 5: seeds agree there by 1.00; its bound is −101.00.\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST(SweepFigures, AreOfRunsAndOfValues) {
  const auto figures = sweep_figures({at(5, {-100, -102}, {4, 5}, {kOne, kSame})});
  ASSERT_EQ(figures.size(), 4U);
  EXPECT_EQ(figures[0].values, (std::vector<double>{5, 5}));
  EXPECT_EQ(figures[0].figures, (std::vector<double>{-100, -102}));
  EXPECT_EQ(figures[2].figures, (std::vector<double>{4, 5}));
  EXPECT_EQ(figures[3].figures, (std::vector<double>{1}));
  EXPECT_EQ(sweep_figures({at(5, {-100}, {4}, {kOne})}).size(), 3U);
}

}  // namespace
}  // namespace clade
