#include "clade/data/omniglot.h"

#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/data/load.h"
#include "clade/data/named_sets.h"
#include "clade/formats/mat_for_tests.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::big;
using testing::expect_error;
using testing::idx_bytes;
using testing::TestFolder;
#ifdef CLADE_WITH_MATIO
using testing::Matrix;
using testing::write_mat;
#endif

constexpr int64_t kPixels = 28 * 28;

std::string label_of(const Points& points, int64_t i) {
  return points.label_names.at(static_cast<size_t>(points.labels[i].item<int64_t>()));
}

#ifdef CLADE_WITH_MATIO

/// Classes 1 to C as rows of ones, [C, N].
torch::Tensor one_hot(const std::vector<int64_t>& classes, int64_t c) {
  return torch::one_hot(torch::tensor(classes) - 1, c).t();
}

std::vector<Matrix> small_chardata() {
  // Image n has a bright first row, n of its pixels wide; MATLAB's 28x28 lie column by column.
  const auto images = [](int64_t first, int64_t n) {
    auto x = torch::zeros({n, 28, 28});
    for (int64_t i = 0; i < n; ++i) x[i][0].slice(0, 0, first + i).fill_(1);
    return x.transpose(1, 2).reshape({n, kPixels}).t();
  };
  return {{"data", images(1, 4)},
          {"target", one_hot({3, 1, 1, 2}, 3)},
          {"targetchar", torch::tensor({{7, 1, 2, 1}})},
          {"testdata", images(10, 2)},
          {"testtarget", one_hot({1, 3}, 3)},
          {"testtargetchar", torch::tensor({{2, 7}})}};
}

TEST(Omniglot, ReadsChardataUprightWithItsSplit) {
  const TestFolder folder;
  write_mat(folder.path("chardata.mat"), small_chardata(), MAT_COMPRESSION_ZLIB);
  const auto drawings = read_omniglot(folder.path(), "");
  ASSERT_TRUE(drawings);
  const Points& points = drawings->points;
  EXPECT_EQ(points.shape, (std::vector<int64_t>{28, 28}));
  EXPECT_TRUE(drawings->test.equal(torch::tensor({false, false, false, false, true, true})));
  const auto rows = points.values.view({6, 28, 28});
  const auto widths = torch::tensor({1.0F, 2.0F, 3.0F, 4.0F, 10.0F, 11.0F});
  EXPECT_TRUE(rows.select(1, 0).sum(1).equal(widths));
  EXPECT_TRUE(rows.sum({1, 2}).equal(widths));
  EXPECT_EQ(points.label_names, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(label_of(points, 0), "3");
  EXPECT_EQ(label_of(points, 4), "1");
  const auto characters = read_omniglot(folder.path(), "characters");
  EXPECT_EQ(characters->points.label_names, (std::vector<std::string>{"1/1", "1/2", "2/1", "3/7"}));
  EXPECT_EQ(label_of(characters->points, 5), "3/7");

  DataOptions options;
  options.name = "omniglot";
  options.path = folder.path();
  options.validation = 2;
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.size(), 2);
  EXPECT_EQ(splits.test.x[1].sum().item<float>(), 11);  // bits already
  EXPECT_NE(splits.said.find("Burda"), std::string::npos) << splits.said;
  // Every training image is in one of the two, whatever the seed.
  const auto seen = torch::cat({splits.train.x, splits.validation.x}).sum(1);
  EXPECT_TRUE(std::get<0>(seen.sort()).equal(widths.slice(0, 0, 4)));
  EXPECT_TRUE(splits.validation.x.equal(load_splits(options, 2).validation.x));
}

TEST(Omniglot, RefusesChardataThatDoesNotFit) {
  const TestFolder folder;
  const auto refuse = [&](const Matrix& wrong, std::initializer_list<const char*> parts) {
    auto matrices = small_chardata();
    for (Matrix& matrix : matrices) {
      if (matrix.first == wrong.first) matrix = wrong;
    }
    write_mat(folder.path("chardata.mat"), matrices);
    expect_error<DataError>([&] { read_omniglot(folder.path(), "characters"); }, parts);
  };
  refuse({"testdata", torch::zeros({100, 2})}, {"testdata", "100 rows", "784"});
  refuse({"target", one_hot({1, 1, 1}, 3)}, {"target", "3 points, not 4"});
  refuse({"testtargetchar", torch::ones({5, 5})}, {"testtargetchar", "not 2"});
}

#endif

