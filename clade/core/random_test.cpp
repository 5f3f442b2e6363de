#include "clade/core/random.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

namespace clade {
namespace {

torch::Tensor draw(Generator& generator) {  // -> [5]; an odd number leaves half a pair of normals
  return torch::randn({5}, generator);
}

TEST(Random, SameSeedSameNumbers) {
  Generator one = make_generator(7);
  Generator same = make_generator(7);
  Generator other = make_generator(8);
  const torch::Tensor numbers = draw(one);
  EXPECT_TRUE(torch::equal(numbers, draw(same)));
  EXPECT_FALSE(torch::equal(numbers, draw(other)));
  EXPECT_FALSE(torch::equal(numbers, draw(one)));
}

TEST(Random, SomeRowsAreAllOrTheSameDrawOfThem) {
  const auto x = torch::arange(20).view({10, 2});
  EXPECT_TRUE(torch::equal(some_rows(x, 10), x));
  const auto some = some_rows(x, 4);  // [4, 2]
  EXPECT_TRUE(torch::equal(some, some_rows(x, 4)));
  const auto rows = some.select(1, 0) / 2;  // each once, in order, and not the first
  EXPECT_TRUE((rows.slice(0, 1) > rows.slice(0, 0, 3)).all().item<bool>());
  EXPECT_TRUE(torch::equal(some.select(1, 1), some.select(1, 0) + 1));
  EXPECT_FALSE(torch::equal(rows, torch::arange(4)));
}

TEST(Random, GlobalGeneratorNeitherMattersNorMoves) {
  torch::manual_seed(1);
  torch::randn({3});  // leaves a spare normal in the global generator, which a clone would copy
  Generator one = make_generator(7);
  const torch::Tensor numbers = draw(one);
  const torch::Tensor global = torch::rand({1});

  torch::manual_seed(1);
  torch::randn({3});
  EXPECT_TRUE(torch::equal(global, torch::rand({1})));
  Generator same = make_generator(7);
  EXPECT_TRUE(torch::equal(numbers, draw(same)));
}

TEST(Random, StateResumesExactly) {
  Generator generator = make_generator(7);
  draw(generator);
  const torch::Tensor state = generator.get_state();
  const torch::Tensor numbers = draw(generator);
  Generator resumed = make_generator(0);
  resumed.set_state(state);
  EXPECT_TRUE(torch::equal(numbers, draw(resumed)));
}

TEST(Random, PurposesAndSeedsDiffer) {
  std::set<uint64_t> seeds;
  for (const uint64_t seed : {0, 1, 2, 1000}) {
    seeds.insert(seed);
    for (const char* purpose : {"", "init", "split", "tilps", "train"}) {
      seeds.insert(derive_seed(seed, purpose));
    }
  }
  EXPECT_EQ(seeds.size(), 4U * 6U);
  EXPECT_EQ(derive_seed(5, "init"), derive_seed(5, "init"));
}

}  // namespace
}  // namespace clade
