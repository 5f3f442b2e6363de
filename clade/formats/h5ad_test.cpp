#include "clade/formats/h5ad.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/h5ad_for_tests.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

#ifdef CLADE_WITH_HDF5

using testing::Hdf5Writer;

const auto kCells = torch::tensor({{0, 2, 0}, {1, 0, 0}, {0, 0, 3}, {4, 5, 0}});

/// Two cells; of their genes no more than that there are some.
void write_two_cells(Hdf5Writer& file) {
  file.group("obs");
  file.words("obs/_index", {"a", "b"});
  file.group("var");
}

/// Four cells of three genes as anndata 0.8 writes them: dense X, layers of rows and of columns.
void write_cells(const std::string& path) {
  Hdf5Writer file(path);
  file.group("obs");
  file.attribute("obs", "_index", "barcode");
  file.words("obs/barcode", {"a", "b", "c", "d"});
  file.words("obs/patient", {"p", "q", "p", ""});
  file.numbers("obs/depth", torch::tensor({2, 1, 3, 9}, torch::kInt32));
  file.group("obs/type");
  file.numbers("obs/type/codes", torch::tensor({1, 0, -1, 1}, torch::kInt8));
  file.words("obs/type/categories", {"B cell", "T cell"});
  file.group("var");
  file.words("var/_index", {"g1", "g2", "g3"});
  file.numbers("X", kCells.to(torch::kFloat32));
  file.group("layers");
  file.group("layers/rows");
  file.attribute("layers/rows", "encoding-type", "csr_matrix");
  file.shape("layers/rows", 4, 3);
  file.numbers("layers/rows/data", torch::tensor({2, 1, 3, 4, 5}, torch::kInt32));
  file.numbers("layers/rows/indices", torch::tensor({1, 0, 2, 0, 1}, torch::kInt32));
  file.numbers("layers/rows/indptr", torch::tensor({0, 1, 2, 3, 5}, torch::kInt32));
  file.group("layers/columns");
  file.attribute("layers/columns", "encoding-type", "csc_matrix");
  file.shape("layers/columns", 4, 3);
  file.numbers("layers/columns/data", torch::tensor({1, 4, 2, 5, 3}, torch::kInt32));
  file.numbers("layers/columns/indices", torch::tensor({1, 3, 0, 3, 2}, torch::kInt32));
  file.numbers("layers/columns/indptr", torch::tensor({0, 2, 4, 5}, torch::kInt32));
  file.group("obsm");
  file.numbers("obsm/X_pca", torch::ones({4, 2}));
}

TEST(H5ad, ReadsMatricesDenseByRowsAndByColumns) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  write_cells(path);
  EXPECT_EQ(h5ad_matrices(path),
            (std::vector<std::string>{"X", "layers/columns", "layers/rows", "obsm/X_pca"}));
  for (const char* name : {"X", "layers/rows", "layers/columns"}) {
    const Array array = read_h5ad_matrix(path, name);
    EXPECT_TRUE(torch::equal(array.values.to(torch::kInt64), kCells)) << name << array.values;
    EXPECT_EQ(array.columns, (std::vector<std::string>{"g1", "g2", "g3"}));
    EXPECT_EQ(array.rows, (std::vector<std::string>{"a", "b", "c", "d"}));
  }
  EXPECT_TRUE(read_h5ad_matrix(path, "obsm/X_pca").columns.empty());
  for (const char* name : {"layers/none", "Y/X", "obs", "layers", "obs/depth"}) {
    expect_error<DataError>([&] { read_h5ad_matrix(path, name); },
                            {"cells.h5ad", "layers/rows or obsm/X_pca"});
  }
}

TEST(H5ad, ReadsWhatIsKnownOfEachCell) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  write_cells(path);
  EXPECT_EQ(h5ad_columns(path), (std::vector<std::string>{"depth", "patient", "type"}));
  EXPECT_EQ(read_h5ad_column(path, "patient").words, (std::vector<std::string>{"p", "q", "p", ""}));
  EXPECT_EQ(read_h5ad_column(path, "type").words,
            (std::vector<std::string>{"T cell", "B cell", "", "T cell"}));
  EXPECT_TRUE(torch::equal(read_h5ad_column(path, "depth").values.to(torch::kInt64),
                           torch::tensor({2, 1, 3, 9})));
  expect_error<DataError>([&] { read_h5ad_column(path, "typ"); },
                          {"no column 'typ'", "did you mean type?"});
}

TEST(H5ad, GenesOfOneNameAreToldApart) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  {
    Hdf5Writer file(path);
    write_two_cells(file);
    file.words("var/_index", {"g1", "g2", "g1", "g3"});
    file.numbers("X", torch::ones({2, 4}));
  }
  const Array read = read_h5ad_matrix(path, "X");
  EXPECT_EQ(read.columns, (std::vector<std::string>{"g1", "g2", "g1.1", "g3"}));
  EXPECT_NE(read.note.find("1 gene of a name that others have"), std::string::npos) << read.note;
}

