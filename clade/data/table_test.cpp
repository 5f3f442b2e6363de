#include "clade/data/table.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>

#include "clade/core/error.h"
#include "clade/data/load.h"
#include "clade/data/word_features.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;
using Names = std::vector<std::string>;

Points read(const std::string& text, const TableReading& reading = {},
            const KnownFeatures& known = {}, const std::string& labels = "") {
  Points points;
  points.name = "a.csv";
  read_table(text, labels, reading, known, points);
  return points;
}

torch::Tensor matrix(std::vector<std::vector<double>> rows) {  // [n, D]
  std::vector<torch::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(torch::tensor(row, torch::kFloat64));
  return torch::stack(tensors);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void refuse(const std::string& text, std::initializer_list<const char*> parts,
            const TableReading& reading = {}, const KnownFeatures& known = {}) {
  expect_error<DataError>([&] { read(text, reading, known); }, parts);
}

/// `rows` lines, `first` before each row's number and `last` behind it.
std::string numbered(int rows, int from, const std::string& header, const std::string& last) {
  std::string text = header;
  for (int i = 0; i < rows; ++i) text += std::to_string(from + i) + last + "\n";
  return text;
}

TEST(Table, SaysWhatWasRead) {
  const Points points = read("a b\n1 2\n3 4\n");
  EXPECT_TRUE(points.values.equal(matrix({{1, 2}, {3, 4}})));
  EXPECT_EQ(points.columns, (Names{"a", "b"}));
  EXPECT_EQ(points.note, "2 rows of 2 columns separated by spaces");
  EXPECT_TRUE(read("1,2\n").columns.empty());
}

TEST(Table, RefusesColumnsOfWordsAllAtOnce) {
  refuse("a,b,c\n1,x,p\n3,y,q\n",
         {"a.csv", "column 'b' (line 2: 'x')", "column 'c' (line 2: 'p')",
          "data.drop=[\"b\", \"c\"]", "data.categories=onehot", "data.labels"});
  refuse("a,b\n1,2\n3,x\n", {"line 3", "column 'b'", "'x'", "correct or remove line 3"});
  refuse("a,b\nmm,s\n1,2\n3,4\n", {"correct or remove line 2"});
  refuse("5,x,7\n1,2,3\n", {"line 1", "column 2", "'x'", "data.drop=[\"2\"]"});
  refuse("a,b\n1,45%\n3,5 %\n", {"column 'b' (line 2: '45%')", "without the %"});
  std::string text = "value,name\n";
  for (int i = 0; i < 12; ++i) text += "0.5,n" + std::to_string(i) + "\n";
  refuse(text, {"column 'name'", "data.id=name"});
}

TEST(Table, DropsColumns) {
  TableReading reading;
  reading.drop = {"b", "3"};
  const Points points = read("a,b,c,d\n1,x,y,2\n", reading);
  EXPECT_TRUE(points.values.equal(matrix({{1, 2}})));
  EXPECT_EQ(points.columns, (Names{"a", "d"}));
  refuse("a,c,d\n1,2,3\n", {"'b' to leave out (data.drop)"}, reading);
  for (const char* second : {"c.1", "3"}) {
    refuse("b,c,c\n1,2,3\n", {"no column but those left out"}, {"", {"b", "c", second}});
  }
}

TEST(Table, MakesFeaturesOfWords) {
  TableReading reading;
  reading.categories = "onehot";
  const std::string text = "w,colour,h,size\n1,red,5,L\n2,blue,6,S\n3,red,7,\n";
  const Points points = read(text, reading);
  EXPECT_EQ(points.columns, (Names{"w", "colour=blue", "colour=red", "h", "size=L", "size=S"}));
  EXPECT_TRUE(
      points.values.equal(matrix({{1, 0, 1, 5, 1, 0}, {2, 1, 0, 6, 0, 1}, {3, 0, 1, 7, 0, 0}})));
  EXPECT_TRUE(has(points.note, "in 1 of 3 rows all features of column 'size' are 0"))
      << points.note;

  // The same of another table, in another order, with a word that is new.
  const KnownFeatures known{points.columns, 6};
  const Points again =
      read("size,extra,h,w,colour\nS,x,8,4,green\nL,y,9,5,blue\n", points.table, known);
  EXPECT_TRUE(again.values.equal(matrix({{4, 0, 0, 8, 0, 1}, {5, 1, 0, 9, 1, 0}})));
  EXPECT_EQ(again.columns, points.columns);
  EXPECT_TRUE(has(points.note, "each of the 2 words of column 'colour' is a feature"));
  EXPECT_TRUE(has(again.note, "of column 'colour' are 0: 'green'")) << again.note;
  EXPECT_TRUE(has(again.note, "not trained on: column 'extra'")) << again.note;
  refuse("size,h\nS,8\n", {"has no columns 'w', 'colour'", "trained on"}, points.table, known);

  // Without names, by places.
  const Points bare = read("1,red\n2,blue\n3,red\n", reading);
  EXPECT_EQ(bare.columns, Names{});
  EXPECT_TRUE(bare.values.equal(matrix({{1, 0, 1}, {2, 1, 0}, {3, 0, 1}})));
  EXPECT_TRUE(read("7,red\n", bare.table, {{}, 3}).values.equal(matrix({{7, 0, 1}})));

  std::string names = "v,name\n";
  for (int i = 0; i < 12; ++i) names += "0.5,n" + std::to_string(i) + "\n";
  refuse(names, {"column 'name'", "12 words in 12 rows", "data.drop"}, reading);
}

TEST(Table, NoneIsAWordAmongWords) {
  TableReading reading;
  reading.categories = "onehot";
  const Points points = read("pain,a\nnone,1\nmild,2\n?,3\nNA,4\nnone,5\n", reading);
  EXPECT_EQ(points.columns, (Names{"pain=?", "pain=mild", "pain=none", "a"}));
  EXPECT_TRUE(points.values.equal(
      matrix({{0, 0, 1, 1}, {0, 1, 0, 2}, {1, 0, 0, 3}, {0, 0, 0, 4}, {0, 0, 1, 5}})));
  EXPECT_TRUE(has(points.note, "of 0 and 1; if '?', 'none' mean missing, leave such cells empty"))
      << points.note;
  EXPECT_TRUE(
      has(points.note, "in 1 of 5 rows all features of column 'pain' are 0: 'NA' is no word"))
      << points.note;
  // As a model reads it that was trained without that word.
  const TableReading known{"", {}, "onehot", "refuse", {{"pain", 0, {"mild"}}}};
  EXPECT_TRUE(read("pain,a\nnone,1\nmild,2\n", known, {{"pain=mild", "a"}, 2})
                  .values.equal(matrix({{0, 1}, {1, 2}})));
}

TEST(WordFeatures, AreOneColumnAgain) {
  Preprocessing how{torch::zeros({5}), torch::ones({5})};
  how.table.encoded = {{"city", 1, {"bern", "paris", "rome"}}};
  const auto names = [&] {
    Names texts;
    for (const TableColumn& column : table_columns(how, 5)) texts.push_back(column.name);
    return texts;
  };
  EXPECT_EQ(names(), (Names{"x0", "x1", "x2"}));
  how.columns = {"a", "city=bern", "city=paris", "city=rome", "b"};
  EXPECT_EQ(names(), (Names{"a", "city", "b"}));
  const TableColumn city = table_columns(how, 5)[1];
  EXPECT_EQ(city.word_of(torch::tensor({9.0, -0.1, 0.3, 0.2, 9.0})), "paris");
}

TEST(WordFeatures, AreDrawnByTheirMeansOneAPoint) {
  // In units of a model that standardises; the mean of a share may lie below 0.
  Preprocessing how{torch::tensor({5.0, 0.5, 0.1, 0.4}, torch::kFloat64),
                    torch::tensor({2.0, 0.5, 0.3, 0.5}, torch::kFloat64)};
  how.table.encoded = {{"city", 1, {"bern", "paris", "rome"}}};
  constexpr int64_t n = 20000;
  const auto shares = torch::tensor({1.0, 0.75, -0.2, 0.25}, torch::kFloat64).expand({n, 4});
  auto generator = make_generator(1);
  const auto x = torch::randn({n, 4}, generator);
  const auto drawn = with_words_drawn(x, how.apply(shares), how, generator);
  EXPECT_TRUE(drawn.select(1, 0).equal(x.select(1, 0)));
  const auto words = how.restore(drawn).slice(1, 1);  // [n, 3]
  EXPECT_TRUE(words.allclose(words.round(), 0, 1e-6));
  EXPECT_TRUE(words.round().sum(1).eq(1).all().item<bool>());
  const auto mean = words.mean(0);
  const double deviation = std::sqrt(0.75 * 0.25 / n);
  EXPECT_NEAR(mean[0].item<double>(), 0.75, 5 * deviation);
  EXPECT_LT(mean[1].item<double>(), 1e-3);
  EXPECT_NEAR(mean[2].item<double>(), 0.25, 5 * deviation);
}

TEST(Table, LeavesOutRowNumbersAndSaysSo) {
  for (const char* name : {"", "Unnamed: 0", "index", "ID", "row"}) {
    const Points points = read(numbered(3, 0, std::string(name) + ",a\n", ",5"));
    EXPECT_EQ(points.columns, Names{"a"}) << name;
    EXPECT_TRUE(has(points.note, "left out column")) << points.note;
    EXPECT_TRUE(has(points.note, "numbers the rows")) << points.note;
  }
  EXPECT_EQ(read("index,a\n17,5\n4,6\n9,7\n").columns, Names{"a"});
  EXPECT_EQ(read("\"a\" \"b\"\n\"x\" 5 6\n\"y\" 7 8\n").columns, (Names{"a", "b"}));
  for (const int from : {0, 1}) {
    EXPECT_EQ(read(numbered(12, from, "", ",5,6")).values.size(1), 2);
    EXPECT_TRUE(has(read(numbered(12, from, "", ",5,6")).note, "column 1, which numbers"));
  }
  // Not by chance, not of other rows, and not without another column.
  EXPECT_EQ(read("0,5\n1,6\n").values.size(1), 2);
  EXPECT_EQ(read(numbered(12, 2, "", ",5,6")).values.size(1), 3);
  EXPECT_EQ(read("index,a\n4,5\n4,6\n").columns, (Names{"index", "a"}));
  EXPECT_EQ(read(numbered(12, 0, "", "")).values.size(1), 1);
  // A name of its own may mean a feature; it is said.
  const Points day = read(numbered(12, 1, "day,a\n", ",5"));
  EXPECT_EQ(day.columns, (Names{"day", "a"}));
  EXPECT_TRUE(has(day.note, "column 'day' counts the rows")) << day.note;
  EXPECT_TRUE(
      has(read(numbered(12, 70, "customer_id,a\n", ",5")).note, "set data.id or data.drop"));
}

TEST(Table, LeavesOutRowNumbersOfFewRowsIfTheModelHasFewerFeatures) {
  EXPECT_TRUE(read("0,5,6\n1,7,8\n", {}, {{}, 2}).values.equal(matrix({{5, 6}, {7, 8}})));
  EXPECT_TRUE(read(numbered(12, 0, "", ",5"), {}, {{}, 2}).values.size(1) == 2);
}

TEST(Table, NamesRowsByAColumn) {
  TableReading reading;
  reading.id = "code";
  const Points points = read("code,a\n007,5\n08,6\n", reading);
  EXPECT_EQ(points.names.title, "code");
  EXPECT_EQ(points.names.names, (Names{"007", "08"}));
  EXPECT_EQ(points.columns, Names{"a"});
  refuse("a,b\n1,2\n", {"'code' (data.id)"}, reading);
  const Points other = read("a\n5\n", points.table, {points.columns, 1});
  EXPECT_TRUE(other.names.names.empty());
  EXPECT_TRUE(has(other.note, "no column 'code'")) << other.note;
}

TEST(Table, CountsMissingCellsAndLeavesOutTheirRows) {
  const std::string text = "a,b,c\n1,2,3\n,5,6\n7,NA,?\n1,2,3\n";
  refuse(text, {"3 cells hold no finite number", "column 'a' 1 (first line 3 is empty)",
                "column 'b' 1 (first line 4: 'NA')", "2 of 4 rows", "data.missing=drop",
                "data.drop=[\"a\", \"b\", \"c\"]"});
  refuse("a,b\n1,-inf\n", {"line 2", "column 'b'", "-inf"});
  refuse("a,b\n1,1e999\n", {"line 2", "column 'b'", "1e999"});
  EXPECT_TRUE(read("a,b\n1,1e-400\n2,-1e-999\n").values.equal(matrix({{1, 0}, {2, 0}})));
  TableReading reading;
  reading.missing = "drop";
  const Points points = read(text, reading);
  EXPECT_TRUE(points.values.equal(matrix({{1, 2, 3}, {1, 2, 3}})));
  EXPECT_TRUE(points.rows.equal(torch::tensor({0, 3}, torch::kInt64)));
  EXPECT_EQ(points.rows_of_file, 4);
  EXPECT_TRUE(has(points.note, "left out 2 of 4 rows with missing cells")) << points.note;
  // Of words, too, if they are features.
  reading.categories = "onehot";
  const std::string words = "a,kind\n1,x\n2,\n,y\n4,none\n5,N/A\n";
  const Points both = read(words, reading);
  EXPECT_TRUE(both.rows.equal(torch::tensor({0, 3}, torch::kInt64)));
  EXPECT_TRUE(has(both.note, "left out 3 of 5 rows")) << both.note;
  EXPECT_TRUE(read(words, both.table, {both.columns, 4}).rows.equal(both.rows));
  refuse("a,b\n1,\n,2\n", {"every row"}, reading);
  reading.missing = "mean";
  EXPECT_EQ(read(words, reading).values.size(0), 5);
}

TEST(Table, RowsThatAreLeftOutTakeTheirLabelsAlong) {
  const TestFolder folder;
  const std::string path = folder.write("a.csv", "code,a,kind\np,1,x\nq,,y\n,,\nr,3,z\ns,,x\n");
  TableReading reading;
  reading.missing = "drop";
  reading.id = "code";
  const auto names = [](const Points& points) {
    std::string text;
    for (int64_t i = 0; i < points.labels.size(0); ++i) {
      text += points.names.names[static_cast<size_t>(i)] +
              points.label_names[static_cast<size_t>(points.labels[i].item<int64_t>())];
    }
    return text;
  };
  EXPECT_EQ(names(read_points(path, "kind", {}, {}, {}, reading)), "pxrz");
  reading.drop = {"kind"};
  const std::string labels = folder.write("labels", "x\ny\n\"\"\nz\nx\n");
  EXPECT_EQ(names(read_points(path, labels, {}, {}, {}, reading)), "pxrz");
}

TEST(Table, TakesTheColumnsOfATrainedModelByName) {
  const KnownFeatures known{{"a", "b"}, 2};
  for (const char* text : {"b,kind,a\n2,x,1\n4,y,3\n", "a,b\n1,2\n3,4\n", "1,2\n3,4\n"}) {
    EXPECT_TRUE(read(text, {}, known).values.equal(matrix({{1, 2}, {3, 4}}))) << text;
  }
  EXPECT_TRUE(has(read("b,kind,a\n2,x,1\n", {}, known).note, "column 'kind'"));
  EXPECT_TRUE(read("b,price,a\n2,\"1,234,567\",1\n", {}, known).values.equal(matrix({{1, 2}})));
  EXPECT_TRUE(read("a,b\n1,2\n", {}, {{"a ", "b"}, 2}).values.equal(matrix({{1, 2}})));
  EXPECT_FALSE(has(read("index,b,a\n0,2,1\n", {}, known).note, "index"));
  refuse("c,d\n1,2\n", {"a.csv has no columns 'a', 'b'", "trained on"}, {}, known);
  refuse("a,b,b\n1,2,3\n", {"has no column 'b'", "several"}, {}, known);
  refuse("a,b\n1,x\n", {"column 'b'", "'x'", "as the training data had"}, {}, known);
  refuse("a,b\n1,\n", {"column 'b'", "is empty", "remove their 1 rows"}, {}, known);
}

TEST(Table, ColumnsWithoutANameOfTheirOwnAreReadByNameToo) {
  const Points points = read("x,x,,w\n1,2,.3,4\n5,6,.7,8\n");
  EXPECT_EQ(points.columns, (Names{"x", "x.1", "unnamed", "w"}));
  EXPECT_TRUE(has(points.note, "columns 'x.1', 'unnamed'")) << points.note;
  const KnownFeatures known{points.columns, 4};
  for (const char* text : {"w,x,,x\n4,1,.3,2\n8,5,.7,6\n", ",w,x,x\n.3,4,1,2\n.7,8,5,6\n"}) {
    EXPECT_TRUE(read(text, {}, known).values.equal(points.values)) << text;
  }
  refuse("x,,w\n1,.3,4\n", {"has no column 'x.1'"}, {}, known);
  refuse("x,x,,w,\n1,2,.3,4,.9\n2,3,.4,5,.9\n", {"'unnamed'", "several"}, {}, known);
  // Row numbers have no name either.
  const std::string numbered = ",a,,b\n0,1,.2,3\n1,4,.5,6\n";
  const Points others = read(numbered);
  EXPECT_EQ(others.columns, (Names{"a", "unnamed.1", "b"}));
  EXPECT_TRUE(read(numbered, {}, {others.columns, 3}).values.equal(others.values));
}

TEST(Table, WhatIsLeftOutByNumberIsNoFeatureOfAnotherTable) {
  TableReading reading;
  reading.drop = {"2"};
  const Points points = read("a,junk,w\n1,2,3\n", reading);
  EXPECT_TRUE(read("a,w\n1,3\n", points.table, {points.columns, 2}).values.equal(points.values));
}

TEST(Table, KnowsTheLabelsOfATrainedModelByTheirColumn) {
  const TestFolder folder;
  const auto path = folder.write("a.csv", "a,kind,b\n1,x,2\n3,y,4\n");
  const TableReading how = read_points(path, "kind").table;
  EXPECT_EQ(how.labels, "kind");
  const KnownFeatures known{{"a", "b"}, 2};
  const auto labels = [&](const std::string& text, const std::string& asked) {
    const Points points =
        read_points(folder.write("b.csv", text), asked, {"x", "y"}, {}, {}, how, known);
    EXPECT_TRUE(points.values.equal(matrix({{5, 6}}))) << text;
    return points.labels.defined() ? points.labels[0].item<int64_t>() : kUnknownLabel;
  };
  EXPECT_EQ(labels("kind,b,a\ny,6,5\n", ""), 1);
  EXPECT_EQ(labels("kind,b,a\ny,6,5\n", kNoLabels), kUnknownLabel);
  EXPECT_EQ(labels("kind,b,a,other\ny,6,5,x\n", "other"), 0);
  EXPECT_EQ(labels("b,a\n6,5\n", ""), kUnknownLabel);
  EXPECT_EQ(labels("5,6\n", ""), kUnknownLabel);
  // By a number another table may have a feature.
  EXPECT_EQ(read_points(path, "2").table.labels, "kind");
  EXPECT_EQ(read_points(folder.write("c.csv", "1,x\n3,y\n"), "2").table.labels, "");
}

TEST(Table, AColumnOfLabelsGoesBeforeAFileThatIsCalledSo) {
  const TestFolder folder;
  folder.write("lab", "p\nq\n");
  folder.write("2", "p\nq\n");
  folder.write("other", "p\nq\n");
  const std::string named = folder.write("a.csv", "a,lab\n1,x\n2,y\n");
  const std::string bare = folder.write("b.csv", "1,x\n2,y\n");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path(""));
  const auto first = [](const std::string& path, const std::string& labels) {
    return read_points(path, labels, {}, {}, {}, {"", {}, "onehot"}).label_names.front();
  };
  EXPECT_EQ(first(named, "lab"), "x");
  EXPECT_EQ(first(named, "2"), "x");
  EXPECT_EQ(first(bare, "2"), "x");
  EXPECT_EQ(first(named, "./lab"), "p");
  EXPECT_EQ(first(named, "other"), "p");
  EXPECT_FALSE(is_label_file("none", named));
#ifdef CLADE_WITH_ZLIB
  const std::string x =
      testing::npy_bytes(testing::npy_header("<f4", "(2, 1)"), testing::little<float>({1, 2}));
  const std::string archive = folder.write("c.npz", testing::zip_bytes({{"lab.npy", x}}, true));
  EXPECT_FALSE(is_label_file("lab", archive));
  EXPECT_TRUE(is_label_file("other", archive));
#endif
  std::filesystem::current_path(before);
}

