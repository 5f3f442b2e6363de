#include "clade/config/sweep.h"

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

TEST(Recommended, PutsAgreementBeforeTheBoundAndFewerClustersBeforeEqualBounds) {
  const SweptValue five{5, {-100, -102}, {5, 5}, {kOne, kSame}};
  const SweptValue ten{10, {-90, -92}, {9, 9}, {kOne, kSame}};
  const SweptValue twenty{20, {-89, -91.5}, {15, 15}, {kOne, kSame}};
  const SweptValue forty{40, {-80, -80}, {30, 30}, {kOne, kOther}};
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
  EXPECT_EQ(recommended({five, forty}).which, 0U);
  EXPECT_EQ(recommended({forty, five}).which, 1U);
}

TEST(Recommended, GoesByTheBoundOfOneSeedAndSaysSo) {
  const Recommendation best =
      recommended({{5, {-100}, {5}, {kOne}}, {10, {-90}, {9}, {kOne}}, {20, {-95}, {9}, {kOne}}});
  EXPECT_EQ(best.which, 1U);
  EXPECT_NE(best.reason.find("give more"), std::string::npos) << best.reason;
  EXPECT_THROW(recommended({}), Error);
  EXPECT_THROW(recommended({{5, {}, {}, {}}}), Error);
}

TEST(Recommended, SpeaksOfNoClustersWhereThereAreNone) {
  const Recommendation best =
      recommended({{2, {-92, -92}, {1, 1}, {}}, {1, {-90, -93}, {1, 1}, {}}});
  EXPECT_EQ(best.which, 1U);
  EXPECT_EQ(best.reason, "its bound, −91.50, is the highest");
  const Recommendation smaller = recommended({{2, {-89, -92}, {1, 1}, {}}, {1, {-91}, {1}, {}}});
  EXPECT_EQ(smaller.which, 1U);
  EXPECT_EQ(smaller.reason, "its bound, −91.00, is within a deviation of the highest, −90.50 at 2");
}

TEST(SweepTable, HasALineAValueAndTheRecommendation) {
  const std::string table = sweep_table(
      "model.clusters", {{5, {-100, -102}, {4, 5}, {kOne, kSame}}, {10, {-90}, {9}, {kOne}}});
  for (const char* line :
       {"| 5 | −101.00 ± 1.41 | 4.5 ± 0.7 | 1.000 | 2 |\n", "| 10 | −90.00 | 9.0 | - | 1 |\n",
        "\nRecommended: model.clusters = 5: seeds agree there by 1.00; its bound is −101.00.\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST(SweepFigures, AreOfRunsAndOfValues) {
  const auto figures = sweep_figures({{5, {-100, -102}, {4, 5}, {kOne, kSame}}});
  ASSERT_EQ(figures.size(), 3U);
  EXPECT_EQ(figures[0].values, (std::vector<double>{5, 5}));
  EXPECT_EQ(figures[0].figures, (std::vector<double>{-100, -102}));
  EXPECT_EQ(figures[2].figures, (std::vector<double>{1}));
  EXPECT_EQ(sweep_figures({{5, {-100}, {4}, {kOne}}}).size(), 2U);
}

}  // namespace
}  // namespace clade
