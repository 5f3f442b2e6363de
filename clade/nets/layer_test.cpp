#include "clade/nets/layer.h"

#include <gtest/gtest.h>

#include "clade/core/error.h"

namespace clade {
namespace {

using Words = std::vector<std::string>;
using Sizes = std::vector<int64_t>;

template <class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(DataParent, TakesImagesOfOneChannelAndOfSeveralForMaps) {
  EXPECT_EQ(data_parent({28, 30}).shape, (Sizes{1, 28, 30}));
  EXPECT_EQ(data_parent({32, 30, 3}).shape, (Sizes{3, 32, 30}));
  EXPECT_EQ(data_parent({32, 30, 3}).width, 2880);
  EXPECT_EQ(data_parent({16}).shape, Sizes{});
  EXPECT_EQ(data_parent({16}).width, 16);
}

TEST(Layer, IsWrittenAsItIsRead) {
  for (const std::string word :
       {"500", "64x9x9", "16c6", "64c4s2", "64c4s2p1", "8c3p1", "64d4s2p1", "64c4same"}) {
    EXPECT_EQ(Layer(word).word(), word);
  }
  const Layer layer("64d4s2p1");
  EXPECT_EQ(layer.width, 64);
  EXPECT_TRUE(layer.transposed);
  EXPECT_EQ(layer.window->size, 4);
  EXPECT_EQ(layer.window->stride, 2);
  EXPECT_EQ(layer.window->before, 1);
  EXPECT_EQ(layer.window->after, 1);
  EXPECT_EQ(Layer("64c4same").window->before, 1);
  EXPECT_EQ(Layer("64c4same").window->after, 2);
  EXPECT_EQ(Layer("64c4s2same").word(), "64c4s2p1");
}

TEST(Layer, RefusesWhatIsNone) {
  for (const std::string word :
       {"", "0", "-3", "16c", "c6", "16c0", "16c6s0", "16c6p6", "16c2s3same", "16e6", "1.5",
        "16c6 ", "64x9", "99999999999999999999", "16c99999999999999999999"}) {
    EXPECT_NE(message_of([&] { Layer layer(word); }).find("\"" + word + "\" is no layer"),
              std::string::npos)
        << word;
  }
}

TEST(Layer, SaysWhatItMakes) {
  const Parents images = {data_parent({28, 28})};
  EXPECT_EQ(Layer("16c6").output("h", images).shape, (Sizes{16, 23, 23}));
  EXPECT_EQ(Layer("16c6").output("h", images).width, 16 * 23 * 23);
  EXPECT_EQ(Layer("8d4s2p1").output("h", images).shape, (Sizes{8, 56, 56}));
  EXPECT_EQ(Layer("500").output("h", images).shape, Sizes{});
  EXPECT_EQ(Layer("64x9x9").output("h", images).shape, (Sizes{64, 9, 9}));
  const Parents with_others = {{"y", 10}, data_parent({28, 28}), {"z", 3}};
  EXPECT_EQ(Layer("4c5").output("h", with_others).shape, (Sizes{4, 24, 24}));
}

TEST(Layer, RefusesWhatItCannotConvolve) {
  EXPECT_EQ(message_of([] { Layer("16c6").output("h", {data_parent({16})}); }),
            "model.layers: 16c6 is a convolution and needs images, but x is a row of 16 numbers: "
            "use dense layers, such as model.layers=[500, 500]");
  EXPECT_NE(message_of([] {
              Layer("16c6").output("h", {data_parent({5, 8})});
            }).find("5×8"),
            std::string::npos);
  EXPECT_NE(message_of([] {
              Layer("4c2").output("h", {data_parent({8, 8}), {"h", 36, false, {1, 6, 6}}});
            }).find("x is 8×8 and h 6×6"),
            std::string::npos);
  EXPECT_EQ(message_of([] {
              layers_of({"500", "16c6"});
            }),
            "model.layers: 16c6 stands after 500, a dense layer, which makes no map: put "
            "convolutions before it");
}

TEST(Mirror, RunsBackFromTheLatentsToTheImage) {
  const Mirror mirror = mirrored({"16c6", "32c6", "64c4s2p1", "500", "200"}, data_parent({28, 28}));
  EXPECT_EQ(mirror.hidden, (Words{"200", "500", "64x9x9", "32d4s2p1", "16d6"}));
  EXPECT_EQ(mirror.last.word(), "1d6");
  const Mirror colour = mirrored({"64c4s2p1", "128c4same", "8c1"}, data_parent({32, 32, 3}));
  EXPECT_EQ(colour.hidden, (Words{"8x16x16", "128d1", "64d4same"}));
  EXPECT_EQ(colour.last.word(), "3d4s2p1");
}

TEST(Mirror, LeavesDenseLayersAsTheyAre) {
  const Mirror mirror = mirrored({"1024", "512"}, data_parent({28, 28}));
  EXPECT_EQ(mirror.hidden, (Words{"1024", "512"}));
  EXPECT_EQ(mirror.last.word(), "784");
  EXPECT_EQ(mirrored({}, data_parent({5})).last.word(), "5");
}

TEST(Mirror, RefusesWhatHasNone) {
  const auto message = [](const Words& words, const Sizes& shape) {
    return message_of([&] { mirrored(words, data_parent(shape)); });
  };
  EXPECT_EQ(message({"64c4s2"}, {23, 23}),
            "model.layers: 64c4s2 takes maps of 23×23 to 10×10, from which no transposed "
            "convolution leads back: choose window, stride and padding so that no pixel is left "
            "over");
  EXPECT_NE(message({"16c6"}, {16}), "");
  EXPECT_NE(message({"16d6"}, {28, 28}), "");
  EXPECT_EQ(message({"64c4s2"}, {22, 22}), "");
  for (const Sizes& shape : {Sizes{28, 28}, Sizes{32, 32, 3}}) {  // the example of model.layers
    EXPECT_EQ(message({"16c5", "64c4s2p1", "500"}, shape), "");
  }
}

}  // namespace
}  // namespace clade