TEST(Table, NamesLabelsThatTheModelHasNeverHeardOf) {
  const TestFolder folder;
  const Points points = read_points(folder.write("a.csv", "a,kind\n1,X\n2,y\n3,\n"), "kind",
                                    {"x", "y"}, {}, {}, {}, {{"a"}, 1});
  EXPECT_TRUE(has(points.note, "not trained with: 'X' (it was with 'x', 'y')")) << points.note;
}

TEST(Table, FindsManyColumnsInNoTime) {
  std::string header, row;
  KnownFeatures known;
  for (int i = 0; i < 50000; ++i) {
    header = "c" + std::to_string(i) + (i > 0 ? "," : "") + header;
    row += (i > 0 ? "," : "") + std::to_string(49999 - i);
    known.names.push_back("c" + std::to_string(i));
  }
  known.count = 50000;
  const auto values = read(header + "\n" + row + "\n", {}, known).values;
  EXPECT_TRUE(values.equal(torch::arange(50000, torch::kFloat64).view({1, -1})));
}

TEST(Table, SaysIfLabelsAreNames) {
  std::string text = "a,name\n";
  for (int i = 0; i < 20; ++i) text += "0.5,n" + std::to_string(i) + "\n";
  const TestFolder folder;
  const Points points = read_points(folder.write("a.csv", text), "name");
  EXPECT_TRUE(has(points.note, "data.id")) << points.note;
  EXPECT_FALSE(has(read_points(folder.write("a.csv", text + "1,n3\n"), "name").note, "data.id"));
  expect_error<DataError>([&] { read_points(folder.write("b.csv", "a,y\n1,0.5\n2,0.7\n"), "y"); },
                          {"b.csv", "0.5", "--labels none"});
}

