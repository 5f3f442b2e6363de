#include "clade/data/load.h"

#include <torch/torch.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "clade/core/error.h"
#include "clade/data/label_budget.h"
#include "clade/data/named_sets.h"
#include "clade/data/points.h"
#include "clade/formats/h5ad_for_tests.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::idx_bytes;
using testing::little;
using testing::npy_bytes;
using testing::npy_header;
using testing::TestFolder;

DataOptions file_options(const std::string& path) {
  DataOptions options;
  options.path = path;
  return options;
}

DataOptions named_options(const std::string& name) {
  DataOptions options;
  options.name = name;
  return options;
}

/// A CSV of `rows` points of two features that differ by row, and a label.
std::string table(int rows) {
  std::string text = "height,weight,kind\n";
  for (int i = 0; i < rows; ++i) {
    text +=
        std::to_string(i) + "," + std::to_string(-3 * i) + "," + (i % 2 == 0 ? "b" : "a") + "\n";
  }
  return text;
}

std::string images(std::initializer_list<unsigned char> pixels) {
  const auto n = static_cast<uint32_t>(pixels.size() / 4);
  return idx_bytes(8, {n, 2, 2}, std::string(pixels.begin(), pixels.end()));
}

std::string npy_of(const torch::Tensor& x) {  // [N, D] float64
  const auto values = x.contiguous();
  const std::string shape = std::to_string(x.size(0)) + ", " + std::to_string(x.size(1));
  return npy_bytes(npy_header("<f8", "(" + shape + ")"),
                   {static_cast<const char*>(values.data_ptr()), values.nbytes()});
}

/// Sets an environment variable for one test.
class Environment {
 public:
  Environment(const char* variable, const std::string& value) : variable_(variable) {
    if (const char* old = std::getenv(variable)) old_ = old;
    ::setenv(variable, value.c_str(), 1);
  }
  ~Environment() { ::setenv(variable_, old_.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* variable_;
  std::string old_;
};

TEST(Preprocessing, AppliesShiftThenScale) {
  const Preprocessing preprocessing{torch::tensor({1.0F, 2.0F}), torch::tensor({2.0F, 4.0F}),
                                    false};
  const auto raw = torch::tensor({3, 4}, torch::kUInt8).view({1, 2});
  EXPECT_TRUE(preprocessing.apply(raw).equal(torch::tensor({1.0F, 0.5F}).view({1, 2})));
}

TEST(Present, DrawsBitsWithTheGreyLevelAsProbability) {
  Generator generator = make_generator(1);
  const auto x = torch::tensor({0.0F, 0.2F, 1.0F}).expand({20000, 3});
  const auto bits = present(x, true, generator);
  EXPECT_TRUE(bits.eq(0).logical_or(bits.eq(1)).all().item<bool>());
  EXPECT_TRUE(bits.mean(0).allclose(torch::tensor({0.0F, 0.2F, 1.0F}), 0, 0.015));
  EXPECT_FALSE(bits.equal(present(x, true, generator)));
  EXPECT_TRUE(present(x, false, generator).equal(x));
}

TEST(LoadSplits, StandardisesATableByItsTrainingPoints) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", table(50)));
  options.labels = "kind";
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.size(), 40);
  EXPECT_EQ(splits.validation.size(), 5);
  EXPECT_EQ(splits.test.size(), 5);
  EXPECT_TRUE(splits.train.x.mean(0).allclose(torch::zeros(2), 0, 1e-5));
  EXPECT_TRUE(splits.train.x.std(0, false).allclose(torch::ones(2), 0, 1e-5));
  // The second feature falls as the first rises.
  EXPECT_TRUE(splits.test.x.select(1, 0).allclose(-splits.test.x.select(1, 1), 0, 1e-5));
  EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(suggested_likelihood(splits), "gaussian");
  EXPECT_NE(splits.said.find("standardised"), std::string::npos) << splits.said;

  // Points keep their labels, and every one is in one split: even heights are of kind b.
  const auto x = torch::cat({splits.train.x, splits.validation.x, splits.test.x});
  const auto labels =
      torch::cat({splits.train.labels, splits.validation.labels, splits.test.labels});
  const auto height = splits.preprocessing.restore(x).select(1, 0);
  EXPECT_TRUE(height.round().remainder(2).eq(1 - labels).all().item<bool>());
  EXPECT_TRUE(std::get<0>(height.sort()).allclose(torch::arange(50, torch::kFloat64), 0, 1e-3));

  // Each knows its row.
  const auto rows = torch::cat({splits.train.rows, splits.validation.rows, splits.test.rows});
  EXPECT_TRUE(height.round().to(torch::kInt64).equal(rows));
  EXPECT_TRUE(splits.train.names.names.empty());
}

TEST(LoadSplits, KnowsItsDataByTheirParts) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", table(50)));
  options.labels = "kind";
  options.label_budget = 4;
  const Fingerprint whole = load_splits(options, 1).fingerprint;
  // Which parts are others: values, split, preprocessing, labels.
  const auto changed = [&](const DataOptions& now, uint64_t seed = 1) {
    const Fingerprint other = load_splits(now, seed).fingerprint;
    return std::vector<bool>{other.values != whole.values, other.split != whole.split,
                             other.preprocessing != whole.preprocessing,
                             other.labels != whole.labels};
  };
  using Parts = std::vector<bool>;
  EXPECT_EQ(changed(options), (Parts{false, false, false, false}));
  EXPECT_EQ(changed(options, 2), (Parts{false, true, true, true}));
  DataOptions now = options;
  now.test = 10;
  EXPECT_EQ(changed(now), (Parts{false, true, true, true}));
  now = options;
  now.validation = 6, now.test = 4;  // the same training points
  EXPECT_EQ(changed(now), (Parts{false, true, false, false}));
  now = options;
  now.values = "raw";
  EXPECT_EQ(changed(now), (Parts{false, false, true, false}));
  now = options;
  now.label_budget = 6;
  EXPECT_EQ(changed(now), (Parts{false, false, false, true}));
  now = options;
  now.path = folder.write("b.csv", table(50) + "1,2,a\n");
  EXPECT_TRUE(changed(now)[0]);
  // The width that they are read in is no part of it.
  const auto rows = torch::arange(5);
  const auto values = torch::rand({5, 2});
  const auto preprocessing = load_splits(options, 1).preprocessing;
  EXPECT_EQ(fingerprint_of(values, rows, rows, preprocessing).values,
            fingerprint_of(values.to(torch::kFloat64), rows, rows, preprocessing).values);
}

TEST(LoadSplits, ShufflesBySeed) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", table(50)));
  options.labels = "3";
  const auto train = [&](uint64_t seed) { return load_splits(options, seed).train.x; };
  EXPECT_TRUE(train(1).equal(train(1)));
  EXPECT_FALSE(train(1).equal(train(2)));
}

/// 60 times, of which float32 would make one and the same, beside a plain number; and the same with
/// `offset` taken off.
std::vector<double> fixes(double offset) {
  std::vector<double> values;
  for (int i = 0; i < 60; ++i) {
    values.push_back(offset + 40 * (i % 2) + 0.125 * (i % 7));
    values.push_back(i % 5);
  }
  return values;
}

TEST(LoadSplits, CentresBeforeItRounds) {
  const TestFolder folder;
  constexpr double kOffset = 1.7e9;
  const auto splits_of = [&](double offset, const std::string& kind) {
    const auto values = fixes(offset);
    if (kind == "csv") {
      std::ostringstream text;
      text.precision(16);
      for (size_t i = 0; i < values.size(); i += 2)
        text << values[i] << "," << values[i + 1] << "\n";
      return load_splits(file_options(folder.write("a.csv", text.str())), 1);
    }
    std::string payload;
    for (const double value : values) {
      payload +=
          kind == "<i8" ? little<int64_t>({std::llround(8 * value)}) : little<double>({value});
    }
    return load_splits(
        file_options(folder.write("a.npy", npy_bytes(npy_header(kind, "(60, 2)"), payload))), 1);
  };
  for (const char* kind : {"csv", "<f8", "<i8"}) {
    SCOPED_TRACE(kind);
    const Splits plain = splits_of(0, kind), far = splits_of(kOffset, kind);
    EXPECT_TRUE(far.train.x.allclose(plain.train.x, 1e-6, 1e-6));
    EXPECT_TRUE(far.test.x.allclose(plain.test.x, 1e-6, 1e-6));
    EXPECT_NE(far.said.find("millionth"), std::string::npos) << far.said;
    EXPECT_EQ(plain.said.find("millionth"), std::string::npos) << plain.said;
    // And back, to the digits of the file.
    const double unit = std::string(kind) == "<i8" ? 8 : 1;
    const auto back =
        far.preprocessing.restore(far.train.x) - unit * kOffset * torch::tensor({1, 0});
    EXPECT_TRUE(back.allclose(plain.preprocessing.restore(plain.train.x), 0, 1e-4 * unit));
  }
}

TEST(LoadSplits, SaysWhereTheFileHasRoundedAlready) {
  const TestFolder folder;
  std::string payload;
  for (int i = 0; i < 60; ++i) {
    payload += little<float>({static_cast<float>(1.7e9 + 128 * (i % 3)), static_cast<float>(i)});
  }
  const auto path = folder.write("a.npy", npy_bytes(npy_header("<f4", "(60, 2)"), payload));
  const std::string said = load_splits(file_options(path), 1).said;
  EXPECT_NE(said.find("feature 0 varies by less than a millionth"), std::string::npos) << said;
  EXPECT_NE(said.find("write it in float64"), std::string::npos) << said;
}

TEST(LoadSplits, DoesAgainWhatARunDid) {
  const TestFolder folder;
  const auto options = file_options(folder.write("a.csv", "1,5\n2,7\n3,9\n"));
  Preprocessing done = load_splits(options, 1).preprocessing;
  done.shift = torch::tensor({1.0F, 5.0F});
  done.scale = torch::tensor({2.0F, 4.0F});
  const Splits splits = load_splits(options, 1, "gaussian", &done);
  EXPECT_TRUE(std::get<0>(splits.train.x.sort(0))
                  .equal(torch::tensor({0.0F, 0.0F, 0.5F, 0.5F, 1.0F, 1.0F}).view({3, 2})));
  EXPECT_EQ(splits.preprocessing.scale.scalar_type(), torch::kFloat32);
}