TEST(H5ad, ReadsPandasNullableColumnsAndCategoriesThatAreNumbers) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  {
    Hdf5Writer file(path);
    file.group("obs");
    file.words("obs/_index", {"a", "b", "c"});
    for (const char* name : {"age", "name", "id"}) file.group(std::string("obs/") + name);
    file.numbers("obs/age/values", torch::tensor({41, 1, 7}, torch::kInt32));
    file.numbers("obs/age/mask", torch::tensor({0, 1, 0}, torch::kInt8));
    file.words("obs/name/values", {"x", "y", "z"});
    file.numbers("obs/name/mask", torch::tensor({1, 0, 0}, torch::kInt8));
    file.numbers("obs/id/codes", torch::tensor({0, 1, 0}, torch::kInt8));
    file.numbers("obs/id/categories", torch::tensor({1234567, 1234568}, torch::kInt32));
    file.group("var");
    file.words("var/_index", {"g"});
    file.numbers("X", torch::ones({3, 1}));
  }
  const auto age = read_h5ad_column(path, "age").values;
  EXPECT_TRUE(age.nan_to_num(-1).equal(torch::tensor({41.0, -1.0, 7.0}, torch::kFloat64))) << age;
  EXPECT_EQ(read_h5ad_column(path, "name").words, (std::vector<std::string>{"", "y", "z"}));
  EXPECT_EQ(read_h5ad_column(path, "id").words,
            (std::vector<std::string>{"1234567", "1234568", "1234567"}));
}

TEST(H5ad, ReadsAnIndexOfNullableWordsAndOneOfNumbers) {
  const TestFolder folder;
  const auto rows = [&](const auto& write_index) {
    const std::string path = folder.path("cells.h5ad");
    {
      Hdf5Writer file(path);
      file.group("obs");
      file.group("var");
      write_index(file);
      file.numbers("X", torch::ones({2, 1}));
    }
    return read_h5ad_matrix(path, "X").rows;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(rows([](Hdf5Writer& file) {
              file.group("obs/_index");
              file.words("obs/_index/values", {"a", "b"});
              file.numbers("obs/_index/mask", torch::tensor({0, 0}, torch::kInt8));
            }),
            (Names{"a", "b"}));
  EXPECT_EQ(rows([](Hdf5Writer& file) {
              file.numbers("obs/_index", torch::tensor({7, 1234567}, torch::kInt32));
            }),
            (Names{"7", "1234567"}));
  expect_error<DataError>([&] { rows([](Hdf5Writer&) {}); }, {"obs has no index"});
}

TEST(H5ad, NamesTheFilterThatIsNotThere) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  {
    Hdf5Writer file(path);
    write_two_cells(file);
    file.packed("X", torch::ones({2, 1}), 32000);
  }
  expect_error<DataError>([&] { read_h5ad_matrix(path, "X"); },
                          {"cells.h5ad: X is packed by lzf", "compression='gzip'"});
}

TEST(H5ad, RefusesWhatIsBrokenOrNoAnnData) {
  const TestFolder folder;
  const std::string path = folder.path("cells.h5ad");
  write_cells(path);
  const std::string bytes = read_file(path);
  for (const size_t size : {9UL, 500UL, bytes.size() / 2, bytes.size() - 100}) {
    const std::string cut = folder.write("cut.h5ad", bytes.substr(0, size));
    expect_error<DataError>([&] { read_h5ad_matrix(cut, "X"); }, {"cut.h5ad"});
  }
  const std::string plain = folder.path("plain.h5");
  { Hdf5Writer(plain).numbers("X", torch::ones({2, 2})); }
  expect_error<DataError>([&] { h5ad_matrices(plain); }, {"plain.h5", "obs and var", "numpy.save"});

  // Indices beyond the matrix, and fewer of them than numbers.
  const auto with = [&](const torch::Tensor& indices, const torch::Tensor& starts, int64_t rows) {
    const std::string odd = folder.path("odd.h5ad");
    Hdf5Writer file(odd);
    write_two_cells(file);
    file.group("X");
    file.attribute("X", "encoding-type", "csr_matrix");
    file.shape("X", rows, 3);
    file.numbers("X/data", torch::ones({2}));
    file.numbers("X/indices", indices.to(torch::kInt32));
    file.numbers("X/indptr", starts.to(torch::kInt32));
    return odd;
  };
  const auto fine = torch::tensor({0, 2}), starts = torch::tensor({0, 1, 2});
  EXPECT_EQ(read_h5ad_matrix(with(fine, starts, 2), "X").values.sum().item<double>(), 2);
  for (const std::string& odd :
       {with(torch::tensor({0, 3}), starts, 2), with(torch::tensor({0, -1}), starts, 2),
        with(torch::tensor({0}), starts, 2), with(fine, torch::tensor({0, 2}), 2),
        with(fine, torch::tensor({0, 3, 2}), 2), with(fine, torch::tensor({1, 1, 2}), 2)}) {
    expect_error<DataError>([&] { read_h5ad_matrix(odd, "X"); }, {"odd.h5ad", "do not fit"});
  }
  const std::string huge = with(fine, starts, int64_t{1} << 60);
  expect_error<DataError>([&] { read_h5ad_matrix(huge, "X"); }, {"odd.h5ad"});
}

#else

TEST(H5ad, SaysThatTheBuildReadsNone) {
  expect_error<Error>([] { h5ad_matrices("cells.h5ad"); }, {"cells.h5ad", "CLADE_WITH_HDF5"});
}

#endif

}  // namespace
}  // namespace clade