TEST(Table, LabelFilesMayHaveAHeaderOfPandasOrRowNumbers) {
  const TestFolder folder;
  const std::string x = folder.write("x.csv", "1\n2\n3\n");
  for (const char* bytes : {"0\n5\n6\n5\n", "kind\n5\n6\n5\n", ",0\n0,5\n1,6\n2,5\n",
                            ",kind\n1,5\n2,6\n3,5\n", "5.0\n6.0\n5.0\n", "5\n6\n5\n"}) {
    const Points points = read_points(x, folder.write("labels", bytes));
    EXPECT_EQ(points.label_names, (Names{"5", "6"})) << bytes;
    EXPECT_TRUE(points.labels.equal(torch::tensor({0, 1, 0}, torch::kInt64))) << bytes;
  }
  std::string wide("\xff\xfe", 2);
  for (const char c : std::string("B\n\nT\n")) wide += {c, '\0'};
  EXPECT_TRUE(read_points(x, folder.write("labels", wide))
                  .labels.equal(torch::tensor({0, -1, 1}, torch::kInt64)));
  const Points words = read_points(x, folder.write("labels", "B cell\nT cell\nB cell\n"));
  EXPECT_EQ(words.label_names, (Names{"B cell", "T cell"}));
  expect_error<DataError>([&] { read_points(x, folder.write("labels", "a,b\nc,d\ne,f\n")); },
                          {"labels", "2 columns"});
}

