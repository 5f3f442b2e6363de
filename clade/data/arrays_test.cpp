#include "clade/data/arrays.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/data/load.h"
#include "clade/data/points.h"
#include "clade/formats/mat_for_tests.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::little;
using testing::npy_bytes;
using testing::npy_header;
using testing::TestFolder;

using Texts = std::vector<std::string>;

std::string float_array(const std::string& shape, std::initializer_list<float> values) {
  return npy_bytes(npy_header("<f4", shape), little<float>(values));
}

std::string word_array(std::initializer_list<char> letters) {  // [N] of one letter each
  std::string payload;
  for (const char letter : letters) payload += little<uint32_t>({static_cast<uint32_t>(letter)});
  return npy_bytes(npy_header("<U1", "(" + std::to_string(letters.size()) + ",)"), payload);
}

/// The labels of the points, "" where unknown; nothing where there are none.
Texts names_of(const Points& points) {
  Texts names;
  for (int64_t i = 0; points.labels.defined() && i < points.labels.size(0); ++i) {
    const auto label = points.labels[i].item<int64_t>();
    names.push_back(label < 0 ? "" : points.label_names[static_cast<size_t>(label)]);
  }
  return names;
}

const std::string kPoints = float_array("(3, 2)", {1, 2, 3, 4, 5, 6});

TEST(ArrayLabels, AreWordsNumbersOrOneHot) {
  const auto spell = [](const torch::Tensor& values) { return spell_labels({values}, "y.npy"); };
  EXPECT_EQ(spell(torch::tensor({3.0, -1.0, std::nan("")})), (Texts{"3", "-1", ""}));
  EXPECT_EQ(spell(torch::tensor({2, 0, 2}).view({3, 1})), (Texts{"2", "0", "2"}));
  EXPECT_EQ(spell(torch::tensor({{0, 0, 1}, {1, 0, 0}, {0, 0, 0}})), (Texts{"2", "0", ""}));
  EXPECT_EQ(spell(torch::eye(3).flip(0)), (Texts{"2", "1", "0"}));
  expect_error<DataError>(
      [&] {
        spell(torch::tensor({1.0, 0.25}));
      },
      {"y.npy", "row 1", "0.25", "whole numbers", "--labels none"});
  expect_error<DataError>(
      [&] {
        spell(torch::tensor({{0.5, 0.5}, {1.0, 0.0}}));
      },
      {"y.npy holds 2x2", "one-hot"});
  expect_error<DataError>([&] { spell(torch::tensor({{1, 1}, {1, 0}})); }, {"one-hot"});

  constexpr int64_t kId = (int64_t{1} << 53) + 1;  // no double
  EXPECT_EQ(spell(torch::tensor({kId}, torch::kInt64)), (Texts{std::to_string(kId)}));
  std::string note;
  EXPECT_EQ(without_marks({"cat", "nan", "NaN", "Nan-tong"}, note),
            (Texts{"cat", "", "", "Nan-tong"}));
  EXPECT_EQ(note, "");
  EXPECT_EQ(without_marks({"cat", "<NA>", "inf", "-1"}, note), (Texts{"cat", "", "inf", "-1"}));
  EXPECT_EQ(note, "'<NA>' is taken for unknown labels; call a class otherwise");

  const TestFolder folder;
  const std::string x = folder.write("x.npy", kPoints);
  EXPECT_EQ(names_of(read_points(x, folder.write("y.npy", word_array({'T', 'B', 'T'})))),
            (Texts{"T", "B", "T"}));
}

TEST(ArrayLabels, WordsAreNoPoints) {
  const TestFolder folder;
  expect_error<DataError>([&] { read_points(folder.write("x.npy", word_array({'T'})), ""); },
                          {"x.npy holds words ('T')", "--labels"});
}

TEST(ArrayLabels, RecordsOfATrainedModelAreReadByName) {
  const TestFolder folder;
  const std::string header =
      "{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (2,), }";
  const std::string path = folder.write("x.npy", npy_bytes(header, little<float>({1, 2, 3, 4})));
  EXPECT_EQ(read_points(path, "").columns, (Texts{"a", "b"}));
  const Points turned = read_points(path, "", {}, {}, {}, {}, {{"b", "a"}, 2});
  EXPECT_TRUE(turned.values.equal(torch::tensor({{2.0F, 1.0F}, {4.0F, 3.0F}})));
  EXPECT_EQ(turned.columns, (Texts{"b", "a"}));
  expect_error<DataError>(
      [&] {
        read_points(path, "", {}, {}, {}, {}, {{"a", "c"}, 2});
      },
      {"x.npy", "lacks 1 of the 2 features", "'c'"});
}

#ifdef CLADE_WITH_ZLIB
using testing::zip_bytes;

