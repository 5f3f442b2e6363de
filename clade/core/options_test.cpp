#include "clade/core/options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "clade/core/error.h"

namespace clade {
namespace {

using nlohmann::json;

struct Sample : Options {
  bool batch_norm = true;
  int64_t clusters = 10;
  double learning_rate = 5e-4;
  std::string estimator = "exact";
  std::vector<int64_t> hidden = {500, 500};

  std::vector<Option> options() override {
    return {{"batch_norm", &batch_norm, "Normalise hidden layers."},
            {"clusters", &clusters, "Number of clusters K; time and memory grow with K."},
            {"learning_rate", &learning_rate, "Step size of Adam."},
            {"estimator", &estimator, "How the sum over clusters is taken."},
            {"hidden", &hidden, "Units of each hidden layer."}};
  }
};

std::string refusal_of(const json& settings, const std::string& where = "") {
  Sample options;
  try {
    from_json(settings, options, where);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(OptionsJson, RoundTrip) {
  Sample written;
  written.batch_norm = false;
  written.clusters = -9007199254740993;  // not a double
  written.learning_rate = 0.1 + 0.2;
  written.estimator = "a \"quoted\" \\ line\nβ";
  written.hidden = {};
  Sample read;
  from_json(json::parse(to_json(written).dump()), read);
  EXPECT_EQ(read.batch_norm, written.batch_norm);
  EXPECT_EQ(read.clusters, written.clusters);
  EXPECT_EQ(read.learning_rate, written.learning_rate);
  EXPECT_EQ(read.estimator, written.estimator);
  EXPECT_EQ(read.hidden, written.hidden);
}

TEST(OptionsJson, AbsentSettingsKeepTheirValues) {
  Sample options;
  options.clusters = 3;
  from_json(json::parse(R"({"learning_rate": 1})"), options);
  EXPECT_EQ(options.clusters, 3);
  EXPECT_EQ(options.learning_rate, 1.0);
}

TEST(OptionsJson, ErrorsSayWhatWhereAndWhatElse) {
  EXPECT_EQ(refusal_of({{"clustrs", 3}}, "model.json"),
            "model.json: unknown setting clustrs; did you mean clusters?");
  EXPECT_EQ(refusal_of({{"clusters", "ten"}}, "model.json"),
            "model.json: clusters = \"ten\" is text where a whole number, such as 10, is expected");
  EXPECT_EQ(refusal_of({{"clusters", 10.0}}),
            "clusters = 10.0 is a fractional number where a whole number, such as 10, is expected");
  EXPECT_EQ(refusal_of({{"clusters", uint64_t{1} << 63}}),
            "clusters = 9223372036854775808 is beyond 64 bits where a whole number, such as 10, "
            "is expected");
  EXPECT_EQ(refusal_of({{"learning_rate", std::nan("")}}),
            "learning_rate = nan is not finite where a finite number, such as 0.5, is expected");
  EXPECT_EQ(refusal_of({{"batch_norm", 1}}),
            "batch_norm = 1 is a whole number where true or false is expected");
  EXPECT_EQ(refusal_of({{"estimator", true}}),
            "estimator = true is a truth value where text in quotes, such as \"auto\", "
            "is expected");
  EXPECT_EQ(refusal_of({{"hidden", {500, 0.5}}}),
            "hidden = [500, 0.5] is a list where a list of whole numbers, such as [500, 500], "
            "is expected");
  EXPECT_EQ(refusal_of({{"hidden", nullptr}}),
            "hidden = null is no value where a list of whole numbers, such as [500, 500], "
            "is expected");
  EXPECT_EQ(refusal_of(json::array({1}), "model.json"),
            "model.json: settings are a list where a table is expected");
}

TEST(OptionsJson, WhatCannotBeStoredIsRefused) {
  Sample options;
  options.learning_rate = std::numeric_limits<double>::infinity();
  EXPECT_THROW(to_json(options), ConfigError);
  options = Sample();
  options.estimator = "\xff";
  EXPECT_THROW(to_json(options), ConfigError);
}

struct Ranged : Options {
  int64_t clusters = 10;
  double rate = 0.5;
  double share = 1;
  std::string kind = "exact";
  std::vector<int64_t> sizes = {3};
  std::vector<std::string> layers = {"500"};
  double first = 0, second = 0;

  std::vector<Option> options() override {
    return {{"clusters", &clusters, at_least(1), "K."},
            {"rate", &rate, above(0), "A rate."},
            {"share", &share, between(0, 1), "A share."},
            {"kind", &kind, any_of({"exact", "gumbel"}), "A kind."},
            {"sizes", &sizes, at_least(1).not_empty(), "Sizes."},
            {"layers", &layers, Range().not_empty(), "Layers."},
            {"first", &first, "Anything."}};
  }
  void validate_together() const override {
    if (second < first) throw ConfigError("second is below first");
  }
};

TEST(OptionsRange, EdgesAreInItAndWhatIsBeyondIsRefusedInWords) {
  Ranged options;
  from_json(json::parse(R"({"clusters": 1, "rate": 1e-300, "share": 0, "kind": "gumbel",
                            "sizes": [1, 7], "layers": [""], "first": -1e300})"),
            options);
  options.second = options.first;
  EXPECT_NO_THROW(options.validate());
  for (const auto& [settings, why] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"clusters": 0})", "x.toml:3: clusters is 0; it must be at least 1"},
           {R"({"rate": 0})", "x.toml:3: rate is 0; it must be above 0"},
           {R"({"share": 1.5})", "x.toml:3: share is 1.5; it must be from 0 to 1"},
           {R"({"share": -1})", "x.toml:3: share is -1; it must be from 0 to 1"},
           {R"({"kind": "Exact"})", "x.toml:3: kind is \"Exact\"; it must be exact or gumbel"},
           {R"({"sizes": [7, 0]})", "x.toml:3: sizes has 0; each must be at least 1"},
           {R"({"sizes": []})", "x.toml:3: sizes is empty; give one at least"},
           {R"({"layers": []})", "x.toml:3: layers is empty; give one at least"}}) {
    try {
      from_json(json::parse(settings), options, "x.toml:3");
      ADD_FAILURE() << settings;
    } catch (const ConfigError& error) {
      EXPECT_STREQ(error.what(), why);
    }
  }
}

