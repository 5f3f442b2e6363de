#include "clade/formats/experiment_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <ctime>
#include <limits>
#include <random>

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

struct RunOptions : Options {
  int64_t seed = 0;
  std::string device = "auto";

  std::vector<Option> options() override {
    return {{"seed", &seed, "Seed."}, {"device", &device, "Device."}};
  }
};

struct ModelOptions : Options {
  bool batch_norm = true;
  int64_t clusters = 10;
  double temperature = 0.5;
  std::string estimator = "exact";
  std::vector<int64_t> hidden = {500, 500};
  std::vector<std::string> words = {"a"};

  std::vector<Option> options() override {
    return {{"batch_norm", &batch_norm, "Batch norm."},
            {"clusters", &clusters, "Clusters."},
            {"temperature", &temperature, "Temperature."},
            {"estimator", &estimator, "Estimator."},
            {"hidden", &hidden, "Hidden."},
            {"words", &words, "Words.", "former_words"}};
  }
};

constexpr const char* kExample = R"(# Every kind of value.
seed = 7
device = 'cpu'

[model]
name = "cp_vae"
batch_norm = false
clusters = 1_000
temperature = 2
hidden = [
  300,  # one a line
  200,
]

[training.schedule]
estimator = "β \"quoted\"\n"
)";

class ExperimentFileTest : public ::testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  ExperimentFile parse(const std::string& content) const {
    write_atomically(path_, content);
    return ExperimentFile::parse(path_);
  }

  /// Reads what an experiment has, and gives back what was said about it, without the folder.
  std::string complaint(const std::string& content,
                        const std::vector<std::string>& overrides = {}) const {
    try {
      ExperimentFile file = parse(content);
      for (const std::string& assignment : overrides) file.override(assignment);
      read_all(file);
    } catch (const ConfigError& error) {
      std::string message = error.what();
      const size_t folder = message.find(path_.string());
      if (folder != std::string::npos) message.replace(folder, path_.string().size(), "FILE");
      return message;
    }
    return "";
  }

  static void read_all(ExperimentFile& file) {
    RunOptions run;
    ModelOptions model, schedule;
    file.string("model", "name");
    file.read("", run);
    file.read("model", model);
    file.read("training.schedule", schedule);
    file.finish();
  }

  const fs::path path_ =
      fs::path(::testing::TempDir()) / ("clade_experiment_" + std::to_string(::getpid()) + ".toml");
};

TEST_F(ExperimentFileTest, ReadsEveryKindOfValue) {
  ExperimentFile file = parse(kExample);
  RunOptions run;
  ModelOptions model, schedule;
  EXPECT_EQ(file.string("model", "name"), "cp_vae");
  EXPECT_EQ(file.string("model", "likelihood"), std::nullopt);
  file.read("", run);
  file.read("model", model);
  file.read("training.schedule", schedule);
  file.finish();
  EXPECT_EQ(run.seed, 7);
  EXPECT_EQ(run.device, "cpu");
  EXPECT_FALSE(model.batch_norm);
  EXPECT_EQ(model.clusters, 1000);
  EXPECT_EQ(model.temperature, 2.0);
  EXPECT_EQ(model.estimator, "exact");
  EXPECT_EQ(model.hidden, (std::vector<int64_t>{300, 200}));
  EXPECT_EQ(schedule.estimator, "β \"quoted\"\n");
  EXPECT_EQ(schedule.clusters, 10);
}

TEST_F(ExperimentFileTest, AnEmptyExperimentHasTheDefaults) {
  ExperimentFile file;
  ModelOptions model;
  file.read("model", model);
  file.finish();
  EXPECT_EQ(model.clusters, 10);
  EXPECT_EQ(complaint(""), "");
}