TEST(Table, RefusesSumsBelowNumberedRows) {
  for (const char* name : {"", "id"}) {
    const std::string header = std::string(name) + ",a\n";
    refuse(numbered(20, 0, header, ",5") + "Total,100\n", {"'Total'", "correct or remove line 22"});
    refuse(numbered(20, 0, header, ",5") + "mean,5\nstd,0\n", {"'mean'", "lines 22 to 23"});
    refuse(numbered(20, 0, header, ",5") + "Total,100\n", {"line 22"}, {}, {{"a"}, 1});
  }
  TableReading reading;
  reading.id = "code";
  refuse(numbered(20, 7, "code,a\n", ",5") + "Total,100\n", {"remove line 22"}, reading);
  // Rows that are named by words, or by both.
  EXPECT_EQ(read(",a\nx,5\ny,6\nTotal,11\n").values.size(0), 3);
  EXPECT_EQ(read(",a\n1,5\n2,6\n3a,7\n4,6\nTotal,11\n").values.size(0), 5);
}

TEST(Table, RefusesSumsOfWhatStandsAbove) {
  std::string text = "name,a,b,c\n";
  for (int i = 0; i < 12; ++i)
    text += "n" + std::to_string(i) + ",1.5," + std::to_string(i) + ",-1\n";
  TableReading reading;
  reading.id = "name";
  refuse(text + "Total,18.0,66,-12\n", {"the last row holds the sums", "remove line 14"}, reading);
  read(text + "Total,18.0,66,-11\n", reading);
  std::swap(reading.id, reading.drop.emplace_back());
  refuse(text + "Total,18.0,66,-12\n", {"the last row holds the sums"}, reading);
  read(text, reading);
  // Bits of which each is one once, and a single column, may be such by chance.
  std::string bits = "a,b\n1,0\n0,1\n";
  for (int i = 0; i < 12; ++i) bits += "0,0\n";
  read(bits + "1,1\n");
}