TEST(Archive, BringsTheLabelsBesideItsPoints) {
  const TestFolder folder;
  const auto read = [&](const std::string& points, const std::string& labels,
                        const std::string& entry) {
    const std::string archive =
        folder.write("a.npz", zip_bytes({{points + ".npy", kPoints},
                                         {labels + ".npy", word_array({'T', 'B', 'T'})},
                                         {"z.npy", kPoints}},
                                        true));
    return names_of(read_points(archive + entry, ""));
  };
  const Texts expected = {"T", "B", "T"};
  EXPECT_EQ(read("x", "y", ""), expected);
  EXPECT_EQ(read("X", "y", ""), expected);
  EXPECT_EQ(read("data", "target", ""), expected);
  EXPECT_EQ(read("x_train", "y_train", ":x_train"), expected);
  EXPECT_EQ(read("train_images", "train_labels", ":train_images"), expected);
  EXPECT_EQ(read("x_train", "y_test", ":x_train"), Texts());
}

TEST(Archive, HasTheLabelsThatAModelWasTrainedWithUnlessOthersAreAskedFor) {
  const TestFolder folder;
  const std::string archive =
      folder.write("a.npz", zip_bytes({{"x.npy", kPoints},
                                       {"y.npy", word_array({'T', 'B', 'T'})},
                                       {"kind.npy", word_array({'P', 'P', 'Q'})}},
                                      true));
  const Points trained = read_points(archive, "kind");
  EXPECT_EQ(trained.table.labels, "kind");
  const auto names = [&](const std::string& labels) {
    return names_of(read_points(archive, labels, {}, {}, {}, trained.table));
  };
  EXPECT_EQ(names(""), (Texts{"P", "P", "Q"}));
  EXPECT_EQ(names("y"), (Texts{"T", "B", "T"}));
  EXPECT_EQ(names("none"), Texts());
}

TEST(Archive, LabelsThatAreNoneDoNotStopWhoDidNotAskForThem) {
  const TestFolder folder;
  const auto archive = [&](const std::string& y) {
    return folder.write("a.npz", zip_bytes({{"x.npy", kPoints}, {"y.npy", y}}, true));
  };
  const std::pair<std::string, const char*> all[] = {
      {float_array("(3,)", {1, 2, 0.25}), "row 2"},
      {float_array("(2,)", {1, 2}), "a.npz:y has 2 for 3 points"},
      {npy_bytes(npy_header("|O", "(3,)"), "\x80\x04K\1."), "dtype object"}};
  for (const auto& [y, why] : all) {
    for (const char* entry : {"", ":x"}) {
      const Points points = read_points(archive(y) + entry, "");
      EXPECT_FALSE(points.labels.defined());
      EXPECT_NE(points.note.find("without labels: "), std::string::npos) << points.note;
      EXPECT_NE(points.note.find(why), std::string::npos) << points.note;
    }
    EXPECT_EQ(read_points(archive(y), "none").note, "");
    EXPECT_THROW(read_points(archive(y), "y"), DataError);
  }
}

TEST(Archive, OfSeveralArraysNamesThem) {
  const TestFolder folder;
  const std::string archive =
      folder.write("a.npz", zip_bytes({{"x_train.npy", kPoints}, {"x_test.npy", kPoints}}, true));
  expect_error<DataError>([&] { read_points(archive, ""); },
                          {"several arrays", "x_train (3x2) or x_test (3x2)", "a.npz:x_train"});
  expect_error<DataError>([&] { read_points(folder.path("a.npz:x_tran"), ""); },
                          {"a.npz", "x_tran", "did you mean x_train?"});
}

TEST(Archive, OfASparseMatrixIsReadDense) {
  const TestFolder folder;
  const std::string archive = folder.write(
      "a.npz",
      zip_bytes({{"row.npy", npy_bytes(npy_header("<i4", "(1,)"), little<int32_t>({1}))},
                 {"col.npy", npy_bytes(npy_header("<i4", "(1,)"), little<int32_t>({2}))},
                 {"format.npy", npy_bytes(npy_header("|S3", "()"), "coo")},
                 {"shape.npy", npy_bytes(npy_header("<i8", "(2,)"), little<int64_t>({2, 4}))},
                 {"data.npy", float_array("(1,)", {7})}},
                true));
  const Points points = read_points(archive, "");
  EXPECT_EQ(points.shape, std::vector<int64_t>{4});
  EXPECT_EQ(points.values[1][2].item<double>(), 7);
  EXPECT_EQ(points.values.sum().item<double>(), 7);
  EXPECT_EQ(points.note, "a sparse matrix (coo), 12.5 % filled");
}
#endif

#ifdef CLADE_WITH_MATIO
using testing::write_mat;