TEST_F(ExperimentFileTest, OverridesReplaceTheFile) {
  ExperimentFile file = parse(kExample);
  for (const char* assignment : {"model.clusters=20", "model.clusters = 30", "model.hidden=[1, 2]",
                                 "model.batch_norm=true", "model.temperature=1e-3", "seed=8",
                                 "model.name=cagem", "training.schedule.estimator=a b=c"}) {
    file.override(assignment);
  }
  RunOptions run;
  ModelOptions model, schedule;
  EXPECT_EQ(file.string("model", "name"), "cagem");
  file.read("", run);
  file.read("model", model);
  file.read("training.schedule", schedule);
  file.finish();
  EXPECT_EQ(run.seed, 8);
  EXPECT_EQ(run.device, "cpu");
  EXPECT_EQ(model.clusters, 30);
  EXPECT_EQ(model.hidden, (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(model.batch_norm);
  EXPECT_EQ(model.temperature, 1e-3);
  EXPECT_EQ(schedule.estimator, "a b=c");
}

TEST_F(ExperimentFileTest, TextOfAnOverrideNeedsNoQuotes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"exact", "exact"},
      {"../my data/a.csv", "../my data/a.csv"},
      {"\"in quotes\"", "in quotes"},
      {"β", "β"},
      {"/data/é 1.csv", "/data/é 1.csv"},
      {"'é'", "é"},
      {"'~7e ~ β'", "~7e ~ β"},
      {R"("\u007e41 é")", "~41 é"},
      {"7", "7"},
      {"007", "007"},
      {"true", "true"},
      {"1979-05-27", "1979-05-27"},
      {"", ""},
      {"a\nseed = 9", "a\nseed = 9"},
      {"1\nseed = 9", "1\nseed = 9"}};
  for (const auto& [written, expected] : cases) {
    ExperimentFile file;
    file.override("model.estimator=" + written);
    ModelOptions model;
    file.read("model", model);
    EXPECT_EQ(model.estimator, expected);
    file.finish();
  }
}

TEST_F(ExperimentFileTest, ErrorsNameTheLineAndTheKey) {
  EXPECT_EQ(complaint("seed = 1\n\n[model]\nclustrs = 3\n"),
            "FILE:4: unknown key model.clustrs; did you mean clusters?");
  EXPECT_EQ(complaint("sede = 1\n"), "FILE:1: unknown key sede; did you mean seed?");
  EXPECT_NE(complaint("", {"extends=b.toml"}).find("no part of one does"), std::string::npos);
  EXPECT_EQ(complaint("clusters = 3\n"),
            "FILE:1: unknown key clusters; did you mean model.clusters?");
  EXPECT_EQ(complaint("[model]\nseed = 3\n"), "FILE:2: unknown key model.seed; did you mean seed?");
  EXPECT_EQ(complaint("optimiser = 1\n"), "FILE:1: unknown key optimiser; known: seed or device");
  EXPECT_EQ(complaint("\n[modle]\nclusters = 3\n"),
            "FILE:3: unknown section [modle]; did you mean model?");
  EXPECT_EQ(complaint("\n[modle]\n"), "FILE:2: unknown section [modle]; did you mean model?");
  EXPECT_EQ(complaint("[decoder]\nx = 3\n"),
            "FILE:2: unknown section [decoder]; known: model or training.schedule");
  EXPECT_EQ(complaint("model = 'cagem'\n"),
            "FILE:1: model is a section; write its keys in a table [model], or --set "
            "model.KEY=VALUE");
  EXPECT_EQ(complaint("[model]\nclusters = 'ten'\n"),
            "FILE:2: model.clusters = \"ten\" is text where a whole number, such as 10, is "
            "expected");
  EXPECT_EQ(complaint("[model]\nclusters = 10.0\n"),
            "FILE:2: model.clusters = 10.0 is a fractional number where a whole number, such as "
            "10, is expected");
  EXPECT_EQ(complaint("[model]\ntemperature = inf\n"),
            "FILE:2: model.temperature = inf is not finite where a finite number, such as 0.5, "
            "is expected");
  EXPECT_EQ(complaint("[model]\nname = 3\n"),
            "FILE:2: model.name = 3 is a whole number where text in quotes, such as \"auto\", is "
            "expected");
  EXPECT_EQ(complaint("[model]\nname = 1979-05-27\n"),
            "FILE:2: model.name is a date or time, which no setting takes; put it in quotes");
  EXPECT_EQ(complaint("[model]\n\nclusters = \n").substr(0, 18), "FILE:3: not TOML: ");
}

TEST_F(ExperimentFileTest, TheFirstMistakeInTheFileIsTold) {
  EXPECT_EQ(complaint("[training]\nz = 1\n[model]\na_wrong_one = 1\n").substr(0, 7), "FILE:2:");
}