TEST(Table, AnIdMayRepeat) {
  // 40 rows of an id, each `times` times, or of another name
  const auto note = [](const std::string& name, int times, bool asked = false) {
    std::string text = name + ",a,b\n";
    for (int i = 0; i < 40; ++i) {
      text +=
          std::to_string(100 + 7 * (i == 39 ? 0 : i / times)) + ",0." + std::to_string(i) + ",2\n";
    }
    TableReading reading;
    if (asked) reading.id = name;
    return read(text, reading).note;
  };
  EXPECT_TRUE(has(note("id", 1), "left out column 'id'")) << note("id", 1);
  EXPECT_TRUE(has(note("patient_id", 4), "column 'patient_id' is a feature; if it only names"));
  EXPECT_TRUE(has(note("patientId", 4), "is a feature"));
  EXPECT_TRUE(has(note("id", 4), "is a feature"));
  for (const char* name : {"no", "humid", "paid"}) {
    EXPECT_FALSE(has(note(name, 4), "is a feature")) << name;
  }
  EXPECT_FALSE(has(note("has_id", 30), "is a feature"));
  EXPECT_TRUE(has(note("id", 1, true), "column 'id' gives 2 of 40 rows a name that others have"));
  TableReading reading;
  reading.id = "n";
  const std::string rows = "n,a\nx,1\ny,2\n";
  EXPECT_FALSE(has(read(rows, reading).note, "column 'n'"));
  EXPECT_TRUE(has(read(rows + ",3\n", reading).note, "column 'n' is empty in 1 row"));
}

TEST(Table, LeavesOutAnIndexThatCountsAgain) {
  const std::string twice = numbered(6, 0, ",a\n", ",5") + numbered(6, 0, "", ",6");
  EXPECT_EQ(read(twice).columns, Names{"a"});
  EXPECT_TRUE(has(read(twice).note, "numbers the rows"));
  EXPECT_EQ(read("n" + twice).columns, (Names{"n", "a"}));
  EXPECT_EQ(read(twice + "3,7\n").columns, (Names{"unnamed", "a"}));
}

TEST(Table, NamesASeparatorThatItDoesNotKnow) {
  for (const std::string mark : {"^", ":", "::", "/", "~"}) {
    const std::string row = "1" + mark + "2.5", between = "'" + mark + "' between";
    expect_error<DataError>([&] { read("a" + mark + "b\n" + row + "\n-3" + mark + "4\n"); },
                            {"a.csv: line 2: '", row.c_str(), between.c_str(), "by commas"});
  }
  expect_error<DataError>([] { read("\"a,b\"\n\"1,2.5\"\n\"3,4\"\n"); },
                          {"line 2: '1,2.5' is a row in quotes"});
}