TEST(LoadSplits, AFeatureThatNeverVariesIsNotLookedAt) {
  const TestFolder folder;
  std::string text = "a,same,c\n";
  for (int i = 0; i < 50; ++i) {
    text += std::to_string(i) + (i == 7 ? ",300," : ",0.1,") + std::to_string(0.5 * (i % 9)) + "\n";
  }
  auto options = file_options(folder.write("a.csv", text));
  // A seed by which the point that differs is not trained on.
  uint64_t seed = 1;
  while (load_splits(options, seed).train.rows.eq(7).any().item<bool>()) ++seed;
  for (const char* values : {"auto", "raw"}) {
    options.values = values;
    const Splits splits = load_splits(options, seed);
    const Preprocessing& how = splits.preprocessing;
    EXPECT_NE(splits.said.find("column 'same' is constant over the training points"),
              std::string::npos)
        << splits.said;
    EXPECT_NE(splits.said.find("1 other point differs there"), std::string::npos) << splits.said;
    const auto constant = torch::tensor({std::nan(""), 0.1, std::nan("")}, torch::kFloat64);
    EXPECT_TRUE(how.constant.nan_to_num(-1).equal(constant.nan_to_num(-1)));
    for (const Dataset* each : {&splits.train, &splits.validation, &splits.test}) {
      EXPECT_TRUE(how.restore(each->x).select(1, 1).sub(0.1).abs().lt(1e-6).all().item<bool>());
    }
    EXPECT_NEAR(*how.log_volume,
                how.scale[0].log().item<double>() + how.scale[2].log().item<double>(), 1e-12);
    EXPECT_TRUE(how.whole.equal(torch::tensor({true, false, false})));
    ASSERT_EQ(how.range.sizes(), (std::vector<int64_t>{2, 3}));
    const auto a = how.restore(splits.train.x).select(1, 0);
    const double least = std::round(a.min().item<double>()),
                 most = std::round(a.max().item<double>());
    const auto drawn = how.as_data_are(torch::tensor(
        {{least - 3, 0.1, -50.0}, {most + 3, 0.1, 1e3}, {least + 0.3, 0.1, 0.5}}, torch::kFloat64));
    EXPECT_TRUE(drawn.equal(
        torch::tensor({{least, 0.1, 0.0}, {most, 0.1, 4.0}, {least, 0.1, 0.5}}, torch::kFloat64)))
        << drawn;
    const Dataset more = load_points(folder.write("b.csv", "a,same,c\n1,9,2\n"), "", how, {3});
    EXPECT_NE(more.note.find("1 other point differs"), std::string::npos) << more.note;
    const Dataset alike = load_points(folder.write("b.csv", "a,same,c\n1,0.1,2\n"), "", how, {3});
    EXPECT_EQ(alike.note.find("constant"), std::string::npos) << alike.note;
  }
  options.values = "auto";
  EXPECT_TRUE(load_splits(options, seed, "laplace").preprocessing.constant.defined());
  // Bits have no density that a constant could decide.
  options.path = folder.write("bits.csv", "1,0\n0,0\n1,0\n");
  EXPECT_FALSE(load_splits(options, 1).preprocessing.constant.defined());
}

TEST(LoadSplits, NumbersOfRowsThatAreTooLongForDoublesStayWhatTheyAre) {
  const TestFolder folder;
  std::string text = "id,a,b\n";
  for (int i = 0; i < 40; ++i) {
    text += "12345678901234567" + std::to_string(10 + i) + "," + std::to_string(i % 7) + "," +
            std::to_string(i % 5) + "\n";
  }
  const Splits splits = load_splits(file_options(folder.write("a.csv", text)), 1);
  EXPECT_EQ(splits.train.features(), 2) << splits.said;
  EXPECT_NE(splits.said.find("left out column 'id'"), std::string::npos) << splits.said;
}

TEST(CheckLikelihood, RefusesADensityOfBits) {
  const TestFolder folder;
  const auto check = [&](const std::string& path, const std::string& binarise = "auto") {
    auto options = file_options(path);
    options.binarise = binarise;
    check_likelihood(options, load_splits(options, 1, "gaussian"), "gaussian");
  };
  const auto grey = folder.write("grey", images({0, 9, 255, 7, 1, 2, 3, 4}));
  const auto bits = folder.write("bits.csv", "1,0\n0,1\n1,1\n");
  expect_error<ConfigError>([&] { check(grey); }, {"model.likelihood", "gaussian", "grey", "bits",
                                                   "data.binarise = \"none\""});
  EXPECT_NO_THROW(check(grey, "none"));
  expect_error<ConfigError>([&] { check(bits); }, {"model.likelihood", "0 or 1", "standardised"});
  EXPECT_NO_THROW(check(folder.write("one.csv", "5,7\n")));
}

TEST(LoadSplits, AConstantFeatureIsShiftedOnly) {
  const TestFolder folder;
  const Splits splits =
      load_splits(file_options(folder.write("a.csv", "0.1,5\n0.1,7\n0.1,9\n")), 1);
  EXPECT_EQ(splits.train.size(), 3);
  EXPECT_EQ(splits.validation.size(), 0);
  EXPECT_TRUE(splits.train.x.select(1, 0).eq(0).all().item<bool>());
  EXPECT_EQ(splits.preprocessing.scale[0].item<float>(), 1);
}

TEST(LoadSplits, OnePointIsEnoughToTrainOn) {
  const TestFolder folder;
  const std::string path = folder.write("a.csv", "1,2\n");
  EXPECT_EQ(load_splits(file_options(path), 1).train.size(), 1);
  DataOptions options = file_options(path);
  options.validation = 1;
  expect_error<ConfigError>([&] { load_splits(options, 1); },
                            {"data.validation = 1", "nothing to train on", "1 points"});
}

TEST(LoadSplits, ByteImagesAreGreyAndBinarisedOnceForTest) {
  const TestFolder folder;
  DataOptions options =
      file_options(folder.write("a.idx", images({0, 255, 51, 128, 10, 20, 30, 40})));
  options.validation = 0;
  options.test = 1;
  const Splits splits = load_splits(options, 1);
  EXPECT_TRUE(splits.preprocessing.binarise);
  EXPECT_EQ(suggested_likelihood(splits), "bernoulli");
  EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{2, 2}));
  const auto first = torch::tensor({0.0F, 1.0F, 0.2F, 128.0F / 255});
  const auto second = torch::tensor({10.0F, 20.0F, 30.0F, 40.0F}) / 255;
  EXPECT_TRUE(splits.train.x[0].allclose(first) || splits.train.x[0].allclose(second));
  EXPECT_TRUE(splits.test.x.eq(0).logical_or(splits.test.x.eq(1)).all().item<bool>());
  EXPECT_NE(splits.said.find("divided by 255"), std::string::npos) << splits.said;

  options.binarise = "none";
  EXPECT_FALSE(load_splits(options, 1).preprocessing.binarise);
}

TEST(LoadSplits, TellsKindsOfValuesApart) {
  const TestFolder folder;
  const auto read = [&](const std::string& bytes) {
    return load_splits(file_options(folder.write("a", bytes)), 1);
  };
  const Splits bits = read(images({0, 1, 1, 0}));
  EXPECT_FALSE(bits.preprocessing.binarise);
  EXPECT_EQ(suggested_likelihood(bits), "bernoulli");
  EXPECT_EQ(bits.preprocessing.scale[0].item<float>(), 1);

  const auto floats = [](const std::string& shape, std::initializer_list<float> values) {
    return npy_bytes(npy_header("<f4", shape), little<float>(values));
  };
  const Splits grey = read(floats("(1, 2, 2)", {0, 0.5, 1, 0.25}));
  EXPECT_TRUE(grey.preprocessing.binarise);
  EXPECT_EQ(grey.preprocessing.scale[0].item<float>(), 1);
  EXPECT_EQ(suggested_likelihood(read(floats("(2, 2)", {0, 0.5, 1, 0.25}))), "gaussian");
  EXPECT_EQ(suggested_likelihood(read(floats("(1, 2, 2)", {0, 0.5, -1, 0.25}))), "gaussian");
}

TEST(LoadSplits, WhiteIsWhatTheValuesSay) {
  const TestFolder folder;
  const auto read = [&](const std::string& descr, const std::string& payload,
                        const std::string& shape = "(1, 2, 2)") {
    return load_splits(
        file_options(folder.write("a.npy", npy_bytes(npy_header(descr, shape), payload))), 1);
  };
  struct Case {
    Splits splits;
    float shift, scale;
    bool bits;
    std::vector<float> x;
    const char* said;
  };
  const float f = 1.0F / 16;
  const std::vector<Case> cases = {
      {read("|u1", std::string("\0\4\x08\x10", 4)),
       0,
       16,
       true,
       {0, 4 * f, 8 * f, 1},
       "from 0 to 16, the brightest there is, divided by 16 and drawn"},
      {read("<f8", little<double>({0, 4, 8, 16})), 0, 16, true, {0, 4 * f, 8 * f, 1}, "to 16"},
      {read("|u1", std::string("\0\x40\x80\xc8", 4)),
       0,
       255,
       true,
       {0, 64 / 255.0F, 128 / 255.0F, 200 / 255.0F},
       "from 0 to 255, divided by 255"},
      {read("<u2", little<uint16_t>({0, 2, 4095, 4000})),
       0,
       4095,
       true,
       {0, 2 / 4095.0F, 1, 4000 / 4095.0F},
       "from 0 to 4095, divided by 4095"},
      {read("<u2", little<uint16_t>({0, 2, 300, 150})),
       0,
       300,
       true,
       {0, 2 / 300.0F, 1, 0.5F},
       "to 300, the brightest"},
      {read("|u1", std::string("\0\xff\xff\0", 4)),
       0,
       255,
       false,
       {0, 1, 1, 0},
       "from 0 to 255, with none between, divided by 255, for a Bernoulli"},
      {read("|u1", std::string("\0\xff\xff\0", 4), "(1, 4)"),
       0,
       255,
       false,
       {0, 1, 1, 0},
       "with none between"},
      {read("<f4", little<float>({-1, 0, 0.5F, 1})),
       -1,
       2,
       true,
       {0, 0.5F, 0.75F, 1},
       "from -1 to 1, moved to 0 to 1"},
      {read("<f4", little<float>({-1, 1, 1, -1})),
       -1,
       2,
       false,
       {0, 1, 1, 0},
       "from -1 to 1, with none between, moved to 0 to 1, for a Bernoulli"},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.splits.said);
    const Preprocessing& done = it.splits.preprocessing;
    EXPECT_EQ(done.shift[0].item<float>(), it.shift);
    EXPECT_EQ(done.scale[0].item<float>(), it.scale);
    EXPECT_EQ(done.binarise, it.bits);
    EXPECT_TRUE(it.splits.train.x.view(-1).allclose(torch::tensor(it.x)));
    EXPECT_NE(it.splits.said.find(it.said), std::string::npos);
    EXPECT_EQ(suggested_likelihood(it.splits), "bernoulli");
  }
  // Neither counts below zero nor rows of small numbers are levels.
  EXPECT_EQ(suggested_likelihood(read("<i2", little<int16_t>({-3, 4, 5, 6}))), "gaussian");
  EXPECT_EQ(suggested_likelihood(read("|u1", std::string("\0\4\x08\x10", 4), "(1, 4)")),
            "gaussian");
  EXPECT_EQ(suggested_likelihood(read("<f4", little<float>({0, 1, 2, 2.5F}))), "gaussian");
  // What is told goes before what is seen.
  DataOptions told = file_options(folder.write(
      "b.npy", npy_bytes(npy_header("|u1", "(1, 2, 2)"), std::string("\0\4\x08\x10", 4))));
  told.values = "grey";
  EXPECT_EQ(load_splits(told, 1).preprocessing.scale[0].item<float>(), 255);
}

