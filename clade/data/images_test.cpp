#include "clade/data/images.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/data/load.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

torch::Tensor pixels(std::vector<int64_t> values, std::vector<int64_t> shape) {
  return torch::tensor(values).to(torch::kUInt8).view(shape);
}

TEST(Conform, GreyIsLuma) {
  const auto image = pixels({255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90}, {1, 4, 3});
  EXPECT_TRUE(conform(image, {{}, true}).equal(pixels({76, 150, 29, 90}, {1, 4})));
  EXPECT_TRUE(conform(image, {}).equal(image));
}

TEST(Conform, ShrinkingAveragesWhatItCovers) {
  // One bright column in four: two-point interpolation at the new pixels' centres would miss all.
  auto stripes = torch::zeros({16, 16}, torch::kUInt8);
  stripes.slice(1, 0, 16, 4).fill_(200);
  const auto small = conform(stripes, {{4, 4}, false});
  ASSERT_EQ(small.sizes(), (torch::IntArrayRef{4, 4}));
  EXPECT_LE((small.slice(1, 1, 3).to(torch::kInt64) - 50).abs().max().item<int64_t>(), 5);
  // A quarter of the picture stays where it is.
  auto corner = torch::zeros({12, 12, 3}, torch::kUInt8);
  corner.slice(0, 0, 6).slice(1, 6, 12).select(2, 1).fill_(240);
  const auto moved = conform(corner, {{4, 6}, false});
  ASSERT_EQ(moved.sizes(), (torch::IntArrayRef{4, 6, 3}));
  EXPECT_EQ(moved[0][5][1].item<int64_t>(), 240);
  EXPECT_EQ(moved[0][5][0].item<int64_t>(), 0);
  EXPECT_EQ(moved[3][5][1].item<int64_t>(), 0);
  EXPECT_EQ(moved[0][0][1].item<int64_t>(), 0);
  EXPECT_TRUE(
      conform(torch::full({5, 7}, 99, torch::kUInt8), {{3, 9}, false}).eq(99).all().item<bool>());
}

#if defined(CLADE_WITH_PNG) && defined(CLADE_WITH_ZLIB)

using testing::grey_png;
using testing::png_bytes;

const std::string kZero(1, '\0');

std::string flat(int width, int height, char level) {
  return grey_png(static_cast<uint32_t>(width), static_cast<uint32_t>(height),
                  std::string(static_cast<size_t>(width * height), level));
}

TEST(ImageFolder, TakesItsFilesInOrderAndSubfoldersForClasses) {
  const TestFolder folder;
  for (const char* name :
       {"b/2.png", "b/10.PNG", "b.c/1.png", "a/deep/er/x.png", "a/.hidden.png", ".trash/y.png"}) {
    folder.write(name, flat(2, 1, '\5'));
  }
  folder.write("a/notes.txt", "no image");
  std::vector<std::string> names;
  for (const auto& file : image_files(folder.path())) {
    names.push_back(file.lexically_relative(folder.path()).string());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"a/deep/er/x.png", "b/10.PNG", "b/2.png", "b.c/1.png"}));
  const ImageFolder images = read_image_folder(folder.path() + "/", {}, {});
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b", "b", "b.c"}));
  EXPECT_EQ(images.files, names);
  EXPECT_TRUE(images.values.equal(torch::full({4, 1, 2}, 5, torch::kUInt8)));

  folder.write("loose.png", flat(2, 1, '\5'));
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"loose.png", "a/deep/er/x.png", "one a class"});
}

TEST(ImageFolder, SaysWhichImageIsOddAndWhatToDo) {
  const TestFolder folder;
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {folder.path().c_str(), "no .png", "clade data"});
  folder.write("1.png", flat(2, 3, 'a'));
  folder.write("2.png", flat(4, 6, 'a'));
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"2.png is 6x4 grey", "1.png is 3x2 grey", "--set data.resize=[3,2]"});
  EXPECT_TRUE(read_image_folder(folder.path(), {{3, 2}, false}, {})
                  .values.equal(torch::full({2, 3, 2}, 'a', torch::kUInt8)));
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {}, {6, 4});
      },
      {"1.png is 3x2 grey", "trained on 6x4 grey", "--set data.resize=[6,4]"});
  folder.write("2.png", png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc"));
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {{3, 2}, false}, {});
      },
      {"2.png is 3x2 RGB", "data.greyscale=true"});
  EXPECT_EQ(read_image_folder(folder.path(), {{3, 2}, true}, {}).values.dim(), 3);
  folder.write("3.png", "not an image");
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {{3, 2}, true}, {});
      },
      {"3.png", "neither"});
}