TEST(Table, ADecimalCommaMayHaveMadeTwoColumns) {
  expect_error<DataError>([] { read("1,25\n2,05\n3,70\n"); },
                          {"line 2, '…,05'", "decimal comma", "in a header"});
  EXPECT_EQ(read("a,b\n1,25\n2,05\n3,70\n").values.size(1), 2);
  EXPECT_EQ(read("1,25\n2,15\n3,70\n").values.size(1), 2);
  EXPECT_EQ(read("1,05,7\n2,15,8\n3,70,9\n").values.size(1), 3);
}

/// `n` rows of three measurements that vary, whose means are 0, 5 and 10.
std::string measurements(int64_t n) {
  std::string text = "a,b,c\n";
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<double>(2 * i - n + 1);
    text += std::to_string(at) + "," + std::to_string(5 + (i % 2 == 0 ? 1 : -1) * (at + 0.5)) +
            "," + std::to_string(10 - at) + "\n";
  }
  return text;
}

TEST(Table, SaysIfARowHoldsTheMeansOfThoseAbove) {
  const std::string means = "holds the means of the rows above it";
  const auto said = [](const std::string& text) { return read(text).note; };
  const std::string table = measurements(20);
  EXPECT_EQ(said(table).find(means), std::string::npos);
  const double b = read(table).values.select(1, 1).mean().item<double>();
  const std::string below = "0," + std::to_string(b) + ",10\n";
  EXPECT_NE(said(table + below).find("line 22 " + means + "; if it is no point, remove it"),
            std::string::npos)
      << said(table + below);
  EXPECT_NE(said(table + below + "1,2,3\n").find("line 22 " + means), std::string::npos);
  EXPECT_NE(said(table + below + "1,2,3\n").find("and what is below"), std::string::npos);
  EXPECT_EQ(said(table + "0," + std::to_string(b) + ",9\n").find(means), std::string::npos);
}

TEST(Table, RefusesSumsInThePointsOfATrainedModel) {
  std::string table = "a,b\n";
  for (int i = 1; i <= 10; ++i) table += std::to_string(i) + "," + std::to_string(i % 3 + 1) + "\n";
  const KnownFeatures known{{"a", "b"}, 2};
  EXPECT_EQ(read(table, {}, known).values.size(0), 10);
  expect_error<DataError>([&] { read(table + "55,20\n", {}, known); },
                          {"sums of those above it", "line 12"});
}

TEST(Table, SaysWhatMayBeTimes) {
  const auto said = [](const std::string& name, const std::string& first) {
    return read(name + ",b\n" + first + "1,2\n" + first + "2,3\n" + first + "2,4\n").note;
  };
  EXPECT_NE(said("time", "170000000").find("column 'time' looks like a time"), std::string::npos);
  EXPECT_NE(said("Date", "2023110").find("'data.drop=[\"Date\"]'"), std::string::npos);
  EXPECT_EQ(said("Date", "2023140").find("looks like"), std::string::npos);
  EXPECT_EQ(said("time", "1").find("looks like"), std::string::npos);
  EXPECT_EQ(said("mass", "170000000").find("looks like"), std::string::npos);
}

TEST(Table, SaysWhatMayBeLabels) {
  std::string text = "a,Class,b\n", distinct = text;
  for (int i = 0; i < 12; ++i) {
    const std::string a = std::to_string(i * 7 % 12) + ".5,";
    text += a + std::to_string(i % 3) + ",1.5\n";
    distinct += a + std::to_string(i * 5) + ",1.5\n";
  }
  EXPECT_EQ(read(text).columns, (Names{"a", "Class", "b"}));
  EXPECT_TRUE(has(read(text).note, "column 'Class' is a feature")) << read(text).note;
  EXPECT_TRUE(has(read(text).note, "--labels Class"));
  EXPECT_FALSE(has(read(text, {}, {}, "3").note, "is a feature"));
  EXPECT_FALSE(has(read(distinct).note, "is a feature"));
}