TEST_F(ExperimentFileTest, ErrorsNameTheOverride) {
  EXPECT_EQ(complaint("", {"model.clustrs=20"}),
            "--set model.clustrs=20: unknown key model.clustrs; did you mean clusters?");
  EXPECT_EQ(complaint("[model]\nclusters = 3", {"model.clusters=ten"}),
            "--set model.clusters=ten: model.clusters = \"ten\" is text where a whole number, "
            "such as 10, is expected");
  for (const char* assignment : {"model.clusters", "=3", "model.=3", ".clusters=3", ""}) {
    EXPECT_EQ(complaint("", {assignment}),
              std::string("--set ") + assignment +
                  ": not an override; write --set SECTION.KEY=VALUE, as in --set "
                  "model.clusters=20");
  }
}

TEST_F(ExperimentFileTest, AMissingFileIsNamed) {
  EXPECT_THROW(ExperimentFile::parse(path_ / "missing.toml"), Error);
}

TEST_F(ExperimentFileTest, NoTruncationCrashes) {
  const std::string whole = kExample;
  size_t parsed = 0;
  for (size_t length = 0; length <= whole.size(); ++length) {
    try {
      ExperimentFile file = parse(whole.substr(0, length));
      read_all(file);
      ++parsed;
    } catch (const ConfigError& error) {
      EXPECT_EQ(std::strchr(error.what(), '\n'), nullptr) << error.what();
    }
  }
  EXPECT_GT(parsed, 10U);
  EXPECT_LT(parsed, whole.size() - 10);
}

TEST_F(ExperimentFileTest, NoChangedByteCrashes) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string content = kExample;
    content[random() % content.size()] = static_cast<char>(random());
    try {
      ExperimentFile file = parse(content);
      read_all(file);
    } catch (const ConfigError& error) {
      EXPECT_EQ(std::strchr(error.what(), '\n'), nullptr) << error.what();
    }
  }
}

TEST_F(ExperimentFileTest, NoHeaderCrashes) {
  for (const char* header :
       {"[+x]", "[[[x]]]", "[[=", "[", "[[", "[]", "[x", "[x]]", "[[x]", "[.x]"}) {
    EXPECT_EQ(complaint(header).substr(0, 18), "FILE:1: not TOML: ") << header;
  }
}