TEST(LoadPoints, ALittleBrighterThanTheBrightestIsWhite) {
  const TestFolder folder;
  const auto all = [](double value) { return torch::full({4}, value); };
  const auto read = [&](const std::string& bytes, double white) {
    return load_points(folder.write("a.npy", npy_bytes(npy_header("|u1", "(1, 2, 2)"), bytes)), "",
                       {all(0), all(white), true}, {2, 2});
  };
  const Dataset data = read(std::string("\0\x10\x11\x14", 4), 16);
  EXPECT_TRUE(data.x.equal(torch::tensor({{0.0F, 1.0F, 1.0F, 1.0F}})));
  EXPECT_EQ(data.note,
            "2 numbers above 16, the brightest that the model was trained on, count as that");
  expect_error<DataError>([&] { read(std::string("\0\x10\x11\xff", 4), 16); },
                          {"a.npy", "pixel [1, 0]", "17", "outside 0 to 16"});
}

TEST(LoadSplits, ColoursAreLevelsOfRedGreenAndBlue) {
  const TestFolder folder;
  std::string bytes;  // two images of 2 x 3 pixels
  for (int i = 0; i < 36; ++i) bytes += static_cast<char>(7 * i);
  std::vector<std::string> files = {
      folder.write("a.idx", idx_bytes(8, {2, 2, 3, 3}, bytes)),
      folder.write("a.npy", npy_bytes(npy_header("|u1", "(2, 2, 3, 3)"), bytes))};
#ifdef CLADE_WITH_ZLIB
  const std::string x = npy_bytes(npy_header("|u1", "(2, 2, 3, 3)"), bytes);
  files.push_back(folder.write("a.npz", testing::zip_bytes({{"x.npy", x}}, true)));
#endif
  for (const std::string& file : files) {
    DataOptions options = file_options(file);
    options.validation = 0;
    options.test = 1;
    const Splits splits = load_splits(options, 1);
    EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{2, 3, 3})) << file;
    EXPECT_FALSE(splits.preprocessing.binarise);
    EXPECT_EQ(suggested_likelihood(splits), kColourLikelihood);
    EXPECT_NE(splits.said.find("2 points of size 2x3x3: colours from 0 to 255, divided by 255"),
              std::string::npos)
        << splits.said;
    const auto x_of_both = std::get<0>(torch::cat({splits.train.x, splits.test.x}).sort(0));
    const auto expected = torch::arange(36, torch::kFloat32).mul(7).div(255).view({2, 18});
    EXPECT_TRUE(x_of_both.allclose(expected)) << file;

    // What Bernoulli models of earlier versions read.
    EXPECT_TRUE(load_splits(options, 1, "bernoulli").preprocessing.binarise);
    EXPECT_FALSE(load_splits(options, 1, "gaussian").preprocessing.binarise);
    options.binarise = "dynamic";
    const Splits bits = load_splits(options, 1);
    EXPECT_TRUE(bits.preprocessing.binarise);
    EXPECT_EQ(suggested_likelihood(bits), "bernoulli");
  }
}

TEST(LoadSplits, ColoursFromZeroToOneAreLevelsWhereTheyAreOf255) {
  const TestFolder folder;
  const auto read = [&](std::initializer_list<float> values) {
    const auto shape = npy_header("<f4", "(1, 1, 2, 3)");
    return load_splits(file_options(folder.write("a.npy", npy_bytes(shape, little<float>(values)))),
                       1);
  };
  const Splits levels = read({0, 0.2F, 0.4F, 1, 3 / 255.0F, 254 / 255.0F});
  EXPECT_EQ(levels.train.shape, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(levels.preprocessing.scale[0].item<float>(), 1);
  EXPECT_EQ(suggested_likelihood(levels), kColourLikelihood);
  EXPECT_EQ(suggested_likelihood(read({0, 0.2F, 0.4F, 1, 0.5F, 0.3F})), "gaussian");
}

TEST(LoadSplits, ImagesHaveOneChannelOrThree) {
  const TestFolder folder;
  const auto options = [&](std::initializer_list<uint32_t> shape) {
    uint32_t size = 1;
    for (const uint32_t side : shape) size *= side;
    std::string bytes;
    for (uint32_t i = 0; i < size; ++i) bytes += static_cast<char>(i);
    return file_options(folder.write("a.idx", idx_bytes(8, shape, bytes)));
  };
  const Splits grey = load_splits(options({2, 4, 5, 1}), 1);
  EXPECT_EQ(grey.train.shape, (std::vector<int64_t>{4, 5}));
  EXPECT_TRUE(grey.preprocessing.binarise);
  EXPECT_EQ(suggested_likelihood(grey), "bernoulli");

  expect_error<DataError>(
      [&] {
        load_splits(options({2, 5, 4, 4}), 1);
      },
      {"a.idx", "5x4x4", "4 channels, as RGBA", "[N, H, W, 3]"});
  expect_error<DataError>([&] { load_splits(options({2, 5, 4, 2}), 1); }, {"5x4x2", "2 channels"});
  expect_error<DataError>(
      [&] {
        load_splits(options({4, 4, 3, 7}), 1);
      },
      {"4 points of size 4x3x7", "7 channels", "numpy.moveaxis(array, -1, 0)"});
  DataOptions plain = options({2, 5, 4, 4});
  plain.values = "standardised";
  EXPECT_EQ(load_splits(plain, 1).train.features(), 80);

  const Splits channels_first = load_splits(options({2, 3, 5, 6}), 1);
  EXPECT_NE(channels_first.said.find("put the colours last: [N, H, W, 3]"), std::string::npos)
      << channels_first.said;
}

TEST(LoadSplits, RefusesValuesThatAreNotWhatIsSaid) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "height,age\n0,1\n1,200\n"));
  options.values = "binary";
  expect_error<DataError>([&] { load_splits(options, 1); },
                          {"a.csv", "row 1", "column 'age'", "200", "data.values = \"grey\""});
  options.path = folder.write("b.csv", "height,age\n0,1\n-1,200\n");
  options.values = "grey";
  expect_error<DataError>([&] { load_splits(options, 1); },
                          {"b.csv", "row 1", "column 'height'", "-1", "standardised"});
  options.values = "standardised";
  options.binarise = "dynamic";
  expect_error<ConfigError>([&] { load_splits(options, 1); }, {"data.binarise", "grey"});
}

TEST(LoadSplits, ReadsCountsAsTheirLogarithms) {
  const TestFolder folder;
  std::string text = "visits,calls\n";
  for (int i = 0; i < 30; ++i)
    text += std::to_string(i * i * 117) + "," + std::to_string(i % 3) + "\n";
  DataOptions options = file_options(folder.write("a.csv", text));
  EXPECT_FALSE(load_splits(options, 1).preprocessing.counts);  // a few columns may be anything
  options.values = "counts";
  const Splits splits = load_splits(options, 1);
  EXPECT_NE(splits.said.find("counts from 0 to 98397"), std::string::npos) << splits.said;
  EXPECT_EQ(suggested_likelihood(splits), "negative_binomial");
  const auto raw = splits.preprocessing.restore(splits.train.x);
  const auto row = splits.train.rows.to(torch::kFloat32);
  EXPECT_TRUE(torch::equal(raw.select(1, 0).round(), row * row * 117));
  EXPECT_TRUE(torch::allclose(splits.train.x.select(1, 1), (row % 3).log1p()));
  EXPECT_EQ(splits.preprocessing.log_volume, 0);
  const auto points = load_points(options.path, "", splits.preprocessing, {2});
  EXPECT_TRUE(torch::equal(points.x.index_select(0, splits.train.rows), splits.train.x));

  // A likelihood of counts takes nothing else, and counts no other.
  check_likelihood(options, splits, "poisson");
  for (const char* other : {"gaussian", "bernoulli"}) {
    expect_error<ConfigError>([&] { check_likelihood(options, splits, other); },
                              {other, "read as counts", "standardised"});
  }
  options.values = "auto";
  EXPECT_TRUE(load_splits(options, 1, "poisson").preprocessing.counts);
  options.values = "standardised";
  expect_error<ConfigError>(
      [&] { check_likelihood(options, load_splits(options, 1, "poisson"), "poisson"); },
      {"poisson", "data.values = \"counts\""});
}

#ifdef CLADE_WITH_HDF5
TEST(LoadSplits, ReadsCellsByTheNamesOfTheirGenes) {
  const TestFolder folder;
  const auto cells = [&](const std::string& name, const std::vector<std::string>& genes,
                         const torch::Tensor& x) {
    testing::Hdf5Writer file(folder.path(name));
    file.group("obs");
    file.words("obs/_index", {"a", "b", "c", "d"});
    file.words("obs/type", {"B", "T", "T", ""});
    file.group("var");
    file.words("var/_index", genes);
    file.numbers("X", x.to(torch::kFloat32));
    return folder.path(name);
  };
  const auto x = torch::arange(12).view({4, 3});
  DataOptions options = file_options(cells("a.h5ad", {"g1", "g2", "g3"}, x));
  options.labels = "type";
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.preprocessing.columns, (std::vector<std::string>{"g1", "g2", "g3"}));
  EXPECT_EQ(splits.train.names.title, "cell");
  EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"B", "T"}));

  const auto more = torch::cat({torch::full({4, 1}, 99), x.flip(1)}, 1);
  const auto other = cells("b.h5ad", {"g0", "g3", "g2", "g1"}, more);
  const auto same = load_points(options.path, "type", splits.preprocessing, {3});
  EXPECT_TRUE(torch::equal(load_points(other, "", splits.preprocessing, {3}).x, same.x));
  EXPECT_EQ(same.names.names, (std::vector<std::string>{"a", "b", "c", "d"}));
  const auto fewer = cells("c.h5ad", {"g1", "g2"}, x.slice(1, 0, 2));
  expect_error<DataError>([&] { load_points(fewer, "", splits.preprocessing, {3}); },
                          {"c.h5ad", "'g3'"});
  options.labels = "typ";
  expect_error<DataError>([&] { load_splits(options, 1); }, {"no column 'typ'", "type"});
}
#endif