TEST(OptionsRange, WhatCodeSetsIsValidatedWithWhatMustGoTogether) {
  Ranged options;
  options.rate = std::nan("");
  try {
    options.validate();
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "rate is nan; it must be above 0");
  }
  options = Ranged();
  options.first = 1;
  EXPECT_THROW(options.validate(), ConfigError);
}

TEST(OptionsRange, LimitsAreSaidBesideTheHelp) {
  Ranged options;
  const std::string table = describe(options);
  for (const char* help : {"K. (at least 1)\n", "A rate. (above 0)\n", "A share. (from 0 to 1)\n",
                           "A kind.\n", "Sizes. (at least 1)\n", "Layers.\n"}) {
    EXPECT_NE(table.find(help), std::string::npos) << help << table;
  }
}

struct Worded : Options {
  std::vector<std::string> layers = {"16c6", "500"};

  std::vector<Option> options() override {
    return {{"layers", &layers, "Hidden layers.", "hidden"}};
  }
};

TEST(OptionsJson, AListOfWordsMayHoldNumbers) {
  Worded options;
  EXPECT_EQ(to_json(options).dump(), R"({"layers":["16c6",500]})");
  from_json(json::parse(R"({"layers": [300, "64c4s2p1", "007", "1e3", "200"]})"), options);
  EXPECT_EQ(options.layers, (std::vector<std::string>{"300", "64c4s2p1", "007", "1e3", "200"}));
  EXPECT_EQ(spelled(options.options()[0]), R"([300, "64c4s2p1", "007", "1e3", 200])");
  Worded read;
  from_json(to_json(options), read);
  EXPECT_EQ(read.layers, options.layers);
  options.layers = {"16c6", "500"};
  for (const std::string example : {"[\"16c6\", 500]", "[\"name\", 7]"}) {
    try {
      from_json(json::parse(R"({"layers": [0.5]})"), options);
      FAIL();
    } catch (const ConfigError& error) {
      EXPECT_EQ(std::string(error.what()),
                "layers = [0.5] is a list where a list of words and whole numbers, such as " +
                    example + ", is expected");
    }
    options.layers.clear();
  }
}

TEST(OptionsJson, ASettingIsStillReadByItsFormerName) {
  Worded old, present;
  from_json(json::parse(R"({"hidden": [300, 200]})"), old);
  from_json(json::parse(R"({"layers": ["300", "200"]})"), present);
  EXPECT_EQ(to_json(old), to_json(present));
  EXPECT_EQ(to_json(old).dump(), R"({"layers":[300,200]})");
  EXPECT_THROW(from_json(json::parse(R"({"hiden": [300]})"), old), ConfigError);
}

TEST(OptionsText, ValuesAreSpelledAsInAFile) {
  Sample options;
  std::vector<std::string> texts;
  for (const Option& option : options.options()) texts.push_back(spelled(option));
  EXPECT_EQ(texts, (std::vector<std::string>{"true", "10", "0.0005", "\"exact\"", "[500, 500]"}));
  options.estimator = "\x7f\t";
  EXPECT_EQ(spelled(options.options()[3]), "\"\\u007f\\t\"");
}

TEST(OptionsText, TableIsAligned) {
  Sample options;
  EXPECT_EQ(describe(options),
            "  batch_norm     true        Normalise hidden layers.\n"
            "  clusters       10          Number of clusters K; time and memory grow with K.\n"
            "  learning_rate  0.0005      Step size of Adam.\n"
            "  estimator      \"exact\"     How the sum over clusters is taken.\n"
            "  hidden         [500, 500]  Units of each hidden layer.\n");
}

struct Wordy : Options {
  int64_t k = 1;
  std::string path = "a path that is far too long to be one of the columns";

  std::vector<Option> options() override {
    std::string help = "β";
    for (int i = 0; i < 60; ++i) help += " βword";
    return {{"k", &k, help}, {"path", &path, "Where it is."}};
  }
};

TEST(OptionsText, TableIsWrappedTo100Columns) {
  Wordy options;
  std::istringstream table(describe(options));
  size_t lines = 0;
  for (std::string line; std::getline(table, line); ++lines) {
    size_t columns = 0;
    for (const char c : line) columns += (c & 0xc0) != 0x80;
    EXPECT_LE(columns, 100U) << line;
    if (lines > 0 && lines < 4) {
      EXPECT_EQ(line.substr(0, 13), "           β") << line;
      EXPECT_GT(columns, 90U) << line;
    }
  }
  EXPECT_TRUE(describe(options).ends_with("\n           Where it is.\n"));
}

}  // namespace
}  // namespace clade