TEST_F(ExperimentFileTest, NothingIsNestedDeeperThanTheStack) {
  std::string key = "a";
  for (int i = 1; i < 20'000; ++i) key += ".a";
  const std::string refusal = "FILE:1: not TOML: a key of more than 20 parts; ";
  EXPECT_EQ(complaint(key + " = 1").substr(0, refusal.size()), refusal);
  EXPECT_EQ(complaint("[" + key + "]").substr(0, refusal.size()), refusal);
  EXPECT_EQ(complaint("a = {" + key + " = 1}").substr(0, refusal.size()), refusal);
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{a=", "}")}) {
    std::string value = "1";
    for (int i = 0; i < 20'000; ++i) value = open + value + close;
    EXPECT_EQ(complaint("a = " + value).substr(0, 17), "FILE:1: not TOML:") << open;
  }
  EXPECT_EQ(complaint("hidden = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, "
                      "0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]")
                .find("parts"),
            std::string::npos);
}

TEST_F(ExperimentFileTest, TimeGrowsWithTheKeysAndNotTheirSquare) {
  const auto seconds = [&](int keys) {
    std::string content;
    for (int i = 0; i < keys; ++i) content += "k" + std::to_string(i) + " = 1\n";
    const std::clock_t start = std::clock();  // of the processor: others may be busy
    EXPECT_EQ(complaint(content).substr(0, 24), "FILE:1: unknown key k0; ");
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  EXPECT_LT(seconds(80'000), 9 * seconds(20'000) + 0.1);  // the square would be 16 times
}

TEST_F(ExperimentFileTest, BeyondAsciiOnlyInStringsAndComments) {
  const auto refused = [&](const std::string& content, const std::string& beginning) {
    const std::string line = complaint(content);
    EXPECT_EQ(line.substr(0, beginning.size()), beginning);
    const std::string remedy = "; put text in straight quotes, \"so\"";
    EXPECT_EQ(line.substr(line.size() - remedy.size()), remedy) << line;
  };
  EXPECT_EQ(complaint("seed = 1\n\ndevice = “cpu”\n"),
            "FILE:3: not TOML: Error while parsing value: could not determine value type; put text "
            "in straight quotes, \"so\"");
  EXPECT_EQ(complaint("\"unclosed\nβ = 1").substr(0, 18), "FILE:1: not TOML: ");
  refused("ß = 1", "FILE:1: not TOML: ");
  // Inside a number toml++ takes a quote for a part of it.
  for (const char* number : {"3\"β", "-2.5e=(\"β", "-2.5e=\"β\"", "-2.\"β\"", "2020-01-0β"}) {
    refused(std::string("seed = ") + number, "FILE:1: not TOML: ");
  }
  EXPECT_EQ(complaint("seed = 1\nmodel = \"\xff\""),
            "FILE:2: not TOML: not UTF-8; save the file as plain text, in UTF-8");
  for (const char* escape :
       {R"("\u007ezz")", R"("\u007ec3")", R"("\u007e41 \u00e9 ~")", R"("\u007e")"}) {
    EXPECT_EQ(complaint(std::string("device = ") + escape), "") << escape;
  }
  EXPECT_EQ(complaint("\xef\xbb\xbf"
                      "device = '~7e ~ β'"),
            "");
  for (const char* value :
       {R"('β')", R"("\"β")", R"('\' # β)", R"("a" # "β)", R"('' # β)", R"("""x"""" # β")",
        R"("""a\""""" # β)", "\"\"\"\nβ\"\" # \nβ\"\"\"", "'''\nβ'''''"}) {
    EXPECT_EQ(complaint(std::string("device = ") + value), "") << value;
  }
}

TEST_F(ExperimentFileTest, ControlCharactersAreRefused) {
  const std::string refusal =
      ": not TOML: a control character; save the file as plain text, in UTF-8";
  for (const std::string& text : {std::string("seed = 2.5e-\0\0", 14), std::string("s\0e\0", 4),
                                  std::string("seed = 1 # \x7f"), std::string("seed = \"\x01\"")}) {
    EXPECT_EQ(complaint(text), "FILE:1" + refusal);
  }
  EXPECT_EQ(complaint("seed\t=\t1\r\n"), "");
}

class Extends : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_ / "inner"); }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& content) const {
    write_atomically(folder_ / name, content);
  }

  /// What is said about reading `name`, without the folder.
  std::string complaint(const std::string& name) const {
    try {
      ExperimentFile file = ExperimentFile::parse(folder_ / name);
      ModelOptions model;
      file.read("model", model);
      file.finish();
    } catch (const ConfigError& error) {
      std::string message = error.what();
      const std::string folder = folder_.string() + "/";
      for (size_t at; (at = message.find(folder)) != std::string::npos;) {
        message.erase(at, folder.size());
      }
      return message;
    }
    return "";
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / ("clade_extends_" + std::to_string(::getpid()));
};

TEST_F(Extends, OwnSettingsReplaceThoseOfTheChainKeyByKey) {
  write("base.toml", "[model]\nclusters = 3\ntemperature = 0.1\nhidden = [1]\n");
  write("middle.toml", "extends = 'base.toml'\n[model]\ntemperature = 0.2\nhidden = [2]\n");
  write("inner/top.toml", "extends = '../middle.toml'\n[model]\nhidden = [3]\n");
  ExperimentFile file = ExperimentFile::parse(folder_ / "inner/top.toml");
  file.override("model.estimator=gumbel");
  ModelOptions model;
  file.read("model", model);
  file.finish();
  EXPECT_EQ(model.clusters, 3);
  EXPECT_EQ(model.temperature, 0.2);
  EXPECT_EQ(model.hidden, (std::vector<int64_t>{3}));
  EXPECT_EQ(model.estimator, "gumbel");
}

TEST_F(Extends, ErrorsNameTheFileTheSettingStandsIn) {
  write("base.toml", "# The base.\n[model]\nclustrs = 3\n");
  write("top.toml", "extends = 'base.toml'\n");
  EXPECT_EQ(complaint("top.toml"),
            "base.toml:3: unknown key model.clustrs; did you mean clusters?");
  write("base.toml", "[model]\nclusters = 'many'\n");
  EXPECT_EQ(complaint("top.toml").substr(0, 12), "base.toml:2:");
  write("top.toml", "extends = 'base.toml'\n\n[model]\nclusters = 3\ntemperature = 'low'\n");
  EXPECT_EQ(complaint("top.toml").substr(0, 11), "top.toml:5:") << "the base's mistake is replaced";
  write("base.toml", "\n[model\n");
  EXPECT_EQ(complaint("top.toml").substr(0, 22), "base.toml:2: not TOML:");
}

TEST_F(Extends, RefusesWhatLeadsNowhereOrInACircle) {
  write("top.toml", "# A comment.\nextends = 'inner/base.toml'\n");
  EXPECT_EQ(complaint("top.toml"),
            "top.toml:2: extends inner/base.toml, which is no file; give its path from the folder "
            "of this one");
  write("top.toml", "extends = 'inner'\n");
  EXPECT_EQ(complaint("top.toml").substr(0, 38), "top.toml:1: extends inner, which is no");
  write("top.toml", "extends = ['inner/base.toml']\n");
  EXPECT_EQ(complaint("top.toml"),
            "top.toml:1: extends = [\"inner/base.toml\"] is a list where text in quotes, such as "
            "\"auto\", is expected");
  write("top.toml", "extends = 'inner/base.toml'\n");
  write("inner/base.toml", "extends = '../top.toml'\n");
  EXPECT_EQ(complaint("top.toml"),
            "inner/base.toml:1: top.toml extends inner/base.toml extends top.toml, a circle; take "
            "one extends out");
  write("top.toml", "extends = './top.toml'\n");
  EXPECT_EQ(complaint("top.toml"),
            "top.toml:1: top.toml extends top.toml, a circle; take one extends out");
}

TEST_F(Extends, ASettingMayGoByItsFormerName) {
  write("base.toml", "[model]\nformer_words = [300, 'b']\n");
  write("top.toml", "extends = 'base.toml'\n");
  const auto read = [&](const std::vector<std::string>& overrides) {
    ExperimentFile file = ExperimentFile::parse(folder_ / "top.toml");
    for (const auto& assignment : overrides) file.override(assignment);
    ModelOptions model;
    file.read("model", model);
    file.finish();
    return model.words;
  };
  EXPECT_EQ(read({}), (std::vector<std::string>{"300", "b"}));
  // Whichever name they use, what is said last counts.
  EXPECT_EQ(read({"model.words=[7, 'c']"}), (std::vector<std::string>{"7", "c"}));
  EXPECT_EQ(read({"model.words=[7]", "model.former_words=[8]"}), (std::vector<std::string>{"8"}));
}

class Tables : public Extends {
 protected:
  void SetUp() override {
    Extends::SetUp();
    write("table.toml", kTable);
  }

  ModelOptions model(const std::string& address, const std::string& override = "") const {
    ExperimentFile file = ExperimentFile::parse(folder_ / address);
    if (!override.empty()) file.override(override);
    ModelOptions model;
    file.read("model", model);
    file.finish();
    return model;
  }

  static constexpr const char* kTable = R"([model]
clusters = 1
temperature = 1
estimator = "shared"

[group.low]
model.temperature = 0.1
model.estimator = "low"

[group.wide]
model = {hidden = [9], estimator = "wide"}

[variant.gumbel]
groups = ["low"]
model.estimator = "gumbel"

[row.ten]
groups = ["low", "wide"]
model.clusters = 10

[row.plain]

[row.five]
groups = ["low"]
[row.five.model]
clusters = 5
temperature = 0.5

[variant.narrow]
model.hidden = [1]
)";
};

TEST_F(Tables, ARowReplacesItsGroupsWhichReplaceWhatIsShared) {
  const ModelOptions plain = model("table.toml:plain");
  EXPECT_EQ(plain.clusters, 1);
  EXPECT_EQ(plain.temperature, 1);
  EXPECT_EQ(plain.estimator, "shared");
  EXPECT_EQ(plain.hidden, (std::vector<int64_t>{500, 500}));
  const ModelOptions ten = model("table.toml:ten");
  EXPECT_EQ(ten.clusters, 10);
  EXPECT_EQ(ten.temperature, 0.1);
  EXPECT_EQ(ten.estimator, "wide") << "the later of two groups";
  EXPECT_EQ(ten.hidden, (std::vector<int64_t>{9}));
  const ModelOptions five = model("table.toml:five");
  EXPECT_EQ(five.clusters, 5);
  EXPECT_EQ(five.temperature, 0.5) << "its own, not the group's";
  EXPECT_EQ(five.estimator, "low");
}

TEST_F(Tables, AVariantReplacesTheRowAndAnOverrideTheVariant) {
  EXPECT_EQ(model("table.toml:ten+gumbel").estimator, "gumbel");
  EXPECT_EQ(model("table.toml:ten+gumbel").clusters, 10);
  EXPECT_EQ(model("table.toml:ten+narrow").hidden, (std::vector<int64_t>{1}));
  EXPECT_EQ(model("table.toml:ten+gumbel", "model.estimator=exact").estimator, "exact");
}

TEST_F(Tables, VariantsMayFollowEachOther) {
  EXPECT_EQ(model("table.toml:ten+gumbel+narrow").hidden, (std::vector<int64_t>{1}));
  EXPECT_EQ(model("table.toml:ten+gumbel+narrow").estimator, "gumbel");
  write("order.toml",
        "[row.a]\n[variant.one]\nmodel.clusters = 1\n[variant.two]\nmodel.clusters = 2\n");
  EXPECT_EQ(model("order.toml:a+one+two").clusters, 2);
  EXPECT_EQ(model("order.toml:a+two+one").clusters, 1);
  EXPECT_EQ(complaint("table.toml:plain+narrow+gumbel"),
            "table.toml:13: variant gumbel is for rows of the group low, and plain is not one; "
            "leave out +gumbel");
  EXPECT_EQ(complaint("table.toml:ten+gumbel+"),
            "table.toml has no row ten+gumbel+; known: ten, plain or five");
}

TEST_F(Tables, APatternMeansRowsAndVariantsOnlyIfItSaysSo) {
  const auto like = [&](const std::string& pattern) {
    return rows_like(pattern, read_experiment_document(folder_ / "table.toml"));
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(like("*"), (Names{"ten", "plain", "five"}));
  EXPECT_EQ(like("[pt]*"), (Names{"ten", "plain"}));
  EXPECT_EQ(like("*+gumbel"), (Names{"ten+gumbel", "five+gumbel"}));
  EXPECT_EQ(like("five+*"), (Names{"five+gumbel", "five+narrow"}));
  EXPECT_EQ(like("*+narrow+gumbel"), (Names{"ten+narrow+gumbel", "five+narrow+gumbel"}));
  EXPECT_EQ(like("ten+"), (Names{}));
  EXPECT_EQ(like("eleven"), (Names{}));
}

TEST_F(Tables, RowsAreListedInTheirOrderWithTheVariantsTheyHave) {
  EXPECT_EQ(rows_of(read_experiment_document(folder_ / "table.toml")),
            (std::vector<std::string>{"ten", "ten+gumbel", "ten+narrow", "plain", "plain+narrow",
                                      "five", "five+gumbel", "five+narrow"}));
  write("file.toml", "[model]\nclusters = 1\n");
  EXPECT_TRUE(rows_of(read_experiment_document(folder_ / "file.toml")).empty());
}

TEST_F(Tables, AFileMayBuildOnARow) {
  write("inner/top.toml", "extends = '../table.toml:five+gumbel'\n[model]\nclusters = 6\n");
  const ModelOptions top = model("inner/top.toml");
  EXPECT_EQ(top.clusters, 6);
  EXPECT_EQ(top.temperature, 0.5);
  EXPECT_EQ(top.estimator, "gumbel");
  write("above.toml",
        "extends = 'inner/top.toml'\n[model]\nclusters = 7\n[row.a]\n"
        "[row.b]\nmodel.temperature = 3\n");
  EXPECT_EQ(model("above.toml:a").clusters, 7);
  EXPECT_EQ(model("above.toml:a").estimator, "gumbel") << "a table may build on a file";
  EXPECT_EQ(model("above.toml:b").temperature, 3);
  write("top.toml", "\nextends = 'table.toml'\n");
  EXPECT_EQ(complaint("top.toml"),
            "top.toml:2: table.toml is a table; name a row of it, table.toml:ROW, ROW being ten, "
            "plain or five");
  write("top.toml", "extends = 'table.toml:then'\n");
  EXPECT_EQ(complaint("top.toml"), "top.toml:1: table.toml has no row then; did you mean ten?");
  write("table.toml", "extends = 'table.toml:a'\n[row.a]\n");
  EXPECT_EQ(complaint("table.toml:a"),
            "table.toml:1: table.toml extends table.toml, a circle; take one extends out");
}

TEST_F(Tables, WhatIsNotThereIsRefusedWithTheNearest) {
  EXPECT_EQ(complaint("table.toml"),
            "table.toml is a table; name a row of it, table.toml:ROW, ROW being ten, plain or "
            "five");
  EXPECT_EQ(complaint("table.toml:fives"), "table.toml has no row fives; did you mean five?");
  EXPECT_EQ(complaint("table.toml:x"), "table.toml has no row x; known: ten, plain or five");
  EXPECT_EQ(complaint("table.toml:ten+"), "table.toml has no row ten+; did you mean ten?");
  EXPECT_EQ(complaint("table.toml:ten+gumble"),
            "table.toml has no variant gumble; did you mean gumbel?");
  EXPECT_EQ(complaint("table.toml:plain+gumbel"),
            "table.toml:13: variant gumbel is for rows of the group low, and plain is not one; "
            "leave out +gumbel");
  write("file.toml", "[model]\nclusters = 1\n");
  EXPECT_EQ(complaint("file.toml:ten"), "file.toml has no rows; leave out :ten");
  write("file.toml", "[row.a]\n");
  EXPECT_EQ(complaint("file.toml:a+gumbel"), "file.toml has no variant gumbel; remove it");
}

TEST_F(Tables, ErrorsNameTheLineInTheRow) {
  const auto complaint_of = [&](const std::string& content,
                                const std::string& address = "t.toml:a") {
    write("t.toml", content);
    return complaint(address);
  };
  EXPECT_EQ(complaint_of("[row.a]\n\nmodel.clustrs = 3\n"),
            "t.toml:3: unknown key model.clustrs; did you mean clusters?");
  EXPECT_EQ(complaint_of("[group.g]\nmodel.clusters = 'ten'\n[row.a]\ngroups = ['g']\n"),
            "t.toml:2: model.clusters = \"ten\" is text where a whole number, such as 10, is "
            "expected");
  EXPECT_EQ(complaint_of("[row.a]\n[row.a.modle]\n").substr(0, 31),
            "t.toml:2: unknown section [modl");
  EXPECT_EQ(complaint_of("[row.a]\n[row.b]\ngroups = ['g', 'lw']\n[group.low]\n[group.g]\n"),
            "t.toml:3: there is no [group.lw]; did you mean low?");
  for (const char* groups : {"'low'", "3", "[1]", "{}"}) {
    EXPECT_EQ(complaint_of(std::string("[row.a]\ngroups = ") + groups),
              "t.toml:2: groups is no list of names; write groups = [\"NAME\"]");
  }
  EXPECT_EQ(complaint_of("[row]\n\na = 3\n"),
            "t.toml:3: row.a is no table; write [row.a] and its settings below");
  EXPECT_EQ(complaint_of("\nvariant = 3\n"),
            "t.toml:2: variant is no table; write [variant.NAME] and its settings below");
  for (const char* name : {"a.b", "a b", "a+b", "a:b", "a/b", "", "é", "a*"}) {
    EXPECT_EQ(complaint_of("[row.a]\n[row.'" + std::string(name) + "']\n"),
              "t.toml:2: row \"" + std::string(name) +
                  "\" is not of letters, digits, - and _ alone; rename it");
  }
  EXPECT_EQ(complaint_of("[model]\n[group.g]\n", "t.toml"),
            "t.toml:2: groups and variants need rows; write one, [row.NAME]");
  EXPECT_EQ(complaint_of("[row.a]\nx = 1979-05-27\n"),
            "t.toml:2: x is a date or time, which no setting takes; put it in quotes");
}

TEST(ExperimentAddress, HasARowBehindTheColonThatFollowsToml) {
  const auto parts = [](const std::string& text) {
    const ExperimentAddress address = parse_address(text);
    std::vector<std::string> all = {address.file, address.row};
    all.insert(all.end(), address.variants.begin(), address.variants.end());
    return all;
  };
  using Parts = std::vector<std::string>;
  EXPECT_EQ(parts("a/t.toml"), (Parts{"a/t.toml", ""}));
  EXPECT_EQ(parts("a/t.toml:ten"), (Parts{"a/t.toml", "ten"}));
  EXPECT_EQ(parts("t.toml:ten+gumbel"), (Parts{"t.toml", "ten", "gumbel"}));
  EXPECT_EQ(parts("t.toml:ten+a+b"), (Parts{"t.toml", "ten", "a", "b"}));
  EXPECT_EQ(parts("a:b/t.toml"), (Parts{"a:b/t.toml", ""}));
  EXPECT_EQ(parts("t.toml:x/experiment.toml"), (Parts{"t.toml:x/experiment.toml", ""}));
  EXPECT_EQ(parts("x.npz:train"), (Parts{"x.npz:train", ""}));
  EXPECT_EQ(parts("t.toml:"), (Parts{"t.toml:", ""}));
  EXPECT_TRUE(is_experiment_address("t.toml:ten"));
  EXPECT_TRUE(is_experiment_address("t.toml"));
  EXPECT_FALSE(is_experiment_address("x.npz:train"));
  EXPECT_FALSE(is_experiment_address("points.csv"));
  EXPECT_EQ(parse_address("t.toml:ten+gumbel").row_name(), "ten-gumbel");
  EXPECT_EQ(parse_address("t.toml:ten+start+short").row_name(), "ten-start-short");
  EXPECT_EQ(parse_address("t.toml:ten").row_name(), "ten");
  EXPECT_EQ(parse_address("t.toml").row_name(), "");
}

class ToToml : public ExperimentFileTest {};

TEST_F(ToToml, IsReadable) {
  RunOptions run;
  ModelOptions model;
  model.temperature = 5e-4;
  EXPECT_EQ(to_toml({{"", &run}, {"model", &model, {{"name", "cp_vae"}}}}),
            "seed = 0\n"
            "device = \"auto\"\n"
            "\n"
            "[model]\n"
            "name = \"cp_vae\"\n"
            "batch_norm = true\n"
            "clusters = 10\n"
            "temperature = 0.0005\n"
            "estimator = \"exact\"\n"
            "hidden = [500, 500]\n"
            "words = [\"a\"]\n");
}

TEST_F(ToToml, RoundTrip) {
  std::vector<double> numbers = {0.1 + 0.2, 1e-300, 5e-324,  1e22,
                                 -0.0,      3,      1.0 / 3, std::numeric_limits<double>::max()};
  std::mt19937_64 random(1);
  while (numbers.size() < 200) {
    const uint64_t bits = random();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) numbers.push_back(number);
  }
  std::string every_byte;
  for (int i = 0; i < 128; ++i) every_byte += static_cast<char>(i);

  for (const double number : numbers) {
    ModelOptions written;
    written.batch_norm = false;
    written.clusters = std::numeric_limits<int64_t>::min();
    written.temperature = number;
    written.estimator = every_byte + "β 😀";
    written.hidden = {};
    ExperimentFile file = parse(
        to_toml({{"model", &written, {{"name", "a \"b\""}}}, {"training.schedule", &written}}));
    EXPECT_EQ(file.string("model", "name"), "a \"b\"");
    for (const char* section : {"model", "training.schedule"}) {
      ModelOptions read;
      file.read(section, read);
      EXPECT_EQ(read.batch_norm, written.batch_norm);
      EXPECT_EQ(read.clusters, written.clusters);
      EXPECT_EQ(read.temperature, written.temperature);
      EXPECT_EQ(std::signbit(read.temperature), std::signbit(written.temperature));
      EXPECT_EQ(read.estimator, written.estimator);
      EXPECT_EQ(read.hidden, written.hidden);
    }
    file.finish();
  }
}

TEST_F(ToToml, RefusesWhatAFileCannotHold) {
  ModelOptions model;
  model.temperature = std::nan("");
  EXPECT_THROW(to_toml({{"model", &model}}), ConfigError);
}

}  // namespace
}  // namespace clade