TEST(LoadSplits, RefusesWhatIsNoCount) {
  const TestFolder folder;
  for (const auto& [cell, says] : std::map<std::string, const char*>{
           {"-1", "outside 0 to 100000"}, {"2.5", "no count"}, {"100001", "outside 0 to 100000"}}) {
    DataOptions options = file_options(folder.write("a.csv", "height,age\n0,1\n1," + cell + "\n"));
    options.values = "counts";
    expect_error<DataError>([&] { load_splits(options, 1); },
                            {"a.csv", "row 1", "column 'age'", says, "standardised"});
    const auto how = Preprocessing{torch::zeros({2}), torch::ones({2}), false, /*counts=*/true};
    expect_error<DataError>([&] { load_points(options.path, "", how, {2}); },
                            {"column 'age'", says});
  }
}

TEST(LoadSplits, TakesManyColumnsOfFewCountsForCounts) {
  const TestFolder folder;
  // 20 rows of 300 numbers: every other is 0, the rest 1 and 2; and one that the test says.
  const auto read = [&](const std::string& first, const std::string& zero = "0",
                        const std::string& likelihood = "") {
    std::string text;
    for (int i = 0; i < 20; ++i) {
      text += i == 0 ? first : "2";
      for (int d = 1; d < 300; ++d) text += d % 2 == 0 ? "," + zero : d % 3 == 1 ? ",1" : ",2";
      text += "\n";
    }
    const DataOptions options = file_options(folder.write("a.csv", text));
    return load_splits(options, 1, likelihood).preprocessing.counts;
  };
  EXPECT_TRUE(read("0"));
  EXPECT_FALSE(read("0", "0", "gaussian"));
  EXPECT_FALSE(read("0.5"));
  EXPECT_FALSE(read("-1"));
  EXPECT_FALSE(read("0", "1"));  // no zeros but one
}

TEST(LoadSplits, NamesTheRowAndPixelOfANaN) {
  const TestFolder folder;
  const std::string bytes = npy_bytes(npy_header("<f4", "(2, 2, 2)"),
                                      little<float>({0, 0, 0, 0, 0, 0, std::nanf(""), 0}));
  expect_error<DataError>([&] { load_splits(file_options(folder.write("a.npy", bytes)), 1); },
                          {"a.npy", "row 1", "pixel [1, 0]", "nan", "data.missing"});
  const std::string boundless = npy_bytes(npy_header("<f4", "(2,)"), little<float>({0, HUGE_VALF}));
  expect_error<DataError>([&] { load_splits(file_options(folder.write("b.npy", boundless)), 1); },
                          {"b.npy", "row 1", "inf", "data.missing"});
  // Rows that are left out count.
  DataOptions options = file_options(folder.write("c.csv", "a,b\nNA,1\n\n,\n2,3\n4,1e39\n"));
  options.table.missing = "drop";
  expect_error<DataError>([&] { load_splits(options, 1); }, {"c.csv: row 3 ", "column 'b'"});
}

TEST(LoadSplits, ReadsLabelsFromAFile) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "1,2\n3,4\n5,6\n"));
  const auto labels = [&](const std::string& bytes) {
    options.labels = folder.write("labels", bytes);
    const Splits splits = load_splits(options, 1);
    std::map<float, std::string> by_value;  // Of the first feature, before its preprocessing.
    const auto x = splits.preprocessing.restore(splits.train.x);
    for (int64_t i = 0; i < 3; ++i) {
      by_value[std::round(x[i][0].item<float>())] =
          splits.train.label_names[splits.train.labels[i].item<int64_t>()];
    }
    return by_value[1] + by_value[3] + by_value[5];
  };
  EXPECT_EQ(labels("cat\ndog\ncat\n"), "catdogcat");
  EXPECT_EQ(labels("kind\ncat\ndog\ncat\n"), "catdogcat");
  EXPECT_EQ(labels("10\n9\n10\n"), "10910");
  EXPECT_EQ(labels(idx_bytes(8, {3}, "\x05\x06\x05")), "565");
  EXPECT_EQ(labels(npy_bytes(npy_header("<f8", "(3, 1)"), little<double>({1, 2, 1}))), "121");

  const auto refuse = [&](const std::string& bytes, std::initializer_list<const char*> parts) {
    expect_error<DataError>([&] { labels(bytes); }, parts);
  };
  refuse("1\n2\n", {"2 labels", "3 points", "a.csv"});
  refuse("1\n2.5\n1\n", {"row 1", "2.5", "whole numbers"});
  refuse("1,2\n1,2\n1,2\n", {"2 columns"});
}

TEST(MissingCells, AreTheMeanOverTheTrainingPoints) {
  // Column a is 0, 1, ... but for every fifth, which is missing; b never is, and both are whole.
  const TestFolder folder;
  std::string csv = "a,b\n";
  for (int i = 0; i < 40; ++i) {
    csv += (i % 5 == 0 ? "" : std::to_string(i * i)) + "," + std::to_string(i) + "\n";
  }
  DataOptions options = file_options(folder.write("a.csv", csv));
  expect_error<DataError>([&] { load_splits(options, 1); }, {"data.missing=mean"});
  options.table.missing = "mean";
  options.validation = options.test = 8;
  const Splits splits = load_splits(options, 1);
  const Preprocessing& how = splits.preprocessing;
  double sum = 0, n = 0;
  for (int64_t i = 0; i < splits.train.size(); ++i) {
    const auto row = static_cast<double>(splits.train.rows[i].item<int64_t>());
    if (splits.train.rows[i].item<int64_t>() % 5 == 0) continue;
    sum += row * row;
    n += 1;
  }
  EXPECT_NEAR(how.fill[0].item<double>(), sum / n, 1e-9);
  EXPECT_NEAR(how.shift[0].item<double>(), sum / n, 1e-9);
  const auto check = [&](const Dataset& data) {
    const auto raw = how.restore(data.x);  // [n, 2]
    for (int64_t i = 0; i < data.size(); ++i) {
      const auto row = data.rows[i].item<int64_t>();
      const double value = row % 5 == 0 ? sum / n : static_cast<double>(row * row);
      EXPECT_NEAR(raw[i][0].item<double>(), value, 1e-3) << row;
    }
  };
  for (const Dataset* data : {&splits.train, &splits.validation, &splits.test}) check(*data);
  EXPECT_NE(splits.said.find("8 missing cells are filled in"), std::string::npos) << splits.said;
  EXPECT_TRUE(how.whole.all().item<bool>());  // as those that are there
  // A run does with its data, and with others, what it did when it began.
  EXPECT_TRUE(load_splits(options, 1, "gaussian", &how).test.x.equal(splits.test.x));
  const Dataset other =
      load_points(folder.write("b.csv", "a,b\n,100\n900,7\n"), "", how, splits.train.shape);
  EXPECT_NEAR(other.x[0][0].item<double>(), 0, 1e-6);
  EXPECT_NE(other.note.find("1 missing cell is filled in"), std::string::npos) << other.note;
  // What is never there has no mean.
  options.validation = options.test = 0;
  options.path = folder.write("none.csv", "a,b\n,1\n,2\n,3\n");
  EXPECT_THROW(load_splits(options, 1), DataError);
}

TEST(LoadSplits, LabelsInAnotherEncodingAreConvertedAndSaid) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "1,2\n3,4\n5,6\n"));
  const auto load = [&](const std::string& bytes) {
    options.labels = folder.write("labels.txt", bytes);
    return load_splits(options, 1);
  };
  using Names = std::vector<std::string>;
  const Splits utf8 = load("caf\xc3\xa9\nbar\nbar\n");
  EXPECT_EQ(utf8.train.label_names, (Names{"bar", "caf\xc3\xa9"}));
  EXPECT_EQ(utf8.said.find("labels.txt"), std::string::npos) << utf8.said;
  const Splits windows = load("caf\xe9\nbar\nbar\n");
  EXPECT_EQ(windows.train.label_names, utf8.train.label_names);
  EXPECT_NE(windows.said.find("labels.txt: not UTF-8, so read as Windows-1252"), std::string::npos)
      << windows.said;
  const Splits utf16 = load(std::string("\xff\xfe\xe9\0\n\0b\0\n\0b\0\n\0", 14));
  EXPECT_EQ(utf16.train.label_names, (Names{"b", "\xc3\xa9"}));
  EXPECT_NE(utf16.said.find("labels.txt: converted from UTF-16"), std::string::npos);
  expect_error<DataError>([&] { load(std::string("a\0b\x81\nb\nb\n", 9)); },
                          {"labels.txt", "not plain text", "UTF-8"});
}

TEST(LoadSplits, WholeNumbersAreLabelsInOrderOfSize) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "x,y\n1,10\n2,9\n3,2\n"));
  options.labels = "y";
  EXPECT_EQ(load_splits(options, 1).train.label_names, (std::vector<std::string>{"2", "9", "10"}));
}

/// The names of the labels of a table's rows, "" where unknown, and what was said of them.
struct ReadLabels {
  std::string names;
  std::string note;
};

ReadLabels read_labels(const std::string& path, const std::string& labels,
                       const std::vector<std::string>& known = {}) {
  const Points points = read_points(path, labels, known);
  ReadLabels read{"", points.note};
  for (int64_t i = 0; points.labels.defined() && i < points.labels.size(0); ++i) {
    const auto label = points.labels[i].item<int64_t>();
    read.names += label == kUnknownLabel ? "" : points.label_names[static_cast<size_t>(label)];
    read.names += ",";
  }
  return read;
}

TEST(LoadSplits, CodesAreLabelsAsTheyAreWritten) {
  const TestFolder folder;
  using Names = std::vector<std::string>;
  const auto names = [&](const std::string& a, const std::string& b, const Names& known = {}) {
    const std::string text = "x,kind\n1," + a + "\n2," + b + "\n3,1\n";
    return read_points(folder.write("a.csv", text), "kind", known).label_names;
  };
  EXPECT_EQ(names("01", "001"), (Names{"001", "01", "1"}));
  EXPECT_EQ(names("100000000000000001", "100000000000000000"),
            (Names{"1", "100000000000000000", "100000000000000001"}));
  EXPECT_EQ(names("0", "1.0"), (Names{"0", "1"}));
  // An earlier version has trained on codes as numbers.
  EXPECT_EQ(names("02", "00", {"0", "1", "2"}), (Names{"0", "1", "2"}));
}

