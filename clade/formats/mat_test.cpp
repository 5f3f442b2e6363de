#include "clade/formats/mat.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/files.h"
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

TEST(Mat, PointsAreRowsOfAMatrixOrLieAlongADimensionOfImages) {
  const TestFolder folder;
  const auto numbers = torch::arange(2 * 3 * 3 * 5);
  const auto read = [&](const torch::Tensor& matrix) {
    return read_mat_points(write_mat(folder.path("a.mat"), {{"x", matrix}}), "x");
  };
  const auto matrix = numbers.slice(0, 0, 6).view({2, 3}).to(torch::kInt16) - 3;
  EXPECT_TRUE(read(matrix).values.equal(matrix.to(torch::kInt64)));
  EXPECT_EQ(read(matrix).note, "");
  EXPECT_EQ(read(matrix.to(torch::kFloat32)).values.scalar_type(), torch::kFloat32);
  const auto row = torch::tensor({{4.5, 1.0, 2.0}});
  EXPECT_TRUE(read(row).values.equal(row.t()));

  const auto last = numbers.view({2, 3, 3, 5});
  const Array colours = read(last.to(torch::kUInt8));
  EXPECT_EQ(colours.note, "x is 2x3x3x5: points along its last dimension");
  for (int64_t i = 0; i < 5; ++i) EXPECT_TRUE(colours.values[i].equal(last.select(3, i)));
  const auto grey = numbers.view({3, 3, 10}).to(torch::kUInt8);
  for (int64_t i = 0; i < 10; ++i) EXPECT_TRUE(read(grey).values[i].equal(grey.select(2, i)));
  for (const auto& first :  // as NumPy has them
       {numbers.view({10, 3, 3}), torch::arange(2 * 5 * 4 * 3).view({2, 5, 4, 3})}) {
    const Array images = read(first.to(torch::kUInt8));
    EXPECT_TRUE(images.values.equal(first));
    EXPECT_NE(images.note.find("first dimension"), std::string::npos);
  }
}

/// A file of a struct, a sparse matrix and complex numbers.
std::string write_others(const std::string& path) {
  mat_t* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  const auto write = [&](matvar_t* variable) {
    Mat_VarWrite(file, variable, MAT_COMPRESSION_NONE);
    Mat_VarFree(variable);
  };
  size_t sizes[] = {1, 1}, four[] = {2, 2};
  const char* field = "a";
  write(Mat_VarCreateStruct("options", 2, sizes, &field, 1));
  double values[] = {1, 2};
  mat_uint32_t rows[] = {0, 1}, columns[] = {0, 1, 2};
  mat_sparse_t sparse = {};
  sparse.nzmax = 2, sparse.ir = rows, sparse.nir = 2, sparse.jc = columns, sparse.njc = 3;
  sparse.ndata = 2, sparse.data = values;
  write(Mat_VarCreate("counts", MAT_C_SPARSE, MAT_T_DOUBLE, 2, four, &sparse, 0));
  mat_complex_split_t parts = {values, values};
  write(Mat_VarCreate("waves", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, sizes, &parts, MAT_F_COMPLEX));
  Mat_Close(file);
  return path;
}

TEST(Mat, WhatHoldsNoRealNumbersIsNamed) {
  const TestFolder folder;
  const std::string path = write_others(folder.path("a.mat"));
  const auto variables = mat_variables(path);
  ASSERT_EQ(variables.size(), 3);
  EXPECT_EQ(variables[0].kind, "struct");
  EXPECT_FALSE(variables[0].numbers);
  EXPECT_EQ(variables[1].kind, "sparse matrix");
  EXPECT_EQ(variables[1].sizes, (std::vector<int64_t>{2, 2}));
  EXPECT_TRUE(variables[1].numbers);
  EXPECT_EQ(variables[2].kind, "complex");
  expect_error<DataError>([&] { read_mat_points(path, "options"); },
                          {"a.mat", "options", "struct", "-v7", ".npy"});
  expect_error<DataError>([&] { read_mat_points(path, "counts"); },
                          {"counts", "sparse", "full()", "scipy.sparse.save_npz"});
  expect_error<DataError>([&] { read_mat_points(path, "waves"); }, {"waves", "complex"});
  expect_error<DataError>([&] { read_mat_points(path, "count"); }, {"did you mean counts?"});
}

TEST(Mat, DamageIsRefused) {
  const TestFolder folder;
  const auto values = torch::arange(40).view({5, 8}) / 3.0;
  const std::string path = write_mat(folder.path("a.mat"), {{"x", values}}, MAT_COMPRESSION_ZLIB);
  const std::string bytes = read_file(path);
  int refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x14);
    const std::string copy = folder.write("b.mat", damaged);
    try {
      EXPECT_TRUE(read_mat_points(copy, "x").values.equal(values)) << "byte " << at;
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) - 140);  // the header's text may be any
}

TEST(Mat, EveryTruncationIsRefused) {
  const TestFolder folder;
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path =
        write_mat(folder.path("a.mat"), {{"x", torch::arange(40).view({5, 8})}}, compression);
    const std::string bytes = read_file(path);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string cut = folder.write("cut.mat", bytes.substr(0, size));
      EXPECT_THROW(read_mat(cut, "x"), DataError) << "cut to " << size << " bytes";
    }
  }
}

}  // namespace
}  // namespace clade
#endif
