#include "clade/data/svhn.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/data/load.h"
#include "clade/formats/mat_for_tests.h"
#include "clade/formats/test_files.h"

#ifdef CLADE_WITH_MATIO
namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;
using testing::write_mat;

/// [32, 32, 3, n] as MATLAB shows them, every pixel another from its neighbours.
torch::Tensor some_digits(int64_t n) {
  return torch::arange(32 * 32 * 3 * n).view({32, 32, 3, n}).remainder(251).to(torch::kUInt8);
}

TEST(Svhn, IsReadAsItsAuthorsWriteIt) {
  const TestFolder folder;
  const auto images = some_digits(3);
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path = write_mat(
        folder.path("train_32x32.mat"),
        {{"X", images}, {"y", torch::tensor({{10}, {1}, {9}}, torch::kUInt8)}}, compression);
    const Points points = read_svhn(path);
    EXPECT_EQ(points.shape, (std::vector<int64_t>{32, 32, 3}));
    EXPECT_EQ(points.values.scalar_type(), torch::kUInt8);
    EXPECT_TRUE(points.labels.equal(torch::tensor({0, 1, 9})));  // 10 is the digit 0
    EXPECT_EQ(points.label_names[0], "0");
    for (int64_t i = 0; i < 3; ++i) {  // row by row, the colours of a pixel side by side
      EXPECT_TRUE(points.values[i].equal(images.select(3, i).reshape({-1})));
    }
  }
}

TEST(Svhn, AFileOfItIsReadAsTheNamedSetIs) {
  const TestFolder folder;
  const auto classes = torch::tensor({{10}, {1}, {9}, {10}}, torch::kUInt8);
  const std::string path =
      write_mat(folder.path("some.mat"), {{"X", some_digits(4)}, {"y", classes}});
  const Points named = read_svhn(path);
  for (const std::string& labels : {std::string(), std::string("y"), path + ":y"}) {
    const Points points = read_points(path, labels, named.label_names);
    EXPECT_EQ(points.shape, named.shape);
    EXPECT_TRUE(points.values.equal(named.values));
    EXPECT_TRUE(points.labels.equal(named.labels));
    EXPECT_NE(points.note.find("its label 10 is the digit 0"), std::string::npos);
  }
  EXPECT_EQ(read_points(path, "").label_names, (std::vector<std::string>{"0", "1", "9"}));
  // Another set's labels are what they are.
  for (const auto& [images, labels] : {std::pair(some_digits(4).slice(0, 0, 31), classes),
                                       std::pair(some_digits(4), classes + 1)}) {
    write_mat(path, {{"X", images}, {"y", labels}});
    EXPECT_EQ(read_points(path, "").label_names.back(), std::to_string(labels.max().item<int>()));
  }
}

TEST(Svhn, IsANamedSetOfTwoFiles) {
  const TestFolder folder;
  const auto classes = [](int64_t n) { return (torch::arange(n) % 10 + 1).view({n, 1}); };
  write_mat(folder.path("train_32x32.mat"), {{"X", some_digits(30)}, {"y", classes(30)}});
  DataOptions options;
  options.name = "svhn";
  options.path = folder.path();
  options.validation = 10;
  expect_error<DataError>([&] { load_splits(options, 1); }, {"test_32x32.mat"});
  write_mat(folder.path("test_32x32.mat"), {{"X", some_digits(5)}, {"y", classes(5)}});
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.size(), 20);
  EXPECT_EQ(splits.validation.size(), 10);
  EXPECT_EQ(splits.test.size(), 5);
  EXPECT_EQ(suggested_likelihood(splits), "discretised_logistic");
  EXPECT_TRUE(splits.test.labels.equal(torch::tensor({1, 2, 3, 4, 5})));
  EXPECT_LE(splits.train.x.max().item<double>(), 1);
  options.path = folder.path("nowhere");
  std::filesystem::create_directory(options.path);
  expect_error<DataError>(
      [&] { load_splits(options, 1); },
      {"svhn", "nowhere", "train_32x32.mat of 73257 digits", "test_32x32.mat of 26032"});
}

TEST(Svhn, RefusesWhatIsNotItsDigits) {
  const TestFolder folder;
  const auto classes = torch::tensor({{1}, {2}});
  const auto refuse = [&](const std::vector<testing::Matrix>& matrices,
                          std::initializer_list<const char*> parts) {
    const std::string path = write_mat(folder.path("test_32x32.mat"), matrices);
    expect_error<DataError>([&] { read_svhn(path); }, parts);
  };
  refuse({{"X", some_digits(2).to(torch::kFloat64)}, {"y", classes}}, {"X", "uint8"});
  refuse({{"X", some_digits(2).slice(0, 0, 31)}, {"y", classes}}, {"X", "32x32x3"});
  refuse({{"X", some_digits(2)[0]}, {"y", classes}}, {"X", "32x32x3"});
  refuse({{"X", some_digits(2)}}, {"no variable y"});
  refuse({{"X", some_digits(3)}, {"y", classes}}, {"y", "3 images"});
  refuse({{"X", some_digits(2)}, {"y", classes - 1}}, {"y", "from 1 to 10"});
  refuse({{"X", some_digits(2)}, {"y", classes + 0.5}}, {"y", "1.5", "whole numbers"});
}

}  // namespace
}  // namespace clade
#endif