TEST(MatFile, PointsAreItsOnlyNumbersInRowsOrThoseNamed) {
  const TestFolder folder;
  const auto x = torch::arange(12, torch::kFloat64).view({4, 3}) / 8;
  const auto labels = torch::tensor({{7, 5, 7, 10}});
  const auto read = [&](const std::vector<testing::Matrix>& matrices, const std::string& name,
                        const std::string& of = "") {
    return read_points(write_mat(folder.path("a.mat"), matrices) + name, of);
  };
  const testing::Matrix rate = {"rate", torch::tensor({{0.5}})}, y = {"y", labels.t()};
  for (const Points& points :
       {read({rate, {"cells", x}, y}, ""), read({{"X", x}, {"Z", x}, y}, ""),
        read({{"a", -x}, {"b", x}, y}, ":b"), read({rate, {"x", x}, {"y", labels}}, "")}) {
    EXPECT_TRUE(points.values.equal(x));
    EXPECT_EQ(points.shape, std::vector<int64_t>{3});
    EXPECT_EQ(names_of(points), (Texts{"7", "5", "7", "10"}));
  }
  const std::vector<testing::Matrix> two = {{"a", x}, rate, {"kind", labels}};
  EXPECT_EQ(names_of(read(two, "", "kind")), (Texts{"7", "5", "7", "10"}));
  EXPECT_EQ(names_of(read(two, "", folder.path("a.mat:kind"))), (Texts{"7", "5", "7", "10"}));
  EXPECT_EQ(names_of(read(two, "", "none")), Texts());
  expect_error<DataError>(
      [&] {
        read({{"a", x}, rate, {"b", x}}, "");
      },
      {"a.mat", "a (4x3 double)", "rate (1x1 single)", "a.mat:a"});
  expect_error<DataError>([&] { read(two, ":c"); }, {"a.mat has no variable c", "kind"});
  expect_error<DataError>([&] { read({y}, ""); }, {"a.mat holds no points but y (4x1 double)"});
}

#ifdef CLADE_WITH_ZLIB
TEST(MatFile, IsNotReadGzipped) {
  const TestFolder folder;
  const std::string path = write_mat(folder.path("a.mat"), {{"x", torch::eye(3)}});
  const std::string packed = folder.write("b.mat.gz", testing::deflated(read_file(path)));
  expect_error<DataError>([&] { read_points(packed, ""); }, {"b.mat.gz", "gzipped", "unpacked"});
}
#endif
#endif

TEST(ArrayPoints, ThatMissValuesAreLeftOutOrFilledInAsRowsOfATable) {
  const TestFolder folder;
  const float nan = std::nanf("");
  const std::string x =
      folder.write("x.npy", float_array("(6, 2)", {1, 2, nan, 4, 5, 6, 7, 8, 9, nan, 11, 12}));
  const std::string labels = folder.write("y.csv", "a\nb\na\nc\na\nb\n");
  expect_error<DataError>([&] { read_points(x, ""); }, {"x.npy", "row 1", "data.missing"});
  TableReading reading;
  reading.missing = "drop";
  const Points kept = read_points(x, labels, {}, {}, {}, reading);
  EXPECT_TRUE(
      kept.values.equal(torch::tensor({1.F, 2.F, 5.F, 6.F, 7.F, 8.F, 11.F, 12.F}).view({4, 2})));
  EXPECT_TRUE(kept.rows.equal(torch::tensor({0, 2, 3, 5})));
  EXPECT_EQ(names_of(kept), (Texts{"a", "a", "c", "b"}));
  EXPECT_EQ(kept.note, "left out 2 of 6 points, in which values are missing");

  DataOptions options;
  options.path = x;
  options.table.missing = "mean";
  options.values = "raw";
  options.validation = options.test = 1;
  const Splits filled = load_splits(options, 1);
  EXPECT_NE(filled.said.find("2 missing cells are filled in"), std::string::npos) << filled.said;
  EXPECT_EQ(filled.preprocessing.table.missing, "mean");
  const Dataset again = load_points(x, "", filled.preprocessing, {2});
  EXPECT_EQ(again.x[1][0].item<float>(), filled.preprocessing.fill[0].item<float>());
  EXPECT_EQ(again.x[4][1].item<float>(), filled.preprocessing.fill[1].item<float>());
  options.table.missing = "drop";
  EXPECT_EQ(load_splits(options, 1).train.size(), 2);
}

TEST(NoLabels, AreNoneWhateverTheDataBring) {
  const TestFolder folder;
  DataOptions options;
  options.path = folder.write("a.csv", "a,b\n1,2\n3,4\n");
  options.labels = "none";
  EXPECT_FALSE(load_splits(options, 1).train.labelled());
  options.path.clear();
  options.name = "bimodal-1d";
  const Splits drawn = load_splits(options, 1);
  EXPECT_FALSE(drawn.train.labelled());
  EXPECT_TRUE(drawn.train.label_names.empty());
}

}  // namespace
}  // namespace clade