TEST(Table, SaysOfAFewWordsAmongNumbersToCorrectThem) {
  std::string text = "a,b\n";
  for (int i = 0; i < 30; ++i) {
    text += (i % 10 == 3 ? "n.d." : std::to_string(i) + ".25") + std::string(",") +
            std::to_string(i * 11 % 30) + "\n";
  }
  const auto message = [&](const TableReading& reading) -> std::string {
    try {
      read(text, reading);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  TableReading onehot;
  onehot.categories = "onehot";
  for (const TableReading& reading : {TableReading(), onehot}) {
    const std::string said = message(reading);
    EXPECT_TRUE(has(said, "column 'a' (3 of 30 cells, first line 5: 'n.d.')")) << said;
    EXPECT_TRUE(has(said, "empty them and set data.missing")) << said;
    EXPECT_FALSE(has(said, "onehot")) << said;
    EXPECT_FALSE(has(said, "data.id")) << said;
  }
  // Numbers of classes are words like others.
  std::string classes = "a,b\n";
  for (int i = 0; i < 30; ++i) classes += (i % 5 == 3 ? "x" : std::to_string(i % 5)) + ",1.5\n";
  EXPECT_EQ(read(classes, onehot).values.size(1), 6);
}

TEST(Table, SaysWhatStandsBesideNumbers) {
  const auto refuse_mark = [](const std::string& before, const std::string& behind,
                              const char* said) {
    std::string text = "a,b\n";
    for (int i = 0; i < 12; ++i) {
      const std::string digit = std::to_string(i * 5 % 12);
      text += before + digit + behind + ",-" + before + digit + ".5" + behind + "\n";
    }
    refuse(text, {said});
    try {
      read(text);
    } catch (const DataError& error) {
      EXPECT_FALSE(has(error.what(), "data.drop")) << error.what();
      EXPECT_FALSE(has(error.what(), "data.id")) << error.what();
    }
  };
  refuse_mark("", " cm", "without the cm");
  refuse_mark("\xe2\x82\xac", "", "without the");
  refuse_mark("", "'000", "without the '");
  std::string dollars = "a\n", names = "a,b\n";
  for (int i = 0; i < 12; ++i) {
    dollars += "$-" + std::to_string(i) + ".5\n";
    names += "s" + std::to_string(i) + ",1\n";
  }
  refuse(dollars, {"write numbers without the $"});
  refuse(names, {"data.drop=[\"a\"]", "data.id=a"});
  refuse("a\n1.5D+00\n2.5D+01\n", {"without the D of exponents"});
}

TEST(Table, AnEmptyColumnCanOnlyBeLeftOut) {
  for (const char* missing : {"refuse", "drop", "mean"}) {
    TableReading reading;
    reading.missing = missing;
    refuse("a,b,c\n1,,2\n3,,4\n", {"column 'b'", "in any row", "data.drop=[\"b\"]"}, reading);
  }
}

TEST(Table, AFeatureOfATrainedModelIsNoColumnOfLabels) {
  Points points;
  points.name = "a.csv";
  expect_error<DataError>(
      [&] {
        read_table("a,b\n1,2\n", "a", {}, {{"a", "b"}, 2}, points);
      },
      {"column 'a' is a feature the model was trained on", "name another"});
}

TEST(Table, RefusesNumbersThatAreZeroInFloat32) {
  const TestFolder folder;
  const auto x = [&](const char* power) {
    const std::string e = power;
    return folder.write("a.csv", "a,b\n1,2" + e + "\n2,3" + e + "\n3,5" + e + "\n");
  };
  expect_error<DataError>([&] { read_points(x("e-100"), ""); }, {"a.csv", "column 'b'", "3e-100"});
  EXPECT_EQ(read_points(x("e-30"), "").values.size(0), 3);
}

/// The labels of "x.csv" by `text`, "" unknown, by one space apart.
std::string labels_of(const TestFolder& folder, const std::string& x, const std::string& text,
                      const TableReading& reading = {}) {
  const Points points =
      read_points(folder.write("x.csv", x), folder.write("labels", text), {}, {}, {}, reading);
  std::string labels;
  for (int64_t i = 0; i < points.labels.size(0); ++i) {
    const auto label = points.labels[i].item<int64_t>();
    labels += (label < 0 ? "-" : points.label_names[static_cast<size_t>(label)]) + " ";
  }
  return labels;
}

TEST(LabelFiles, WhatOccursBelowIsNoHeader) {
  const TestFolder folder;
  const std::string x = "1.5\n2\n3\n4\n";
  for (const char* text : {"p\nq\np\nq\np\n", "0\n1\n1\n0\n1\n", "p\nq\nq\np\nq\n\n"}) {
    expect_error<DataError>([&] { labels_of(folder, x, text); },
                            {"there are 5 labels", "for 4 points"});
  }
  EXPECT_EQ(labels_of(folder, x, "kind\np\nq\nq\np\n"), "p q q p ");
  EXPECT_EQ(labels_of(folder, x, "0\n1\n2\n2\n1\n"), "1 2 2 1 ");
  EXPECT_EQ(labels_of(folder, x, ",0\n0,0\n1,1\n2,1\n3,0\n"), "0 1 1 0 ");
  // A word above numbers is no label: one too few are there.
  expect_error<DataError>([&] { labels_of(folder, x, "kind\n1\n2\n1\n"); }, {"3 labels"});
}

TEST(LabelFiles, MayHaveAHeaderAndUnknownLabels) {
  const TestFolder folder;
  const std::string x = "1.5\n2\n3\n4\n";
  EXPECT_EQ(labels_of(folder, x, "kind\np\n\nq\np\n"), "p - q p ");
  EXPECT_EQ(labels_of(folder, x, "kind\n\np\nq\np\n"), "- p q p ");
  EXPECT_EQ(labels_of(folder, x, "kind\np\nq\np\n\n"), "p q p - ");
  EXPECT_EQ(labels_of(folder, x, "kind\n1\n\n2\n1\n"), "1 - 2 1 ");
  EXPECT_EQ(labels_of(folder, x, "kind\n1\n\n2\n1\n\n\n"), "1 - 2 1 ");
  EXPECT_EQ(labels_of(folder, x, "p\n\nq\np\n"), "p - q p ");
  EXPECT_EQ(labels_of(folder, x, "kind\n\np\n\nq\n\nq\n\np\n"), "p q q p ");
}

/// `row(0)` and so on, `n` lines.
std::string lines_of(int64_t n, const std::function<std::string(int64_t)>& row) {
  std::string text;
  for (int64_t i = 0; i < n; ++i) text += row(i) + "\n";
  return text;
}

TEST(LabelFiles, MayHaveNamesAndLabelsWithBlanksBetween) {
  const TestFolder folder;
  const auto name = [](int64_t i) { return "s" + std::to_string(i); };
  const auto kind = [](int64_t i) { return std::string(i % 2 == 0 ? "low" : "high"); };
  const std::string points =
      "cell,a\n" + lines_of(20, [&](int64_t i) { return name(19 - i) + "," + std::to_string(i); });
  TableReading reading;
  reading.id = "cell";
  const std::string expected = lines_of(10, [](int64_t) { return "high low "; });
  const auto on_one_line = [](std::string text) {
    std::erase(text, '\n');
    return text;
  };
  EXPECT_EQ(labels_of(folder, points,
                      lines_of(20, [&](int64_t i) { return name(i) + " " + kind(i); }), reading),
            on_one_line(expected));
  // As R writes a data frame.
  EXPECT_EQ(labels_of(folder, points,
                      "\"x\"\n" + lines_of(20,
                                           [&](int64_t i) {
                                             return "\"" + name(i) + "\" \"" + kind(i) + "\"";
                                           }),
                      reading),
            on_one_line(expected));
  // Blanks stand in words.
  EXPECT_EQ(labels_of(folder, "1.5\n2\n3\n4\n", "T cell\nB cell\nT cell\nB cell\n"),
            "T cell B cell T cell B cell ");
}

TEST(LabelFiles, MayBeOneHot) {
  const TestFolder folder;
  const std::string x = "1.5\n2\n3\n4\n";
  EXPECT_EQ(labels_of(folder, x, "low,high\n1,0\n0,1\n0,0\n1,0\n"), "low high - low ");
  EXPECT_EQ(labels_of(folder, x, ",low,high\n0,1,0\n1,0,1\n2,0,0\n3,1,0\n"), "low high - low ");
  EXPECT_EQ(labels_of(folder, x, "1,0,0\n0,0,1\n0,1,0\n0,1,0\n"), "0 2 1 1 ");
  expect_error<DataError>([&] { labels_of(folder, x, "low,high\n1,1\n0,1\n0,0\n1,0\n"); },
                          {"has 2 columns ('low', 'high')"});
}

TEST(LabelFiles, WhatColumnsOfLabelsAreCalledIsAHeader) {
  const TestFolder folder;
  expect_error<DataError>([&] { labels_of(folder, "1.5\n2\n3\n4\n", "label\np\nq\np\n"); },
                          {"there are 3 labels", "for 4 points"});
  EXPECT_EQ(labels_of(folder, "1.5\n2\n3\n4\n", "label\np\nlabel\np\n"), "label p label p ");
}

TEST(LabelFiles, AreJoinedByNamesOfRows) {
  const TestFolder folder;
  const std::string shuffled = ",a\n40,1\n7,2\n23,3\n";
  EXPECT_EQ(labels_of(folder, shuffled, ",kind\n7,p\n23,q\n40,r\n"), "r p q ");
  EXPECT_EQ(labels_of(folder, shuffled, ",kind\n7,p\n8,x\n23,q\n9,x\n40,r\n"), "r p q ");
  EXPECT_EQ(labels_of(folder, shuffled, ",kind\n0,p\n1,q\n2,r\n"), "p q r ");
  TableReading reading;
  reading.id = "code";
  const std::string named = "code,a\nc,1\na,\nb,3\n";
  reading.missing = "drop";
  EXPECT_EQ(labels_of(folder, named, "cell,kind\na,p\nb,q\nc,r\n", reading), "r q ");
  // Of some rows, of more points than one, and twice.
  EXPECT_EQ(labels_of(folder, shuffled, ",kind\n23,q\n40,r\n"), "r - q ");
  reading.missing = "refuse";
  EXPECT_EQ(labels_of(folder, "code,a\nc,1\nb,2\nc,3\na,4\n", "id,kind\na,p\nc,q\n", reading),
            "q - q p ");
  expect_error<DataError>(
      [&] { labels_of(folder, "code,a\nc,1\nb,2\na,3\n", "id,kind\nb,p\na,q\nb,q\n", reading); },
      {"labels", "several rows called 'b'"});
  expect_error<DataError>([&] { labels_of(folder, shuffled, ",kind\n7,p\n24,q\n41,r\n"); },
                          {"no row '40'"});
  // Of other points too, of some, one of them twice; a name again with its label; names last.
  const std::string four = "code,a\nc,1\nb,2\nd,3\na,4\n";
  EXPECT_EQ(labels_of(folder, shuffled, ",kind\n7,p\n24,q\n40,r\n"), "r p - ");
  EXPECT_EQ(labels_of(folder, four, "id,kind\ne,p\nf,q\nb,p\ng,p\nc,q\na,r\nh,r\ni,q\n", reading),
            "q p - r ");
  EXPECT_EQ(labels_of(folder, four, "id,kind\nx,p\nb,p\nx,q\nc,q\na,r\n", reading), "q p - r ");
  EXPECT_EQ(labels_of(folder, four, "id,kind\nb,p\nb,p\nc,q\na,r\nd,r\n", reading), "q p r r ");
  EXPECT_EQ(labels_of(folder, four, "kind,id\np,b\nq,c\nr,a\np,d\n", reading), "q p p r ");
  // Grades are no names of rows that count.
  for (const char* text : {"grade,kind\n1,p\n2,q\n1,p\n", "kind,grade\np,1\nq,2\np,1\n"}) {
    expect_error<DataError>([&] { labels_of(folder, ",a\n0,5\n1,2\n2,3\n", text); },
                            {"has 2 columns"});
  }
  // Nobody knows which order is meant.
  expect_error<DataError>(
      [&] { labels_of(folder, ",a\n2,1\n0,2\n1,3\n", ",kind\n0,p\n1,q\n2,r\n"); },
      {"labels", "in order, where the points are not"});
  expect_error<DataError>(
      [&] { labels_of(folder, ",a\n0,1\n1,2\n2,3\n", ",kind\n2,p\n1,q\n0,r\n"); },
      {"in another order"});
  expect_error<DataError>([&] { labels_of(folder, "1.5\n2\n3\n", ",kind\n2,p\n0,q\n1,r\n"); },
                          {"out of order", "sort it"});
  expect_error<DataError>([&] { labels_of(folder, "1.5\n2\n3\n", "id,kind\na,p\nb,q\nc,p\n"); },
                          {"2 columns ('id', 'kind')", "data.id"});
}

}  // namespace
}  // namespace clade