TEST(UnknownLabels, AreEmptyCellsNanAndMinusOne) {
  const TestFolder folder;
  const auto column = [&](const std::string& cells) {
    std::string text = "x,kind\n";
    std::istringstream lines(cells);
    for (std::string cell; std::getline(lines, cell, ' ');) text += "1," + cell + "\n";
    return read_labels(folder.write("a.csv", text), "kind");
  };
  EXPECT_EQ(column("B  T NaN").names, "B,,T,,");
  EXPECT_EQ(column("B  T NaN").note,
            "4 rows of 2 columns separated by commas; 2 of 4 points have no label; scores leave "
            "them out");
  EXPECT_EQ(column("7  3 nan").names, "7,,3,,");
  EXPECT_EQ(column("B -1 T").names, "B,,T,");
  EXPECT_EQ(column("0 -1 1 2").names, "0,,1,2,");
  EXPECT_EQ(column("0 -1.0 1 \"\"").names, "0,,1,,");
  EXPECT_EQ(column("2 1 2").note, "3 rows of 2 columns separated by commas");
  EXPECT_EQ(column(" NaN -1").names, "");
  EXPECT_EQ(
      column(" NaN -1").note,
      "3 rows of 2 columns separated by commas; 1 label of -1 means unknown; 3 of 3 points have "
      "no label; scores leave them out");

  const std::string x = folder.write("x.csv", "1\n2\n3\n");
  const auto file = [&](const std::string& bytes) {
    return read_labels(x, folder.write("labels", bytes)).names;
  };
  EXPECT_EQ(file(npy_bytes(npy_header("<f8", "(3,)"), little<double>({5, std::nan(""), 0}))),
            "5,,0,");
  EXPECT_EQ(file(npy_bytes(npy_header("<i8", "(3,)"), little<int64_t>({-1, 4, 0}))), ",4,0,");
  EXPECT_EQ(file("kind\nnan\n2\n-1\n"), ",2,,");
  EXPECT_EQ(file("\nB\nT\n"), ",B,T,");
  EXPECT_EQ(file("kind\r\n\r\nB\r\n\r\n"), ",B,,");
  EXPECT_EQ(file("B\n\nT\nB\n\n"), "B,T,B,");  // as many without the empty lines
}

TEST(UnknownLabels, MinusOneIsAClassAmongNegativeOnesAndBesideOneAlone) {
  const TestFolder folder;
  const std::string x = folder.write("x.csv", "1\n2\n3\n4\n");
  const auto read = [&](const std::string& labels, const std::vector<std::string>& known = {}) {
    return read_labels(x, folder.write("labels", labels), known);
  };
  EXPECT_EQ(read("-1\n1\n1\n-1\n").names, "-1,1,1,-1,");
  EXPECT_NE(read("-1\n1\n1\n-1\n").note.find("-1 and 1 are taken for two classes"),
            std::string::npos);
  EXPECT_EQ(read("-1\n1\nnan\n-1\n").names, "-1,1,,-1,");
  EXPECT_EQ(read("-2\n-1\n0\n1\n").names, "-2,-1,0,1,");
  EXPECT_EQ(read("-2\n-1\n0\n1\n").note, "4 rows of 1 column");
  // A trained model knows what its labels are.
  EXPECT_EQ(read("-1\n1\n1\n-1\n", {"0", "1"}).names, ",1,1,,");
  EXPECT_EQ(read("-1\n-1\n-1\n-1\n", {"-1", "1"}).names, "-1,-1,-1,-1,");
  EXPECT_EQ(read("B\n-1\n1\n0\n", {"A", "B"}).names, "B,,B,A,");
}

TEST(UnknownLabels, WordsForThemAreClassesAndSaid) {
  const TestFolder folder;
  for (const std::string mark : {"none", "missing", "?", "-", "--", ".", "unknown"}) {
    const auto read =
        read_labels(folder.write("a.csv", "x,kind\n1," + mark + "\n2,B\n3,\n"), "kind");
    EXPECT_EQ(read.names, mark + ",B,,");
    EXPECT_NE(read.note.find("the label '" + mark + "' counts as a class"), std::string::npos)
        << read.note;
  }
}

TEST(UnknownLabels, AreWhatProgramsWriteForThem) {
  const TestFolder folder;
  const auto read = [&](const std::string& cells) {
    return read_labels(folder.write("a.csv", "x,kind\n" + cells), "kind");
  };
  EXPECT_EQ(read("1,NA\n2,B\n3,\n").names, ",B,,");
  EXPECT_NE(read("1,NA\n2,B\n3,\n").note.find("'NA' is taken for unknown labels"),
            std::string::npos);
  EXPECT_EQ(read("1,NULL\n2,B\n3,nan\n").names, ",B,,");
  EXPECT_EQ(read("1,nan\n2,B\n3,\n").note.find("taken for"), std::string::npos);
  // Among numbers they leave these numbers.
  EXPECT_EQ(read("1,NA\n2,1.0\n3,2.0\n").names, ",1,2,");
}

TEST(UnknownLabels, LeaveASetWithoutAnyUnlabelled) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "x,kind\n1,\n2,\n3,nan\n"));
  options.labels = "kind";
  const Splits splits = load_splits(options, 1);
  EXPECT_FALSE(splits.train.labelled());
  EXPECT_TRUE(splits.train.label_names.empty());
  EXPECT_NE(splits.said.find("3 of 3 points have no label"), std::string::npos) << splits.said;

  Dataset data;
  data.labels = torch::full({3}, kUnknownLabel, torch::kInt64);
  EXPECT_FALSE(data.labelled());
  data.labels[1] = 0;
  EXPECT_TRUE(data.labelled());
  EXPECT_TRUE(labelled_rows(data.labels).equal(torch::tensor({1}, torch::kInt64)));
}

#ifdef CLADE_WITH_ZLIB
TEST(LoadSplits, AnNpzBringsItsLabels) {
  const TestFolder folder;
  const std::string x = npy_bytes(npy_header("<f4", "(2, 1)"), little<float>({1, 2}));
  const std::string y = npy_bytes(npy_header("<i8", "(2,)"), little<int64_t>({3, 4}));
  const std::string path =
      folder.write("a.npz", testing::zip_bytes({{"y.npy", y}, {"cells.npy", x}}, true));
  for (const std::string& name : {path, path + ":cells"}) {
    const Splits splits = load_splits(file_options(name), 1);
    EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"3", "4"}));
    EXPECT_EQ(splits.train.features(), 1);
  }
  const std::string several =
      folder.write("b.npz", testing::zip_bytes({{"a.npy", x}, {"b.npy", x}}, true));
  expect_error<DataError>([&] { load_splits(file_options(several), 1); },
                          {"b.npz", "a (2x1) or b (2x1)", "b.npz:a"});
}
#endif

TEST(LoadSplits, ANamedSetMayStandInAFolder) {
  const TestFolder folder;
  folder.write("mnist/train-images-idx3-ubyte",
               images({0, 0, 0, 0, 1, 1, 1, 1, 255, 255, 255, 255}));
  folder.write("mnist/train-labels-idx1-ubyte", idx_bytes(8, {3}, std::string("\0\1\2", 3)));
  folder.write("mnist/t10k-images-idx3-ubyte", images({9, 9, 9, 9}));
  DataOptions options = named_options("mnist");
  options.path = folder.path("mnist");
  options.validation = 1;
  expect_error<DataError>([&] { load_splits(options, 1); }, {"t10k-labels-idx1-ubyte", "mnist"});

  folder.write("mnist/t10k-labels-idx1-ubyte", idx_bytes(8, {1}, "\x09"));
  const auto check = [&](const DataOptions& chosen) {
    const Splits splits = load_splits(chosen, 1);
    EXPECT_EQ(splits.train.x.sum(1)
                  .mul(255)
                  .round()
                  .to(torch::kInt64)
                  .equal(torch::tensor({0, 4}, torch::kInt64)),
              true);
    EXPECT_EQ(splits.validation.x.sum().item<float>(), 4);  // The end of train: all white.
    EXPECT_EQ(splits.test.labels[0].item<int64_t>(), 9);
    EXPECT_EQ(splits.test.label_names.size(), 10U);
  };
  check(options);
  options.path.clear();
  for (const std::string& place : {folder.path(), folder.path("mnist")}) {
    const Environment data("CLADE_DATA", place);
    check(options);
  }

  options.name = "fashion-mnist";
  options.path = folder.path("mnist");
  const Splits fashion = load_splits(options, 1);
  EXPECT_EQ(fashion.test.label_names.at(9), "Ankle boot");
  EXPECT_EQ(fashion.test.labels[0].item<int64_t>(), 9);
  options.validation = 3;
  expect_error<ConfigError>([&] { load_splits(options, 1); }, {"data.validation = 3", "3 points"});
}

TEST(LoadSplits, ASetsNameGoesBeforeAFileOfThatNameAndIsSaid) {
  const TestFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto said = [] { return load_splits(named_options("bimodal-1d"), 1).said; };
  const std::string without = said();
  folder.write("bimodal-1d/1.png", "x");
  EXPECT_EQ(said(), without +
                        "; bimodal-1d is the named set, not the folder of that name here, which is "
                        "./bimodal-1d");
  std::filesystem::remove_all("bimodal-1d");
  folder.write("bimodal-1d", "1\n");
  const Preprocessing plain{torch::zeros({1}), torch::ones({1}), false};
  const Dataset data = load_points("bimodal-1d", "", plain, {1});
  EXPECT_EQ(data.size(), 10000);
  EXPECT_NE(data.note.find("not the file of that name"), std::string::npos) << data.note;
  EXPECT_EQ(load_points("./bimodal-1d", "", plain, {1}).size(), 1);
  std::filesystem::current_path(before);
}

TEST(LoadSplits, BimodalHasTwoHumpsOfTheRightPlaceAndWidth) {
  const Splits splits = load_splits(named_options("bimodal-1d"), 1);
  EXPECT_EQ(splits.train.size(), 50000);
  EXPECT_EQ(splits.validation.size(), 10000);
  EXPECT_EQ(splits.test.size(), 10000);
  EXPECT_EQ(suggested_likelihood(splits), "gaussian");
  for (const int64_t label : {0, 1}) {
    const auto hump = splits.train.x.index({splits.train.labels.eq(label)});
    EXPECT_NEAR(static_cast<double>(hump.size(0)), 25000, 500);
    EXPECT_NEAR(hump.mean().item<double>(), label == 0 ? 0.3 : 0.7, 0.002);
    EXPECT_NEAR(hump.std().item<double>(), 0.05, 0.001);
  }
  EXPECT_TRUE(splits.train.x.equal(load_splits(named_options("bimodal-1d"), 1).train.x));
  const Splits other = load_splits(named_options("bimodal-1d"), 2);
  EXPECT_FALSE(splits.train.x.equal(other.train.x));
  EXPECT_TRUE(splits.test.x.equal(other.test.x));  // so that seeds are measured on the same points
  EXPECT_NE(splits.fingerprint.values, other.fingerprint.values);
}

