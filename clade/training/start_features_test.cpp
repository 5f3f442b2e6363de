#include "clade/training/start_features.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

namespace clade {
namespace {

/// Images, [N, side, side], of bars across for even points and of bars down for odd ones,
/// somewhere, in some contrast; `light`: how far they differ as a whole.
Splits bars(int64_t n, int64_t side, double light) {
  auto generator = make_generator(9);
  const auto draw = [&] { return torch::rand({n, 1, 1}, generator); };
  const auto i = torch::arange(side).view({1, side, 1}), j = torch::arange(side).view({1, 1, side});
  const auto odd = torch::arange(n).remainder(2).view({n, 1, 1});
  const auto place = torch::where(odd.eq(1), j.expand({n, side, side}), i.expand({n, side, side}));
  const auto ink = torch::sin((place * 8.0 / static_cast<double>(side) + 6.3 * draw()));
  const auto noise = 0.05 * torch::rand({n, side, side}, generator);
  Splits splits;
  splits.train.x = (0.4 + light * (draw() - 0.5) + (0.05 + 0.1 * draw()) * ink + noise).flatten(1);
  splits.train.labels = odd.flatten();
  splits.train.shape = {side, side};
  const auto pixels = torch::ones({side * side});
  splits.preprocessing = {0 * pixels, pixels, false};
  return splits;
}

TEST(LayoutFeatures, AreEdgesOfImagesThatDifferByTheirLight) {
  auto generator = make_generator(1);
  const Splits data = bars(600, 16, 0.5);
  const Clustered features = layout_features(data, "auto", generator);
  EXPECT_EQ(features.said_of, "50 principal components of edges");
  const Start start = start_from_neighbours(features.values, features.said_of, 2, 1);
  EXPECT_GT(adjusted_rand_index(start.responsibilities.argmax(1), data.train.labels), 0.95);
  EXPECT_EQ(layout_features(bars(200, 16, 0), "auto", generator).said_of,
            "50 principal components");
}

/// Two points that differ in a word are as far apart as points of numbers are in the mean.
TEST(LayoutFeatures, WeighAColumnOfWordsAsOneOfNumbers) {
  auto generator = make_generator(2);
  constexpr int64_t kPoints = 3000, kWords = 5;
  const auto word = torch::randint(kWords * kWords, {kPoints}, generator)
                        .sqrt()
                        .to(torch::kInt64);  // the first a ninth as often as the last
  auto x = torch::cat(
      {torch::randn({kPoints, 2}, generator), torch::one_hot(word, kWords).to(torch::kFloat32)}, 1);
  x = (x - x.mean(0)) / x.std(0);
  Splits data;
  data.train.x = x;
  data.train.shape = {2 + kWords};
  data.preprocessing = {torch::zeros({2 + kWords}), torch::ones({2 + kWords}), false};
  data.preprocessing.table.encoded = {{"colour", 2, {"a", "b", "c", "d", "e"}}};
  const auto values = layout_features(data, "auto", generator).values;
  const auto variance = values.var(0);
  EXPECT_NEAR(variance.slice(0, 2).sum().item<float>(), 1, 1e-3);
  // A rare word is no farther from others than a frequent one.
  const auto range = (values.amax(0) - values.amin(0)).slice(0, 2);
  EXPECT_NEAR(range.max().item<float>(), range.min().item<float>(), 1e-5);
  Splits words = data;  // alone
  words.train.x = x.slice(1, 2);
  words.train.shape = {kWords};
  words.preprocessing.table.encoded[0].first = 0;
  const auto bits = layout_features(words, "auto", generator).values;
  EXPECT_TRUE(torch::allclose(bits.sum(1), torch::ones({kPoints})));
  EXPECT_TRUE(torch::allclose(bits.square(), bits));
  EXPECT_TRUE(values.slice(1, 0, 2).equal(x.slice(1, 0, 2)));
  EXPECT_TRUE(data.train.x.equal(x));  // what the model learns from is as it was
  EXPECT_NEAR(data.train.x.var(0).sum().item<float>(), 2 + kWords, 1e-2);
}

TEST(LayoutFeatures, AreEdgesOfLevelsAlone) {
  auto generator = make_generator(1);
  const auto said = [&](const Splits& data, const std::string& of) {
    return layout_features(data, of, generator).said_of;
  };
  const std::string edges = "50 principal components of edges", values = "50 principal components";
  Splits data = bars(200, 16, 0.5);
  EXPECT_EQ(said(data, "edges"), edges);
  EXPECT_EQ(said(data, "values"), values);
  EXPECT_EQ(said(bars(200, 8, 0.5), "edges"), values);  // a pixel a cell
  Splits colours = data;
  colours.train.x = data.train.x.unsqueeze(2).expand({-1, -1, 3}).flatten(1);
  colours.train.shape = {16, 16, 3};
  colours.preprocessing = {torch::zeros({768}), torch::ones({768}), false};
  EXPECT_EQ(said(colours, "auto"), edges);
  const auto of_grey = layout_features(data, "edges", generator).values;
  const auto of_colours = layout_features(colours, "edges", generator).values;
  EXPECT_TRUE(torch::allclose(torch::cdist(of_grey, of_grey), torch::cdist(of_colours, of_colours),
                              1e-2, 1e-3));
  data.preprocessing.scale[0] = 2;  // standardised, as numbers are that are no levels
  EXPECT_EQ(said(data, "edges"), values);
  data.train.shape = {256};
  EXPECT_EQ(said(data, "auto"), values);
}

}  // namespace
}  // namespace clade