TEST(Omniglot, ReadsIdxByDrawer) {
  const TestFolder folder;
  std::string images;
  for (const char level : {'\x0a', '\x14', '\x1e'}) images += std::string(kPixels, level);
  folder.write("omniglot28-images-idx3-ubyte", idx_bytes(8, {3, 28, 28}, images));
  folder.write("omniglot28-alphabets-idx1-ubyte", idx_bytes(8, {3}, std::string("\0\x31\0", 3)));
  folder.write("omniglot28-characters-idx1-int", idx_bytes(0x0c, {3}, big<int32_t>({0, 1622, 1})));
  expect_error<DataError>([&] { read_omniglot(folder.path(), ""); },
                          {"omniglot28-drawers-idx1-ubyte"});
  const std::string drawers =
      folder.write("omniglot28-drawers-idx1-ubyte", idx_bytes(8, {3}, "\x10\x0f\x01"));
  const auto drawings = read_omniglot(folder.path(), "alphabets");
  ASSERT_TRUE(drawings);
  EXPECT_TRUE(drawings->test.equal(torch::tensor({true, false, false})));
  EXPECT_EQ(drawings->points.values[1].eq(20).sum().item<int64_t>(), kPixels);
  EXPECT_EQ(drawings->points.label_names, (std::vector<std::string>{"0", "49"}));
  EXPECT_EQ(label_of(read_omniglot(folder.path(), "characters")->points, 1), "1622");
  EXPECT_NE(drawings->points.note.find("not comparable"), std::string::npos);
  EXPECT_NE(drawings->points.note.find("2 drawings"), std::string::npos);

  std::string names = "alphabet,split,name\n";
  for (int i = 0; i < 49; ++i)
    names += std::to_string(i) + ",background,Alpha_" + std::to_string(i) + "\n";
  folder.write("alphabets.csv", names);
  expect_error<DataError>([&] { read_omniglot(folder.path(), ""); }, {"alphabets.csv", "49"});
  folder.write("alphabets.csv", names + "49,evaluation,ULOG\n");
  EXPECT_EQ(read_omniglot(folder.path(), "")->points.label_names,
            (std::vector<std::string>{"Alpha_0", "ULOG"}));

  folder.write("omniglot28-drawers-idx1-ubyte", idx_bytes(8, {2}, "\x10\x0f"));
  expect_error<DataError>([&] { read_omniglot(folder.path(), ""); },
                          {drawers.c_str(), "2 entries"});
  folder.write("omniglot28-drawers-idx1-ubyte", idx_bytes(8, {3}, "\x10\x0f\x15"));
  expect_error<DataError>([&] { read_omniglot(folder.path(), ""); }, {"outside 1 to 20"});
}

#if defined(CLADE_WITH_PNG) && defined(CLADE_WITH_ZLIB)
TEST(Omniglot, ReadsTheDrawingsBrightOnDark) {
  const TestFolder folder;
  // 105x105 of one bit: white but for the upper left quarter, which is ink.
  std::string lines;
  for (int row = 0; row < 105; ++row) {
    lines += '\0' + std::string(6, row < 53 ? '\0' : '\xff') + std::string(8, '\xff');
  }
  const std::string drawing = testing::png_bytes(105, 105, 1, 0, lines);
  folder.write("images_background/Greek/character01/0394_01.png", drawing);
  folder.write("images_background/Greek/character02/0395_16.png", drawing);
  folder.write("images_evaluation/Tengwar/character01/1500_15.png", drawing);
  folder.write("images_background_small1/Greek/character01/0394_01.png", drawing);
  folder.write("images_background/preview.png", drawing);
  const auto drawings = read_omniglot(folder.path(), "");
  ASSERT_TRUE(drawings);
  EXPECT_TRUE(drawings->test.equal(torch::tensor({false, true, false})));
  EXPECT_EQ(drawings->points.label_names, (std::vector<std::string>{"Greek", "Tengwar"}));
  const auto image = drawings->points.values[0].view({28, 28});
  EXPECT_EQ(image[0][0].item<int64_t>(), 255);
  EXPECT_EQ(image[0][27].item<int64_t>(), 0);
  EXPECT_EQ(image[27][0].item<int64_t>(), 0);
  const double ink = image.to(torch::kFloat64).mean().item<double>() / 255;
  EXPECT_NEAR(ink, 53.0 * 48 / (105 * 105), 0.01);
  EXPECT_EQ(label_of(read_omniglot(folder.path(), "characters")->points, 2), "Tengwar/character01");

  // The union in one folder.
  const auto alphabets = read_omniglot(folder.path("images_background"), "");
  EXPECT_EQ(alphabets->points.values.size(0), 2);
}
#endif

TEST(Omniglot, SaysWhereItIsLookedFor) {
  const TestFolder folder;
  DataOptions options;
  options.name = "omniglot";
  options.path = folder.path();
  expect_error<DataError>([&] { load_splits(options, 1); },
                          {folder.path().c_str(), "chardata.mat", "images_background"});
  options.labels = "characters";
  EXPECT_NO_THROW(options.validate());
  options.labels = "letters";
  expect_error<ConfigError>([&] { options.validate(); }, {"letters", "alphabets", "characters"});
}

}  // namespace
}  // namespace clade