TEST(LoadSplits, ArcsLieOnFiveCirclesInARing) {
  const Splits splits = load_splits(named_options("arcs-2d"), 1);
  EXPECT_EQ(splits.preprocessing.columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(splits.train.size(), 8000);
  EXPECT_EQ(splits.validation.size(), 1000);
  EXPECT_EQ(splits.test.size(), 1000);
  EXPECT_EQ(suggested_likelihood(splits), "gaussian");
  for (int64_t arc = 0; arc < 5; ++arc) {
    const double at = 2 * M_PI * static_cast<double>(arc) / 5;
    const auto points = splits.train.x.index({splits.train.labels.eq(arc)}).to(torch::kFloat64);
    EXPECT_NEAR(static_cast<double>(points.size(0)), 1600, 150);
    const auto from_centre =
        points - torch::tensor({1.3 * std::cos(at), 1.3 * std::sin(at)}, torch::kFloat64);
    const auto radius = from_centre.norm(2, 1);
    EXPECT_NEAR(radius.mean().item<double>(), 1, 0.01);
    EXPECT_NEAR(radius.std().item<double>(), 0.06, 0.005);
    // From 55° behind the ring's own direction to 145° before it, evenly.
    const auto angle = torch::atan2(from_centre.select(1, 1), from_centre.select(1, 0)) - at;
    const auto turned = torch::remainder(angle + M_PI / 180 * 70, 2 * M_PI) * (180 / M_PI) - 70;
    EXPECT_NEAR(turned.min().item<double>(), -55, 15);
    EXPECT_NEAR(turned.max().item<double>(), 145, 15);
    EXPECT_NEAR(turned.mean().item<double>(), 45, 5);
  }
  const Splits other = load_splits(named_options("arcs-2d"), 2);
  EXPECT_FALSE(splits.train.x.equal(other.train.x));
  EXPECT_TRUE(splits.test.x.equal(other.test.x));
}

TEST(LoadSplits, FacetsAreShapesAndColoursThatSayNothingOfEachOther) {
  DataOptions options = named_options("facets-2d");
  const Splits shapes = load_splits(options, 1);
  options.labels = "colours";
  const Splits colours = load_splits(options, 1);
  ASSERT_TRUE(shapes.train.x.equal(colours.train.x));
  EXPECT_EQ(shapes.train.size(), 8000);
  EXPECT_EQ(shapes.validation.size(), 1000);
  EXPECT_EQ(shapes.test.size(), 1000);
  EXPECT_EQ(shapes.train.shape, (std::vector<int64_t>{16, 16, 3}));
  EXPECT_EQ(shapes.train.label_names.size(), 4u);
  EXPECT_EQ(colours.train.label_names.size(), 5u);
  EXPECT_EQ(suggested_likelihood(shapes), "discretised_logistic");
  const auto together = torch::bincount(shapes.train.labels * 5 + colours.train.labels, {}, 20);
  EXPECT_GT(together.min().item<int64_t>(), 320);  // of 400 each, give or take 20
  EXPECT_LT(together.max().item<int64_t>(), 480);

  // A colour is the same whatever its shape: of the brightest pixel the strongest channel.
  const auto images = shapes.train.x.view({-1, 256, 3});
  const auto brightest = std::get<1>(images.sum(2).max(1));
  const auto pixel =
      images.gather(1, brightest.view({-1, 1, 1}).expand({-1, 1, 3})).squeeze(1);  // [N, 3]
  const auto tone = pixel / std::get<0>(pixel.max(1, /*keepdim=*/true));
  for (int64_t colour = 0; colour < 5; ++colour) {
    EXPECT_LT(tone.index({colours.train.labels.eq(colour)}).std(0).max().item<double>(), 0.01);
  }
  // Wherever they stand, a ring has a hole in the middle of the image and a disc has none.
  const auto middle = images.view({-1, 16, 16, 3}).slice(1, 7, 9).slice(2, 7, 9);
  const auto darkest = middle.amax(3).amin({1, 2});  // [N]
  const auto of_shape = [&](int64_t shape) {
    return darkest.index({shapes.train.labels.eq(shape)});
  };
  EXPECT_GT(of_shape(0).min().item<double>(), 0.5);
  EXPECT_LT(of_shape(3).max().item<double>(), 0.25);

  options.labels = "sizes";
  expect_error<ConfigError>([&] { options.validate(); }, {"shapes", "colours"});
  options.labels = "";
  options.path = "/";
  expect_error<ConfigError>([&] { options.validate(); }, {"facets-2d is drawn"});
}

TEST(DataOptions, SaysWhatIsWrong) {
  const auto refuse = [](const DataOptions& options, std::initializer_list<const char*> parts) {
    expect_error<ConfigError>([&] { options.validate("data"); }, parts);
  };
  refuse(DataOptions(), {"data.path", "data.name", "fashion-mnist"});
  refuse(named_options("fashon-mnist"), {"data.name", "fashon-mnist", "fashion-mnist"});
  DataOptions both = named_options("mnist");
  both.path = "digits.npy";
  refuse(both, {"data.path is digits.npy", "data.name is mnist"});
  DataOptions labels = named_options("mnist");
  labels.labels = "y";
  refuse(labels, {"data.labels", "mnist"});
  DataOptions values = file_options("a.npy");
  values.values = "gray";
  refuse(values, {"data.values", "gray", "standardised"});
}

TEST(LoadPoints, AppliesTheModelsPreprocessing) {
  const TestFolder folder;
  const Preprocessing preprocessing{torch::tensor({1.0F, 2.0F}), torch::tensor({2.0F, 4.0F}),
                                    false};
  const std::string path = folder.write("a.csv", "a,b,kind\n3,10,x\n1,-2,w\n");
  const Dataset data = load_points(path, "kind", preprocessing, {2}, {"x"});
  EXPECT_TRUE(data.x.equal(torch::tensor({1.0F, 2.0F, 0.0F, -1.0F}).view({2, 2})));
  EXPECT_TRUE(data.labels.equal(torch::tensor({0, 1}, torch::kInt64)));
  EXPECT_EQ(data.label_names, (std::vector<std::string>{"x", "w"}));
  // A number stands for the label in its place where the model's labels are words.
  const std::string places = folder.write("places", "1\n0\n");
  const Dataset by_place =
      load_points(folder.write("b.csv", "3,10\n1,-2\n"), places, preprocessing, {2}, {"x", "w"});
  EXPECT_TRUE(by_place.labels.equal(torch::tensor({1, 0}, torch::kInt64)));
  EXPECT_NE(by_place.note.find("from 0: 0 is 'x'"), std::string::npos) << by_place.note;
  // Of 1 and 2 the second has none, so that neither is meant.
  const Dataset strange = load_points(folder.path("b.csv"), folder.write("from1", "1\n2\n"),
                                      preprocessing, {2}, {"x", "w"});
  EXPECT_EQ(strange.label_names, (std::vector<std::string>{"x", "w", "1", "2"}));
  EXPECT_TRUE(strange.labels.equal(torch::tensor({2, 3}, torch::kInt64)));
  EXPECT_NE(strange.note.find("was not trained with: '1', '2'"), std::string::npos);

  expect_error<DataError>(
      [&] { load_points(folder.write("c.csv", "1,2,3\n"), "", preprocessing, {2}); },
      {"c.csv", "have 3 features", "trained on 2", "labels"});
}

TEST(LoadPoints, RefusesImagesOfOtherSidesThoughTheirNumbersAreAsMany) {
  const TestFolder folder;
  const Preprocessing levels{torch::zeros({8}), torch::full({8}, 255.0F), false};
  const auto file = [&](std::initializer_list<uint32_t> shape) {
    return folder.write("a.idx", idx_bytes(8, shape, std::string(16, '\7')));
  };
  EXPECT_EQ(load_points(file({2, 2, 4}), "", levels, {2, 4}).size(), 2);
  EXPECT_EQ(load_points(file({2, 8}), "", levels, {2, 4}).size(), 2);  // written flat
  expect_error<DataError>(
      [&] {
        load_points(file({2, 4, 2}), "", levels, {2, 4});
      },
      {"points of size 4x2", "trained on 2x4"});
}

TEST(LoadPoints, SaysThatAColumnIsInAnotherUnit) {
  const TestFolder folder;
  const Preprocessing how{torch::tensor({1.0F, 2.0F}), torch::tensor({2.0F, 4.0F}), false};
  std::string metres = "a,b\n", millimetres = "a,b\n";
  for (int i = 0; i < 12; ++i) {
    metres += std::to_string(i % 3) + "," + std::to_string(i % 5) + "\n";
    millimetres += std::to_string(i % 3) + "," + std::to_string(1000 + 1000 * (i % 5)) + "\n";
  }
  EXPECT_EQ(load_points(folder.write("a.csv", metres), "", how, {2}).note.find("deviations"),
            std::string::npos);
  EXPECT_NE(load_points(folder.write("b.csv", millimetres), "", how, {2})
                .note.find("column 'b' lies over twenty deviations"),
            std::string::npos);
}

TEST(LoadSplits, SaysWhatMayMeanMissing) {
  const TestFolder folder;
  const auto said = [&](const std::string& odd, int times) {
    std::string text = "a,b\n";
    for (int i = 0; i < 40; ++i) {
      text += std::to_string(0.1 * i) + "," + (i < times ? odd : std::to_string(0.2 * i)) + "\n";
    }
    return load_splits(file_options(folder.write("a.csv", text)), 1).said;
  };
  EXPECT_NE(said("-999", 4).find("column 'b' is -999 in 4 of 40 rows"), std::string::npos)
      << said("-999", 4);
  for (const char* mark : {"1e+20", "2147483647", "-32768", "9.96921e+36"}) {
    EXPECT_NE(said(mark, 4).find("column 'b' is "), std::string::npos) << mark << said(mark, 4);
  }
  for (const auto& [odd, times] : {std::pair{"-999", 1}, {"-998", 4}, {"9", 4}}) {
    EXPECT_EQ(said(odd, times).find("missing"), std::string::npos) << odd;
  }
}

TEST(LoadSplits, SaysThatAValueLiesFarFromTheOthers) {
  const TestFolder folder;
  const auto said = [&](torch::Tensor x, std::initializer_list<double> odd) {  // x: [400] float64
    int64_t row = 0;
    for (const double value : odd) x[row++] = value;
    return load_splits(file_options(folder.write(
                           "a.npy", npy_of(torch::stack({torch::rand_like(x), x}, 1)))),
                       1)
        .said;
  };
  torch::manual_seed(1);
  const auto normal = torch::randn({400}, torch::kFloat64);
  EXPECT_NE(
      said(normal.clone(), {1e6})
          .find("row 0 (counted from 0), feature 1 is 1e+06, far from the other values, whose "
                "deviation is "),
      std::string::npos)
      << said(normal.clone(), {1e6});
  EXPECT_NE(said(normal.clone(), {1e6, -1e5}).find("1e+06, far"), std::string::npos);
  EXPECT_EQ(said(normal.clone(), {1e6, 1e5, 2e5, 3e5}).find("far"), std::string::npos);
  // Heavy tails, rare events, and a value that is merely large.
  const auto uniform = torch::rand({400}, torch::kFloat64);
  EXPECT_EQ(said(normal.mul(3).exp(), {}).find("far"), std::string::npos);
  EXPECT_EQ(said(uniform.pow(-1), {1e6}).find("far"), std::string::npos);
  EXPECT_EQ(said(uniform.lt(0.1).to(torch::kFloat64), {1e6}).find("far"), std::string::npos);
  EXPECT_EQ(said(normal.clone(), {50}).find("far"), std::string::npos);
}

TEST(LoadSplits, SaysWhichValuesKeepTheOthersFromBeingBitsOrCounts) {
  const TestFolder folder;
  torch::manual_seed(1);
  const auto said = [&](torch::Tensor x, std::initializer_list<double> odd) {  // x: [N, D]
    int64_t row = 0;
    for (const double value : odd) x[row++][7] = value;
    return load_splits(file_options(folder.write("a.npy", npy_of(x))), 1).said;
  };
  const auto bits = torch::rand({60, 100}, torch::kFloat64).lt(0.3).to(torch::kFloat64);
  const auto counts = bits.mul(3).view({20, 300});
  EXPECT_NE(said(bits.clone(), {2})
                .find("; all but 1 of 6000 values are 0 or 1: row 0 (counted "
                      "from 0), feature 7 is 2"),
            std::string::npos)
      << said(bits.clone(), {2});
  for (const double stray : {-1.0, 0.5, 1e7}) {
    EXPECT_NE(said(counts.clone(), {stray, stray}).find("all but 2 of 6000 values are counts"),
              std::string::npos)
        << said(counts.clone(), {stray, stray});
  }
  EXPECT_EQ(said(bits.clone(), {}).find("all but"), std::string::npos);
  EXPECT_EQ(said(bits.clone(), {.2, .3, .4, .5}).find("all but"), std::string::npos);
  EXPECT_EQ(said(bits + 0.5, {2}).find("all but"), std::string::npos);
}

TEST(LoadSplits, SaysThatPointsHeldBackAreCopies) {
  const TestFolder folder;
  // `distinct` rows of `columns` numbers of `decimals`, over and over.
  const auto said = [&](int64_t distinct, int64_t columns, double step) {
    torch::manual_seed(1);
    const auto x = torch::randn({distinct, columns}, torch::kFloat64).div(step).round().mul(step);
    return load_splits(file_options(folder.write("a.npy", npy_of(x.repeat({400 / distinct, 1})))),
                       1)
        .said;
  };
  EXPECT_NE(said(20, 4, 1e-6).find("80 of the 80 validation and test points are copies"),
            std::string::npos)
      << said(20, 4, 1e-6);
  EXPECT_EQ(said(400, 4, 1e-6).find("copies"), std::string::npos);
  EXPECT_EQ(said(400, 2, 0.5).find("copies"), std::string::npos);  // by chance
  EXPECT_EQ(said(20, 8, 1).find("copies"), std::string::npos);     // whole numbers
}

TEST(LoadSplits, SaysThatPointsMayComeLast) {
  const TestFolder folder;
  const auto said = [&](std::initializer_list<uint32_t> shape) {
    uint32_t size = 1;
    for (const uint32_t side : shape) size *= side;
    std::string bytes;
    for (uint32_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7);
    return load_splits(file_options(folder.write("a.idx", idx_bytes(8, shape, bytes))), 1).said;
  };
  EXPECT_NE(said({4, 4, 30}).find("30 images of 4x4, put the images first"), std::string::npos);
  EXPECT_NE(said({3, 150}).find("150 points of 3 numbers, transpose"), std::string::npos);
  EXPECT_EQ(said({30, 4, 4}).find(" if "), std::string::npos) << said({30, 4, 4});
}

TEST(LoadPoints, BinarisesAsTestDataAre) {
  const TestFolder folder;
  const auto all = [](double value) { return torch::full({4}, value); };
  const Preprocessing grey{all(0), all(255), true};
  const std::string path = folder.write("a.idx", images({0, 255, 100, 150, 50, 200, 90, 160}));
  const Dataset data = load_points(path, "", grey, {2, 2});
  EXPECT_TRUE(data.x.eq(0).logical_or(data.x.eq(1)).all().item<bool>());
  EXPECT_EQ(data.x[0][0].item<float>(), 0);
  EXPECT_EQ(data.x[0][1].item<float>(), 1);
  EXPECT_TRUE(data.x.equal(load_points(path, "", grey, {2, 2}).x));

  const auto floats = [&](std::initializer_list<float> values) {
    return folder.write("b.npy", npy_bytes(npy_header("<f4", "(1, 4)"), little<float>(values)));
  };
  expect_error<DataError>(
      [&] {
        load_points(floats({0, 1, 2, 256}), "", grey, {2, 2});
      },
      {"b.npy", "row 0", "pixel [1, 1]", "256"});
  for (const bool binarise : {true, false}) {
    expect_error<DataError>(
        [&] {
          load_points(floats({0, 1, 0.5, 0.2F}), "", {all(0), all(255), binarise}, {2, 2});
        },
        {"b.npy", "multiply", "255"});
  }
}

TEST(LoadPoints, RefusesLevelsOfAnotherRange) {
  const TestFolder folder;
  const auto read = [&](const std::string& type, const std::string& bytes, double black,
                        double white, bool binarise) {
    const std::string path = folder.write("a.npy", npy_bytes(npy_header(type, "(1, 2, 2)"), bytes));
    Preprocessing how{torch::full({4}, black), torch::full({4}, white - black), binarise};
    how.whole = torch::full({4}, white > 1);
    return load_points(path, "", how, {2, 2}).x;
  };
  const std::string bytes("\0\x64\xc8\xff", 4), bits("\0\1\1\0", 4);
  const std::string fractions = little<float>({0, 0.5, 1, 0.25});
  for (const bool binarise : {true, false}) {
    const auto refuse = [&](const std::string& type, const std::string& values, double black,
                            double white, std::initializer_list<const char*> parts) {
      expect_error<DataError>([&] { read(type, values, black, white, binarise); }, parts);
    };
    refuse("|u1", bytes, 0, 65535, {"0 to 255", "from 0 to 65535", "rescale"});
    refuse("|u1", bytes, 0, 4095, {"0 to 255", "from 0 to 4095"});
    refuse("<f4", fractions, 0, 4095, {"0 to 1,", "multiply the values by 4095"});
    refuse("|u1", bits, 0, 255, {"0 to 1,", "multiply the values by 255"});
    refuse("<f4", fractions, -1, 1, {"0 to 1,", "from -1 to 1", "rescale"});
    refuse("|u1", bytes, -1, 1, {"pixel [0, 1]", "outside -1 to 1"});
    refuse("|u1", bytes, 0, 1, {"255", "0 to 1", "rescale"});
    refuse("<f4", little<float>({0, -1, 1, 0.5}), 0, 255, {"pixel [0, 1]", "outside 0 to 255"});
    EXPECT_NO_THROW(read("|u1", bytes, 0, 255, binarise));
    EXPECT_NO_THROW(read("|u1", std::string(4, '\0'), 0, 255, binarise));  // black images
    EXPECT_NO_THROW(read("<f4", fractions, 0, 1, binarise));
    EXPECT_NO_THROW(read("<f4", little<float>({-0.5, 0.5, 1, 0.25}), -1, 1, binarise));
  }
  // By rounding alone they are not.
  const auto rounded = read("<f4", little<float>({-1e-9F, 0.5, 1.0000002F, 0.25}), 0, 1, false);
  EXPECT_TRUE(rounded.equal(torch::tensor({0.0F, 0.5F, 1.0F, 0.25F}).view({1, 4})));
}

TEST(LoadSplits, TakesImagesOutsideTheirRangeByRoundingForLevels) {
  const TestFolder folder;
  DataOptions options;
  const auto read = [&](float least, float most) {
    std::string values;
    for (int i = 0; i < 10; ++i) values += little<float>({least, 0.5, most, 0.25});
    options.path = folder.write("a.npy", npy_bytes(npy_header("<f4", "(10, 2, 2)"), values));
    return load_splits(options, 1);
  };
  const Splits levels = read(-1e-9F, 1.0000002F);
  EXPECT_NE(levels.said.find("grey levels from 0 to 1"), std::string::npos) << levels.said;
  EXPECT_EQ(levels.train.x.max().item<double>(), 1);
  EXPECT_EQ(levels.train.x.min().item<double>(), 0);
  EXPECT_NE(read(-1.0000002F, 1).said.find("grey levels from -1 to 1"), std::string::npos);
  EXPECT_NE(read(0, 1.01F).said.find("standardised"), std::string::npos);
}

TEST(CheckValues, ABernoulliTakesZeroToOne) {
  Dataset data;
  data.name = "cells";
  data.shape = {2};
  data.x = torch::tensor({0.0F, 1.0F, 0.5F, 255.0F}).view({2, 2});
  EXPECT_NO_THROW(check_values(data, "gaussian", ""));
  expect_error<DataError>([&] { check_values(data, "bernoulli", "scale them"); },
                          {"cells", "row 1", "feature 1", "255", "takes 0 to 1: scale them"});
  data.rows = torch::tensor({4, 37}, torch::kInt64);
  data.columns = {"a", "b"};
  expect_error<DataError>([&] { check_values(data, "bernoulli", "scale them"); },
                          {"row 37", "column 'b'", "255"});
  data.x[1][1] = -0.1;
  expect_error<DataError>([&] { check_values(data, "bernoulli", "scale them"); }, {"-0.1"});
  data.x[1][1] = 0.1;
  EXPECT_NO_THROW(check_values(data, "bernoulli", "scale them"));
}

TEST(DrawLabelled, IsEvenOverTheClasses) {
  const auto labels = torch::arange(100, torch::kInt64).remainder(3);
  Generator generator = make_generator(1);
  const std::vector<std::string> classes = {"a", "b", "c"};
  const auto drawn = draw_labelled(labels, 10, classes, generator);
  ASSERT_EQ(drawn.size(0), 10);
  const auto counts = labels.index_select(0, drawn).bincount();
  EXPECT_EQ(counts.min().item<int64_t>(), 3);
  EXPECT_EQ(counts.max().item<int64_t>(), 4);
  EXPECT_EQ(std::get<0>(torch::_unique(drawn)).size(0), 10);

  Generator same = make_generator(1);
  EXPECT_TRUE(draw_labelled(labels, 10, classes, same).equal(drawn));
  EXPECT_FALSE(draw_labelled(labels, 10, classes, same).equal(drawn));
}

TEST(DrawLabelled, NamesAClassWithTooFewPoints) {
  const auto labels = torch::tensor({0, 0, -1, 0, 1, -1}, torch::kInt64);
  Generator generator = make_generator(1);
  expect_error<ConfigError>(
      [&] {
        draw_labelled(labels, 4, {"a", "b"}, generator);
      },
      {"data.label_budget is 4", "2 of class 'b'", "has 1", "to 2"});
  EXPECT_EQ(draw_labelled(labels, 2, {"a", "b"}, generator).size(0), 2);
}

/// A table of `rows` points, x = row, of which `labels` has the kinds.
std::string labelled_table(const std::vector<std::string>& labels) {
  std::string text = "x,y,kind\n";
  for (size_t i = 0; i < labels.size(); ++i) {
    text += std::to_string(i) + ",0," + labels[i] + "\n";
  }
  return text;
}

TEST(LabelBudget, IsAllThatTrainingSeesOfLabels) {
  const TestFolder folder;
  std::vector<std::string> kinds;
  for (int i = 0; i < 90; ++i) kinds.push_back(i % 5 == 4 ? "" : std::string(1, "abc"[i % 3]));
  DataOptions options = file_options(folder.write("a.csv", labelled_table(kinds)));
  options.labels = "kind";
  EXPECT_EQ(load_splits(options, 1).labelled.size(), 0);

  options.label_budget = 13;
  Splits splits = load_splits(options, 1);
  const Dataset& labelled = splits.labelled;
  ASSERT_EQ(labelled.size(), 13);
  EXPECT_EQ(labelled.features(), 2);
  EXPECT_EQ(labelled.label_names, splits.train.label_names);
  EXPECT_NE(splits.said.find("13 training labels"), std::string::npos) << splits.said;
  const auto counts = labelled.labels.bincount();
  EXPECT_EQ(counts.numel(), 3);
  EXPECT_GE(counts.min().item<int64_t>(), 4);
  EXPECT_LE(counts.max().item<int64_t>(), 5);

  // Each is a training point, once, with its own label.
  const auto row_of = [&](const torch::Tensor& x) {  // [n, 2] -> [n]
    return splits.preprocessing.restore(x).select(1, 0).round().to(torch::kInt64);
  };
  const auto rows = row_of(labelled.x), train = row_of(splits.train.x);
  std::vector<std::string> only(kinds.size());
  for (int64_t i = 0; i < 13; ++i) {
    const auto row = static_cast<size_t>(rows[i].item<int64_t>());
    EXPECT_EQ(train.eq(rows[i]).sum().item<int64_t>(), 1);
    EXPECT_EQ(labelled.label_names[static_cast<size_t>(labelled.labels[i].item<int64_t>())],
              kinds[row]);
    only[row] = kinds[row];
  }

  EXPECT_TRUE(load_splits(options, 1).labelled.x.equal(labelled.x));
  EXPECT_FALSE(load_splits(options, 2).labelled.x.equal(labelled.x));
  // A file without any other label has the same to learn from.
  options.path = folder.write("b.csv", labelled_table(only));
  const Dataset alone = load_splits(options, 1).labelled;
  EXPECT_TRUE(alone.x.equal(labelled.x));
  EXPECT_TRUE(alone.labels.equal(labelled.labels));
  // Nor does what happens to the other labels later reach it.
  splits.train.labels.copy_(splits.train.labels.flip(0));
  splits.train.x.zero_();
  EXPECT_TRUE(alone.labels.equal(labelled.labels));
  EXPECT_TRUE(alone.x.equal(labelled.x));
}

TEST(LabelBudget, StaysGreyWhereTrainingPointsDo) {
  const TestFolder folder;
  DataOptions options =
      file_options(folder.write("a.idx", images({0, 255, 51, 128, 10, 20, 30, 40})));
  options.labels = folder.write("labels", idx_bytes(8, {2}, std::string("\3\3")));
  options.label_budget = 2;
  const Splits splits = load_splits(options, 1);
  EXPECT_TRUE(splits.preprocessing.binarise);
  EXPECT_TRUE(std::get<0>(splits.labelled.x.sort(0)).equal(std::get<0>(splits.train.x.sort(0))));
}

TEST(LabelBudget, RefusesWhatThereIsNot) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("a.csv", "1,2\n3,4\n"));
  options.label_budget = 10;
  expect_error<ConfigError>([&] { load_splits(options, 1); },
                            {"data.label_budget is 10", "a.csv", "data.labels"});
  options.path = folder.write("b.csv", table(50));
  options.labels = "3";
  EXPECT_EQ(load_splits(options, 1).labelled.size(), 10);
  options.label_budget = 60;
  expect_error<ConfigError>([&] { load_splits(options, 1); },
                            {"data.label_budget is 60", "30 of class", "lower it to"});
  options.label_budget = -2;
  expect_error<ConfigError>([&] { options.validate("data"); }, {"data.label_budget is -2"});
}

