#include "clade/formats/sparse.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/formats/npz.h"
#include "clade/formats/test_files.h"

#ifdef CLADE_WITH_ZLIB

namespace clade {
namespace {

using testing::expect_error;
using testing::little;
using testing::npy_bytes;
using testing::npy_header;

using Entry = std::pair<std::string, std::string>;

Entry longs(const std::string& name, std::initializer_list<int64_t> values) {
  return {name + ".npy", npy_bytes(npy_header("<i8", "(" + std::to_string(values.size()) + ",)"),
                                   little<int64_t>(values))};
}

Entry ints(const std::string& name, std::initializer_list<int32_t> values) {
  return {name + ".npy", npy_bytes(npy_header("<i4", "(" + std::to_string(values.size()) + ",)"),
                                   little<int32_t>(values))};
}

Entry floats(const std::string& shape, std::initializer_list<float> values) {
  return {"data.npy", npy_bytes(npy_header("<f4", shape), little<float>(values))};
}

Array read(const std::string& format, std::vector<Entry> entries) {
  entries.emplace_back("format.npy", npy_bytes(npy_header("|S3", "()"), format));
  return parse_sparse_matrix(testing::zip_bytes(entries, true), "a.npz");
}

void expect_matrix(const Array& array, std::initializer_list<double> values,
                   std::vector<int64_t> shape, torch::ScalarType type) {
  const auto expected = torch::tensor(std::vector<double>(values)).view(shape).to(type);
  ASSERT_EQ(array.values.scalar_type(), type);
  EXPECT_TRUE(array.values.equal(expected)) << array.values;
  EXPECT_TRUE(array.values.is_contiguous());
}

// The matrices below are laid out by hand after SciPy's documentation of each format.

TEST(Sparse, RowsAndColumns) {
  const auto shape = longs("shape", {2, 3});
  const Array rows = read("csr", {ints("indices", {2, 0, 1}), ints("indptr", {0, 1, 3}), shape,
                                  floats("(3,)", {5, 1, 7})});
  expect_matrix(rows, {0, 0, 5, 1, 7, 0}, {2, 3}, torch::kUInt8);
  EXPECT_EQ(rows.note, "a sparse matrix (csr), 50 % filled");
  expect_matrix(read("csc", {ints("indices", {1, 0, 1}), ints("indptr", {0, 0, 2, 3}), shape,
                             floats("(3,)", {0.5F, 1, -7})}),
                {0, 1, 0, 0, 0.5, -7}, {2, 3}, torch::kFloat32);
}

TEST(Sparse, PlacesThatAreThereTwiceAddUp) {
  const auto shape = longs("shape", {2, 2});
  expect_matrix(read("coo", {ints("row", {1, 0, 1}), ints("col", {0, 1, 0}), shape,
                             floats("(3,)", {200, 3, 100})}),
                {0, 3, 300, 0}, {2, 2}, torch::kFloat32);
  expect_matrix(read("csr", {ints("indices", {1, 1}), ints("indptr", {0, 2, 2}), shape,
                             floats("(2,)", {1, 2})}),
                {0, 3, 0, 0}, {2, 2}, torch::kUInt8);
}

TEST(Sparse, Blocks) {
  // Of 1 x 2, the second of which stands to the left.
  expect_matrix(read("bsr", {ints("indices", {1, 0}), ints("indptr", {0, 1, 2}),
                             longs("shape", {2, 4}), floats("(2, 1, 2)", {1, 2, 3, 4})}),
                {0, 0, 1, 2, 3, 4, 0, 0}, {2, 4}, torch::kUInt8);
}

TEST(Sparse, Diagonals) {
  // SciPy's own example: data [[1 2 3 4]] * 3 and offsets [0 -1 2], here of a matrix 4 x 4.
  expect_matrix(read("dia", {ints("offsets", {0, -1, 2}), longs("shape", {4, 4}),
                             floats("(3, 4)", {1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4})}),
                {1, 0, 3, 0, 1, 2, 0, 4, 0, 2, 3, 0, 0, 0, 3, 4}, {4, 4}, torch::kUInt8);
}

TEST(Sparse, AMatrixOfZerosHasNoEntries) {
  const Entry none = {"data.npy", npy_bytes(npy_header("<f4", "(1,)"), little<float>({0}))};
  expect_matrix(read("coo", {ints("row", {0}), ints("col", {0}), longs("shape", {1, 2}), none}),
                {0, 0}, {1, 2}, torch::kUInt8);
}

TEST(Sparse, RefusesWhatIsBrokenOrTooLarge) {
  const auto refuse = [](const std::string& format, const std::vector<Entry>& entries,
                         std::initializer_list<const char*> parts) {
    expect_error<DataError>([&] { read(format, entries); }, parts);
  };
  const auto shape = longs("shape", {2, 2});
  const auto data = floats("(2,)", {1, 2});
  refuse("lil", {shape, data}, {"a.npz", "format lil"});
  refuse("coo", {ints("row", {0, 2}), ints("col", {0, 0}), shape, data}, {"outside its 2x2"});
  refuse("coo", {ints("row", {0, -1}), ints("col", {0, 0}), shape, data}, {"outside"});
  refuse("coo", {ints("row", {0}), ints("col", {0, 0}), shape, data}, {"other numbers"});
  refuse("csr", {ints("indices", {0, 1}), ints("indptr", {0, 1}), shape, data}, {"other numbers"});
  refuse("csr", {ints("indices", {0, 1}), ints("indptr", {0, 2, 1}), shape, data}, {"indptr"});
  refuse("csr", {ints("indices", {0, 1}), ints("indptr", {0, 2, 1 << 30}), shape, data},
         {"indptr does not rise"});
  // Differences of these wrap around to what never falls, and would repeat a row 2^63 times.
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  refuse("csr",
         {ints("indices", {0, 1}), longs("indptr", {0, kMost, -kMost - 1, -1, 2}),
          longs("shape", {4, 2}), data},
         {"indptr does not rise"});
  refuse("csr", {ints("indices", {0, 1}), ints("indptr", {0, 1, 2}), longs("shape", {2}), data},
         {"shape"});
  refuse("csr", {ints("indices", {0, 1}), shape, data}, {"a.npz", "indptr"});
  // A petabyte of zeros in a few bytes.
  refuse("coo",
         {ints("row", {0, 1}), ints("col", {0, 1}), longs("shape", {1 << 25, 1 << 25}), data},
         {"a.npz, a sparse matrix of 33554432x33554432, dense needs", "PiB", "are free"});
}

TEST(Sparse, IsToldByItsArrays) {
  EXPECT_TRUE(is_sparse_matrix({"indices", "indptr", "format", "shape", "data"}));
  EXPECT_FALSE(is_sparse_matrix({"data", "target"}));
}

}  // namespace
}  // namespace clade

#endif
