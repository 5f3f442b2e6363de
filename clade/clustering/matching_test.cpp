#include "clade/clustering/matching.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <numeric>

#include "clade/core/random.h"

namespace clade {
namespace {

/// The largest sum there is, over every order of the larger dimension.
int64_t by_enumeration(torch::Tensor gains) {
  if (gains.size(0) > gains.size(1)) gains = gains.t();
  std::vector<int64_t> columns(static_cast<size_t>(gains.size(1)));
  std::iota(columns.begin(), columns.end(), 0);
  int64_t best = std::numeric_limits<int64_t>::min();
  do {
    int64_t sum = 0;
    for (int64_t row = 0; row < gains.size(0); ++row) {
      sum += gains[row][columns[static_cast<size_t>(row)]].item<int64_t>();
    }
    best = std::max(best, sum);
  } while (std::next_permutation(columns.begin(), columns.end()));
  return best;
}

TEST(BestMatching, IsTheBestOfAllWays) {
  auto generator = make_generator(1);
  for (const auto& [K, C] : {std::pair{4, 4}, std::pair{3, 5}, std::pair{5, 3}, std::pair{1, 4}}) {
    for (int draw = 0; draw < 5; ++draw) {
      const auto gains = torch::randint(-5, 20, {K, C}, generator, torch::kInt64);
      const auto column = best_matching(gains);
      ASSERT_EQ(column.size(), static_cast<size_t>(K));
      std::vector<int> taken(static_cast<size_t>(C), 0);
      int64_t sum = 0;
      for (int64_t row = 0; row < K; ++row) {
        const int64_t own = column[static_cast<size_t>(row)];
        if (own < 0) continue;
        ++taken[static_cast<size_t>(own)];
        sum += gains[row][own].item<int64_t>();
      }
      EXPECT_EQ(std::accumulate(taken.begin(), taken.end(), 0), std::min(K, C));
      EXPECT_EQ(*std::max_element(taken.begin(), taken.end()), 1);
      EXPECT_EQ(sum, by_enumeration(gains)) << gains;
    }
  }
}

}  // namespace
}  // namespace clade