TEST(EveryLabel, IsSpreadOverWhatIsLearnedFromAndWhatIsHeldBack) {
  // 300 points, of which 30 have label a, 12 b, 3 c and 1 d.
  const TestFolder folder;
  std::vector<std::string> kinds(300);
  for (size_t i = 0; i < 30; ++i) kinds[7 * i] = "a";
  for (size_t i = 0; i < 12; ++i) kinds[7 * i + 3] = "b";
  for (size_t i = 0; i < 3; ++i) kinds[7 * i + 5] = "c";
  kinds[2] = "d";
  DataOptions options = file_options(folder.write("a.csv", labelled_table(kinds)));
  options.labels = "kind";
  options.label_budget = kEveryLabel;
  for (const uint64_t seed : {1, 2, 3}) {
    const Splits splits = load_splits(options, seed);
    EXPECT_EQ(splits.train.size(), 240);
    EXPECT_EQ(splits.validation.size(), 30);
    EXPECT_EQ(splits.test.size(), 30);
    const auto known = [](const Dataset& part) {
      return torch::bincount(part.labels.index_select(0, labelled_rows(part.labels)), {}, 4);
    };
    // A tenth of each class to validation and to test, as far as whole numbers go.
    EXPECT_TRUE(known(splits.train).allclose(torch::tensor({24, 10, 2, 1}), 0, 1)) << seed;
    for (const Dataset* part : {&splits.validation, &splits.test}) {
      EXPECT_TRUE(known(*part).allclose(torch::tensor({3, 1, 0, 0}), 0, 1)) << seed;
    }
    EXPECT_TRUE(known(splits.train).equal(known(splits.labelled)));
    EXPECT_EQ(known(splits.train)[3].item<int64_t>(), 1);  // the only one is learned from
    EXPECT_GE(known(splits.train)[2].item<int64_t>(), 2);
    EXPECT_EQ(splits.labelled.size(), labelled_rows(splits.train.labels).size(0));

    // What is held back are all others, in no other part.
    const Dataset others = held_back(splits);
    EXPECT_EQ(others.size() + splits.labelled.size(), 46);
    const auto rows = torch::cat({others.rows, splits.train.rows});
    EXPECT_EQ(std::get<0>(torch::_unique(rows)).size(0), rows.size(0));
    for (int64_t i = 0; i < others.size(); ++i) {
      const auto row = static_cast<size_t>(others.rows[i].item<int64_t>());
      EXPECT_EQ(others.label_names[static_cast<size_t>(others.labels[i].item<int64_t>())],
                kinds[row]);
      EXPECT_EQ(splits.preprocessing.restore(others.x[i])[0].round().item<int64_t>(),
                static_cast<int64_t>(row));
    }
  }
  const Splits splits = load_splits(options, 1);
  EXPECT_NE(splits.said.find("of 46 labels 37 are learned from (a 24, b 10, c 2, d 1), 9 are held "
                             "back to measure what is learned, none of 'd'"),
            std::string::npos)
      << splits.said;
  EXPECT_TRUE(load_splits(options, 1).labelled.rows.equal(splits.labelled.rows));
  EXPECT_FALSE(load_splits(options, 2).labelled.rows.equal(splits.labelled.rows));
}

