#include "clade/formats/mat.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/formats/mat_for_tests.h"
#include "clade/formats/test_files.h"

#ifdef CLADE_WITH_MATIO
namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;
using testing::write_mat;

TEST(Mat, ReadsAMatrixColumnByColumn) {
  const TestFolder folder;
  const auto matrix = torch::arange(6).view({2, 3}) / 2.0;
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path = write_mat(folder.path("a.mat"), {{"x", matrix}}, compression);
    EXPECT_TRUE(read_mat(path, "x").equal(matrix.t()));
    expect_error<DataError>([&] { read_mat(path, "y"); }, {"a.mat", "no variable y"});
  }
  expect_error<DataError>([&] { read_mat(folder.write("b.mat", std::string(500, 'x')), "x"); },
                          {"b.mat", "-v7"});
}

TEST(Mat, ReadsAnArrayOfItsOwnTypeFirstIndexFastest) {
  const TestFolder folder;
  const auto bytes = torch::arange(24).view({2, 3, 4}).to(torch::kUInt8);
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path = write_mat(folder.path("a.mat"), {{"X", bytes}}, compression);
    EXPECT_TRUE(read_mat_array(path, "X").equal(bytes.permute({2, 1, 0})));
    expect_error<DataError>([&] { read_mat(path, "X"); }, {"a.mat", "X", "two dimensions"});
  }
}

TEST(Mat, EveryTruncationIsRefused) {
  const TestFolder folder;
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path =
        write_mat(folder.path("a.mat"), {{"x", torch::arange(40).view({5, 8})}}, compression);
    std::ifstream in(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string cut = folder.write("cut.mat", bytes.substr(0, size));
      EXPECT_THROW(read_mat(cut, "x"), DataError) << "cut to " << size << " bytes";
    }
  }
}

}  // namespace
}  // namespace clade
#endif