TEST(ImageFolder, IsDataToTrainOnWithItsClassesForLabels) {
  const TestFolder folder;
  for (int i = 0; i < 6; ++i) {
    const std::string name = std::to_string(i) + ".png";
    folder.write("images/dark/" + name, flat(2 + i, 2, '\0'));
    folder.write("images/bright/" + name, flat(2, 2 + i, '\xff'));
  }
  DataOptions options;
  options.path = folder.path("images");
  options.images.resize = {2, 2};
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.size(), 12 - 2);
  EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"bright", "dark"}));
  EXPECT_TRUE(splits.train.x.select(1, 3).eq(1 - splits.train.labels).all().item<bool>());
  EXPECT_EQ(suggested_likelihood(splits), "bernoulli");
  // Shuffled, each still knows its file: dark ones stand behind the bright.
  EXPECT_EQ(splits.train.names.title, "file");
  ASSERT_EQ(splits.train.names.names.size(), 10);
  for (int64_t i = 0; i < splits.train.size(); ++i) {
    const bool dark = splits.train.labels[i].item<int64_t>() == 1;
    const int64_t row = splits.train.rows[i].item<int64_t>();
    EXPECT_EQ(splits.train.names.names[static_cast<size_t>(i)],
              (dark ? "dark/" : "bright/") + std::to_string(row % 6) + ".png");
    EXPECT_EQ(row >= 6, dark);
  }

  // What the model was trained with goes for what it is given later.
  folder.write("more/1.png", flat(9, 7, '\xff'));
  const Dataset more = load_points(folder.path("more"), "", splits.preprocessing,
                                   splits.train.shape, splits.train.label_names);
  EXPECT_TRUE(more.x.equal(torch::ones({1, 4})));
  EXPECT_FALSE(more.labelled());
  Preprocessing as_they_are = splits.preprocessing;
  as_they_are.images = {};
  expect_error<DataError>(
      [&] {
        load_points(folder.path("more"), "", as_they_are, {2, 2});
      },
      {"1.png is 7x9", "trained on 2x2"});

  options.labels = folder.write("labels", "0\n1\n0\n1\n0\n1\n0\n1\n0\n1\n0\n1\n");
  EXPECT_EQ(load_splits(options, 1).train.label_names, (std::vector<std::string>{"0", "1"}));
  options.labels = "kind";
  expect_error<DataError>([&] { load_splits(options, 1); }, {"kind", "data.labels"});
}

TEST(ImageFolder, ColoursAreThreeNumbersAPixel) {
  const TestFolder folder;
  folder.write("1.png", png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc"));
  DataOptions options;
  options.path = folder.path();
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_TRUE(splits.train.x.mul(255).round().equal(
      torch::tensor({1.0F, 2.0F, 3.0F, 250.0F, 251.0F, 252.0F}).view({1, 6})));
  EXPECT_EQ(splits.said.find("greyscale"), std::string::npos) << splits.said;
}

TEST(ImageFolder, SaysWhatItLeavesOut) {
  const TestFolder folder;
  folder.write("1.png", png_bytes(2, 1, 8, 6, kZero + "aaa\xff" + "bbb\xff"));
  folder.write("2.png", png_bytes(2, 1, 8, 6, kZero + "ccc\xff" + "dddz"));
  folder.write("3.png", png_bytes(2, 1, 16, 2, kZero + "eeeeeeffffff"));
  DataOptions options;
  options.path = folder.path();
  const Splits splits = load_splits(options, 1);
  for (const char* part : {"16 bits became 8 (1 image)", "alpha channel lies on white (2 images)",
                           "data.greyscale = true"}) {
    EXPECT_NE(splits.said.find(part), std::string::npos) << splits.said;
  }
  const Dataset again = load_points(folder.path(), "", splits.preprocessing, splits.train.shape);
  EXPECT_NE(again.note.find("16 bits became 8"), std::string::npos) << again.note;
  EXPECT_EQ(again.note.find("greyscale"), std::string::npos) << again.note;
  options.images.greyscale = true;
  EXPECT_EQ(load_splits(options, 1).train.shape, (std::vector<int64_t>{2}));
}

#endif

TEST(ImageReading, OnlyFoldersOfImagesAreReadAnew) {
  const TestFolder folder;
  DataOptions options;
  options.path = folder.write("a.csv", "1,2\n3,4\n");
  options.images.greyscale = true;
  expect_error<ConfigError>([&] { load_splits(options, 1); }, {"data.greyscale", "a.csv"});
  options.images = {{28}, false};
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize is 28", "[H, W]"});
  options.images.resize = {0, 28};
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize is 0x28"});
  options.images.resize = {28, 28};
  options.path.clear();
  options.name = "mnist";
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize", "mnist"});
}

}  // namespace
}  // namespace clade