TEST(EveryLabel, MayBeEveryPointsOrTooFewToHoldAnyBackOrNone) {
  const TestFolder folder;
  DataOptions options = file_options(folder.write("all.csv", table(50)));
  options.labels = "kind";
  options.label_budget = kEveryLabel;
  const Splits all = load_splits(options, 1);
  EXPECT_EQ(all.labelled.size(), 40);
  EXPECT_EQ(held_back(all).size(), 10);

  std::vector<std::string> kinds(40);
  kinds[3] = kinds[9] = "a";
  kinds[5] = "b";
  options.path = folder.write("few.csv", labelled_table(kinds));
  const Splits few = load_splits(options, 1);
  EXPECT_EQ(few.labelled.size(), 3);
  EXPECT_EQ(held_back(few).size(), 0);
  EXPECT_NE(few.said.find("of 3 labels 3 are learned from (a 2, b 1), none could be held back"),
            std::string::npos)
      << few.said;

  kinds[7] = "b";  // filled in later
  options.path = folder.write("few.csv", labelled_table(kinds));
  const Fingerprint filled = load_splits(options, 1).fingerprint;
  EXPECT_EQ(filled.values, few.fingerprint.values);
  EXPECT_NE(filled.all_labels, few.fingerprint.all_labels);

  options.path = folder.write("none.csv", labelled_table(std::vector<std::string>(40)));
  const Splits none = load_splits(options, 1);
  EXPECT_EQ(none.labelled.size(), 0);
  EXPECT_EQ(held_back(none).size(), 0);
  EXPECT_TRUE(none.fingerprint.labels.empty());
}

TEST(NamedSets, AreDescribed) {
  for (const NamedSet& set : named_sets()) {
    EXPECT_FALSE(set.description.empty() || set.sizes.empty() || set.split.empty() ||
                 set.source.empty() || set.values.empty())
        << set.name;
  }
}

}  // namespace
}  // namespace clade
