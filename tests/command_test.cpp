// The command through its real binary, as a stranger would use it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <set>
#include <thread>

#include "tests/command_folder.h"

namespace fs = std::filesystem;

namespace {

int lines_of(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

class Command : public CommandFolder {
 protected:
  /// Starts the command in the test's folder.
  pid_t start(const std::vector<std::string>& arguments) const {
    std::vector<std::string> words = {CLADE_COMMAND};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return start_program(words);
  }

  Outcome run(const std::vector<std::string>& arguments) const { return finish(start(arguments)); }

  static std::vector<std::string> train(const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", data, "--threads", "1"};
    for (const char* setting : {"train.epochs=3", "train.batch=20", "train.warmup=1",
                                "model.hidden=[8]", "model.latent=2", "model.clusters=3"}) {
      arguments.insert(arguments.end(), {"--set", setting});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  /// experiments/small/NAME.toml on points.csv, with `more` lines of [train].
  void write_experiment(const std::string& name, const std::string& more) const {
    fs::create_directories(folder_ / "experiments/small");
    write(folder_ / "experiments/small" / (name + ".toml"),
          "[data]\npath = 'points.csv'\nlabels = 'kind'\n[model]\nname = 'cp_vae'\nclusters = 3\n"
          "hidden = [8]\nlatent = 2\n[published]\nbound = 2.5\nsource = 'a table'\n"
          "[evaluate]\nimportance_samples = 5\n[train]\nbatch = 20\nwarmup = 1\n" +
              more);
  }

  nlohmann::json results() const {
    return nlohmann::json::parse(read(folder_ / "runs/bench/results.json"));
  }

  void expect_refusal(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& mentions) const {
    const Outcome outcome = run(arguments);
    std::string command;
    for (const auto& word : arguments) command += word + " ";
    EXPECT_EQ(outcome.code, 2) << command << outcome.err;
    EXPECT_EQ(lines_of(outcome.err), 1) << command << outcome.err;
    for (const auto& text : mentions) {
      EXPECT_NE(outcome.err.find(text), std::string::npos) << command << outcome.err;
    }
    EXPECT_FALSE(fs::exists(folder_ / "run")) << command << "left a run folder";
  }
};

TEST_F(Command, HelpFitsAScreenAndEverySubcommandHasAnExample) {
  const Outcome help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_LE(lines_of(help.out), 24);
  for (const char* name :
       {"train", "bench", "evaluate", "cluster", "embed", "generate", "report", "models", "data"}) {
    EXPECT_NE(help.out.find(name), std::string::npos) << name;
    const Outcome own = run({name, "--help"});
    EXPECT_EQ(own.code, 0);
    EXPECT_NE(own.out.find("Example"), std::string::npos) << name;
  }
}

TEST_F(Command, ListsModelsAndDataWithTheirDefaults) {
  for (const char* name : {"vae", "cp_vae", "cagem"}) {
    EXPECT_NE(run({"models"}).out.find(name), std::string::npos);
    EXPECT_NE(run({"models", name}).out.find("hidden"), std::string::npos);
  }
  EXPECT_NE(run({"models", "cagem"}).out.find("[1024, 512]"), std::string::npos);
  for (const char* name : {"fashion-mnist", "mnist", "omniglot", "bimodal-1d", "arcs-2d"}) {
    EXPECT_NE(run({"data"}).out.find(name), std::string::npos);
    EXPECT_EQ(run({"data", name}).code, 0);
  }
  for (const char* name : {"svhn", "facets-2d"}) {
    EXPECT_NE(run({"data", name}).out.find("values  colours, 0 to 255"), std::string::npos);
  }
  expect_refusal({"models", "cp_vea"}, {"cp_vae"});
}

TEST_F(Command, ShowsHowDataAreReadWithoutTraining) {
  write(folder_ / "points.csv", "a,b,kind\n1,2.5,p\n2,3.5,q\n4,1.5,NA\n");
  const auto shown = run({"data", "points.csv", "--labels", "kind"});
  EXPECT_EQ(shown.code, 0);
  for (const char* part : {"points: 3 points", "3 training, 0 validation", "features  'a', 'b'",
                           "labels    'p' 1, 'q' 1, none 1", "training  chosen for 3 points"}) {
    EXPECT_NE(shown.out.find(part), std::string::npos) << part << " in " << shown.out;
  }
  const auto set = run({"data", "points.csv", "--set", "data.drop=[\"kind\", \"b\"]"});
  EXPECT_NE(set.out.find("features  'a'\n"), std::string::npos) << set.out;
  expect_refusal({"data", "points.csv"}, {"column 'kind'"});
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Command, TrainsClustersEmbedsGeneratesAndReportsOnATable) {
  write_points("points.csv");
  const Outcome trained = run(train("points.csv", {"--labels", "kind", "--out", "run", "--set",
                                                   "evaluate.importance_samples=10"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("gaussian"), std::string::npos);  // what was chosen is said
  for (const char* file : {"experiment.toml", "log.jsonl", "model.safetensors", "model.json",
                           "checkpoint.safetensors", "metrics.json", "report/index.html"}) {
    EXPECT_TRUE(fs::exists(folder_ / "run" / file)) << file;
  }
  const auto metrics = nlohmann::json::parse(read(folder_ / "run/metrics.json"));
  EXPECT_EQ(metrics.at("test").at("log_likelihood").at("importance_samples"), 10);
  EXPECT_TRUE(metrics.at("test").at("clustering").contains("acc_most_confident"));

  const Outcome clustered =
      run({"cluster", "run", "points.csv", "--labels", "none", "--out", "clusters.csv", "--all"});
  ASSERT_EQ(clustered.code, 0) << clustered.err;
  std::istringstream clusters(read(folder_ / "clusters.csv"));
  std::string line;
  std::getline(clusters, line);
  EXPECT_EQ(line, "index,cluster,probability,p_0,p_1,p_2");
  int count = 0;
  while (std::getline(clusters, line)) {
    std::istringstream cells(line);
    std::vector<double> numbers;
    for (std::string cell; std::getline(cells, cell, ',');) numbers.push_back(std::stod(cell));
    ASSERT_EQ(numbers.size(), 6u);
    EXPECT_EQ(numbers[0], count++);
    EXPECT_NEAR(numbers[3] + numbers[4] + numbers[5], 1, 1e-4);
    EXPECT_EQ(numbers[2], numbers[3 + static_cast<size_t>(numbers[1])]);
  }
  EXPECT_EQ(count, 150);

  EXPECT_EQ(run({"embed", "run", "points.csv", "--out", "z.npy"}).code, 0);
  EXPECT_EQ(fs::file_size(folder_ / "z.npy"), 128 + 150 * 2 * 4u);
  // The labels are those of the column that it was trained with.
  const Outcome labelled = run({"cluster", "run", "points.csv", "--out", "-"});
  EXPECT_EQ(labelled.out.find("index,label,cluster,probability\n0,x,"), 0u) << labelled.out;
  EXPECT_EQ(labelled.err.find("not trained on"), std::string::npos) << labelled.err;
  EXPECT_EQ(run({"embed", "run", "points.csv", "--out", "z.csv"}).code, 0);
  EXPECT_EQ(read(folder_ / "z.csv").find("index,label,z_0,z_1\n0,x,"), 0u);
  EXPECT_EQ(lines_of(read(folder_ / "z.csv")), 151);
  // Nothing that is there for another purpose is written over.
  const std::string data = read(folder_ / "points.csv"), model = read(folder_ / "run/model.json");
  const auto refused = [&](const std::vector<std::string>& words, const std::string& why) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find(why), std::string::npos) << outcome.err;
  };
  for (const char* command : {"cluster", "embed", "score"}) {
    refused({command, "run", "points.csv", "--out", "points.csv"}, "is what the run reads");
  }
  refused({"generate", "run", "--out", "./points.csv"}, "is what the run reads");
  refused({"cluster", "run", "points.csv", "--out", "run/model.json"}, "must end in .csv");
  EXPECT_EQ(read(folder_ / "points.csv"), data);
  EXPECT_EQ(read(folder_ / "run/model.json"), model);
  EXPECT_EQ(run({"generate", "run", "--cluster", "1", "--count", "7", "--out", "x.npy"}).code, 0);
  EXPECT_EQ(fs::file_size(folder_ / "x.npy"), 128 + 7 * 4 * 8u);
  EXPECT_EQ(run({"evaluate", "run", "--split", "validation", "--importance-samples", "4"}).code, 0);
  EXPECT_EQ(run({"evaluate", "run", "--data", "points.csv", "--labels", "kind"}).code, 0);
  const Outcome summed = run({"evaluate", "run", "--importance-samples", "1", "--sum-clusters"});
  EXPECT_NE(summed.out.find("log-likelihood, S = 1, y summed"), std::string::npos) << summed.out;
  EXPECT_EQ(run({"report", "run"}).code, 0);
}

TEST_F(Command, TrainsOnCountsAndDrawsThem) {
  std::mt19937 random(1);
  std::ostringstream csv;
  csv << "apples,pears,plums,kind\n";
  for (int i = 0; i < 150; ++i) {
    for (int d = 0; d < 3; ++d)
      csv << std::poisson_distribution<int>((i % 3) == d ? 40 : 2)(random) << ",";
    csv << "xyz"[i % 3] << "\n";
  }
  write(folder_ / "baskets.csv", csv.str());
  const Outcome trained =
      run(train("baskets.csv", {"--labels", "kind", "--out", "run", "--set", "data.values=counts",
                                "--set", "train.epochs=100"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("read as log(1 + count), for a Negative binomial"), std::string::npos)
      << trained.out;
  EXPECT_EQ(trained.out.find("in the data's units"), std::string::npos) << trained.out;
  const auto test = nlohmann::json::parse(read(folder_ / "run/metrics.json")).at("test");
  EXPECT_GT(test.at("clustering").at("acc_hungarian"), 0.8);  // of 15 points
  EXPECT_LT(test.at("elbo"), 0);                              // of a probability

  ASSERT_EQ(run({"generate", "run", "--random", "--count", "60", "--out", "more.csv"}).code, 0);
  std::istringstream more(read(folder_ / "more.csv"));
  std::string line;
  std::getline(more, line);
  double sum = 0;
  while (std::getline(more, line)) {
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      const double value = std::stod(cell);
      EXPECT_EQ(value, std::round(value)) << line;
      EXPECT_GE(value, 0) << line;
      sum += value;
    }
  }
  EXPECT_NEAR(sum / 180, 44.0 / 3, 5);  // counts a column
  for (const char* command : {"cluster", "embed", "score"}) {
    EXPECT_EQ(run({command, "run", "baskets.csv"}).code, 0) << command;
  }
  write(folder_ / "odd.csv", "apples,pears,plums\n1,2,0.5\n");
  const Outcome odd = run({"cluster", "run", "odd.csv"});
  EXPECT_EQ(odd.code, 2);
  EXPECT_NE(odd.err.find("column 'plums' is 0.5, no count"), std::string::npos) << odd.err;
}

TEST_F(Command, ScoresSayWhichPointsAreUnusual) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "run"})).code, 0);
  write(folder_ / "new.csv", "a,b,c,d\n3,0,0,0\n0,3,0,0\n-40,50,60,70\n");
  const Outcome scored = run({"score", "run", "new.csv", "--out", "scores.csv"});
  ASSERT_EQ(scored.code, 0) << scored.err;
  EXPECT_NE(scored.out.find("1 of 3 points"), std::string::npos) << scored.out;
  std::istringstream scores(read(folder_ / "scores.csv"));
  std::string line;
  std::getline(scores, line);
  EXPECT_EQ(line, "index,log_p,rank,unusual");
  std::vector<double> log_p, rank, unusual;
  for (int64_t i; scores >> i;) {
    char comma;
    scores >> comma >> log_p.emplace_back() >> comma >> rank.emplace_back() >> comma >>
        unusual.emplace_back();
  }
  ASSERT_EQ(log_p.size(), 3u);
  EXPECT_LT(log_p[2], log_p[0] - 100);
  EXPECT_EQ(rank[2], 0);
  EXPECT_GT(rank[0], 0.01);
  EXPECT_EQ(unusual, (std::vector<double>{0, 0, 1}));
  // Where the run has come without its data there is log p alone.
  fs::rename(folder_ / "points.csv", folder_ / "gone.csv");
  const Outcome alone = run({"score", "run", "new.csv", "--out", "alone.csv"});
  EXPECT_EQ(alone.code, 0);
  EXPECT_NE(alone.err.find("no rank among training points"), std::string::npos) << alone.err;
  EXPECT_EQ(read(folder_ / "alone.csv").find("index,log_p\n"), 0u);
}

TEST_F(Command, ScoresOnlyPointsWithALabelAndKeepsABudgetOfThem) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  std::ostringstream csv;
  csv << "a,b,kind\n";
  for (int i = 0; i < 160; ++i) {
    csv << i % 2 * 3 + noise(random) << "," << noise(random) << ",";
    csv << (i % 4 == 1 ? "" : std::string(1, "xy"[i % 2])) << "\n";
  }
  write(folder_ / "points.csv", csv.str());
  const Outcome trained = run(
      train("points.csv", {"--labels", "kind", "--out", "some", "--set", "data.label_budget=10"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("40 of 160 points have no label; scores leave them out"),
            std::string::npos)
      << trained.out;
  EXPECT_NE(trained.out.find("10 training labels"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("cp_vae does not learn from labels"), std::string::npos)
      << trained.out;
  EXPECT_NE(read(folder_ / "some/experiment.toml").find("label_budget = 10\n"), std::string::npos);
  const auto model = nlohmann::json::parse(read(folder_ / "some/model.json"));
  EXPECT_EQ(model.at("label_names"), (nlohmann::json{"x", "y"}));

  const Outcome measured = run({"evaluate", "some", "--data", "points.csv", "--labels", "kind"});
  ASSERT_EQ(measured.code, 0) << measured.err;
  EXPECT_NE(measured.out.find("40 of 160 points have no label"), std::string::npos) << measured.out;
  const auto metrics = nlohmann::json::parse(read(folder_ / "some/metrics.json"));
  EXPECT_EQ(metrics.at("data points.csv").at("points"), 160);
  EXPECT_EQ(metrics.at("data points.csv").at("clustering").at("points"), 120);
  EXPECT_EQ(run({"report", "some"}).code, 0);
  EXPECT_EQ(run({"cluster", "some", "points.csv", "--out", "c.csv"}).code, 0);
  expect_refusal({"cluster", "some", "points.csv", "--out", "c.npy"}, {"c.npy", ".csv"});
  EXPECT_EQ(lines_of(read(folder_ / "c.csv")), 161);

  const auto learned = [&](const std::string& out, const std::string& budget) {
    const Outcome m2 = run(train("points.csv", {"--model", "m2", "--labels", "kind", "--out", out,
                                                "--set", "data.label_budget=" + budget}));
    EXPECT_EQ(m2.code, 0) << m2.err;
    return m2.out.find("m2 has no labels to learn from: set data.label_budget") ==
           std::string::npos;
  };
  EXPECT_TRUE(learned("with", "2"));
  EXPECT_TRUE(learned("more", "20"));
  EXPECT_FALSE(learned("without", "0"));
  ASSERT_EQ(run({"report", "without", "with", "more", "--out", "by-labels"}).code, 0);
  const std::string page = read(folder_ / "by-labels/index.html");
  EXPECT_NE(page.find("Log-likelihood by labels"), std::string::npos);
  // Also without one that learned from none; the weight of labels follows from their number.
  ASSERT_EQ(run({"report", "with", "more", "--out", "two"}).code, 0);
  EXPECT_NE(read(folder_ / "two/index.html").find("Log-likelihood by labels"), std::string::npos);

  expect_refusal(train("points.csv", {"--out", "run", "--set", "data.drop=[\"kind\"]", "--set",
                                      "model.clusters=1000000"}),
                 {"model.clusters is 1000000", "128 training points"});
  write(folder_ / "numbers.csv", "1,2\n3,4\n");
  expect_refusal(train("numbers.csv", {"--out", "run", "--set", "data.label_budget=10"}),
                 {"data.label_budget is 10", "numbers.csv has no labels"});
  expect_refusal(
      train("points.csv", {"--labels", "kind", "--out", "run", "--set", "data.label_budget=100"}),
      {"data.label_budget is 100", "50 of class 'y'", "lower it to"});
}

TEST_F(Command, LearnsClassesFromTheFewLabelsOfATableAndNamesThem) {
  // Two groups far apart, of whose 300 points a tenth have labels: names, or numbers.
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  std::ostringstream words, numbers;
  std::vector<std::string> truth;
  const auto truth_of = [](bool right) { return right ? "\"pear, red\"" : "apple"; };
  words << "a,b,kind\n";
  numbers << "a,b,kind\n";
  for (int i = 0; i < 300; ++i) {
    const bool right = i % 2 == 1;
    std::ostringstream point;
    point << (right ? 3 : -3) + 0.5 * noise(random) << "," << noise(random) << ",";
    const bool known = i % 10 < 2 && i % 20 < 10;  // 15 of each
    words << point.str() << (known ? truth_of(right) : "") << "\n";
    numbers << point.str() << (known ? (right ? "7" : "3") : "") << "\n";
    truth.push_back(truth_of(right));
  }
  write(folder_ / "words.csv", words.str());
  write(folder_ / "numbers.csv", numbers.str());
  const auto train = [&](const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> all = {"train",     data, "--labels", "kind",
                                    "--threads", "1",  "--set",    "train.epochs=20"};
    if (std::find(more.begin(), more.end(), "--model") == more.end()) {
      more.insert(more.end(), {"--model", "m2"});
    }
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  // A model without classes is not all there is.
  const Outcome grouped = train("words.csv", {"--model", "mog", "--set", "train.epochs=3"});
  EXPECT_NE(grouped.out.find("--model m2 would learn classes from the 2"), std::string::npos)
      << grouped.out << grouped.err;
  const Outcome trained = train("words.csv", {"--out", "fruit"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(trained.out.find("would learn classes"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("270 of 300 points have no label"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("of 30 labels 24 are learned from (apple 12, pear, red 12), 6 are "
                             "held back to measure what is learned"),
            std::string::npos)
      << trained.out;
  EXPECT_NE(trained.out.find("clusters 2,"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("error of q(y|x)"), std::string::npos);
  const auto metrics = nlohmann::json::parse(read(folder_ / "fruit/metrics.json"));
  EXPECT_EQ(metrics.at("/test/classification/error/q(y|x)"_json_pointer), 0);
  const std::string page = read(folder_ / "fruit/report/index.html");
  EXPECT_NE(page.find("from 24 labels. Of 6 points"), std::string::npos);

  ASSERT_EQ(
      run({"cluster", "fruit", "words.csv", "--labels", "kind", "--out", "c.csv", "--all"}).code,
      0);
  std::istringstream rows(read(folder_ / "c.csv"));
  std::string row;
  std::getline(rows, row);
  EXPECT_EQ(row, "index,label,class,probability,p_apple,\"p_pear, red\"");
  for (size_t i = 0; std::getline(rows, row); ++i) {
    EXPECT_NE(row.find("," + truth[i] + ",0."), row.find("," + truth[i] + ",1")) << row;
  }
  for (const std::string command : {"score", "embed"}) {
    ASSERT_EQ(
        run({command, "fruit", "words.csv", "--labels", "kind", "--out", command + ".csv"}).code,
        0);
    const std::string text = read(folder_ / (command + ".csv"));
    EXPECT_EQ(text.find("index,label,class,"), 0u) << text.substr(0, 80);
    EXPECT_NE(text.find("\n1,\"pear, red\",\"pear, red\","), std::string::npos);
  }
  EXPECT_EQ(run({"report", "fruit"}).code, 0);

  // A class is given by its name, or by the number of its cluster.
  const auto generated = [&](const std::vector<std::string>& what, const std::string& out) {
    std::vector<std::string> all = {"generate", "fruit", "--out", out};
    all.insert(all.end(), what.begin(), what.end());
    const Outcome outcome = run(all);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read(folder_ / out);
  };
  const std::string second = generated({"--cluster", "1"}, "1.npy");
  EXPECT_EQ(second, generated({"--cluster", "pear, red"}, "pear.npy"));
  EXPECT_EQ(second, generated({"--given", "y=pear, red"}, "y.npy"));
  EXPECT_NE(second, generated({"--given", "y=apple"}, "apple.npy"));
  expect_refusal({"generate", "fruit", "--cluster", "aple", "--out", "no.npy"},
                 {"no class", "did you mean apple?"});

  // Of classes that are numbers none is taken for the number of a cluster.
  ASSERT_EQ(train("numbers.csv", {"--out", "counted", "--set", "train.epochs=2"}).code, 0);
  const auto counted = [&](const std::string& label) {
    EXPECT_EQ(run({"generate", "counted", "--given", "y=" + label, "--out", "n.npy"}).code, 0);
    return read(folder_ / "n.npy");
  };
  EXPECT_EQ(counted("7.0"), counted("7"));
  EXPECT_NE(counted("3"), counted("7"));
  expect_refusal({"generate", "counted", "--given", "y=1", "--out", "n.npy"},
                 {"\"1\" in y=1 is no class", "classes are '3', '7'"});

  // Beside a model that learns from the labels another has the same test points.
  ASSERT_EQ(run({"bench", "words.csv", "--models", "m2,mog", "--labels", "kind", "--seeds", "1",
                 "--threads", "1", "--set", "train.epochs=1", "--set", "train.start=none"})
                .code,
            0);
  const auto split_of = [&](const std::string& model) {
    const fs::path of_run = "runs/bench/words/" + model + "/seed-1/model.json";
    return nlohmann::json::parse(read(folder_ / of_run)).at("/provenance/split"_json_pointer);
  };
  EXPECT_EQ(split_of("mog"), split_of("m2"));
  const std::string command = results().at("words/mog").at("command");
  EXPECT_NE(command.find("--models mog"), std::string::npos) << command;
  EXPECT_NE(command.find("data.label_budget=-1"), std::string::npos) << command;

  // Labels that are no classes of it are none that it gets wrong, and are named.
  std::string other = read(folder_ / "words.csv");
  other = std::regex_replace(other, std::regex("apple"), "APPLE");
  write(folder_ / "other.csv", other);
  const Outcome evaluated = run({"evaluate", "fruit", "--data", "other.csv"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_NE(evaluated.out.find("not trained with: 'APPLE'"), std::string::npos) << evaluated.out;
  EXPECT_EQ(nlohmann::json::parse(read(folder_ / "fruit/metrics.json"))
                .at("data other.csv")
                .at("/classification/error/q(y|x)"_json_pointer),
            0);

  // Filled in later they are no split of other sizes.
  write(folder_ / "words.csv",
        std::regex_replace(read(folder_ / "words.csv"), std::regex(",\n"), ",apple\n",
                           std::regex_constants::format_first_only));
  const std::vector<std::vector<std::string>> commands = {
      {"evaluate", "fruit"}, {"report", "fruit"}, {"train", "--resume", "fruit"}};
  for (const auto& again : commands) {
    expect_refusal(again, {"words.csv: its labels (data.labels) have changed", "train anew"});
  }

  // A number names a class, too; a cluster that no label is of has a name that says so.
  const Outcome three = train("numbers.csv", {"--out", "three", "--set", "model.clusters=3"});
  ASSERT_EQ(three.code, 0) << three.err;
  ASSERT_EQ(run({"cluster", "three", "numbers.csv", "--out", "n.csv", "--all"}).code, 0);
  EXPECT_EQ(read(folder_ / "n.csv").find("index,label,class,probability,p_3,p_7,p_cluster 2\n"),
            0u);

  // Without labels there are clusters and no classes, and a line says so.
  const Outcome none = run({"train", "words.csv", "--set", "data.drop=['kind']", "--model", "m2",
                            "--out", "none", "--threads", "1", "--set", "train.epochs=2"});
  ASSERT_EQ(none.code, 0) << none.err;
  EXPECT_NE(none.out.find("m2 has no labels to learn from"), std::string::npos) << none.out;
  ASSERT_EQ(run({"cluster", "none", "words.csv", "--out", "u.csv"}).code, 0);
  write(folder_ / "empty.csv", std::regex_replace(numbers.str(), std::regex("[37]\n"), "\n"));
  const Outcome empty = train("empty.csv", {"--out", "empty"});
  ASSERT_EQ(empty.code, 0) << empty.err;
  EXPECT_NE(empty.out.find("those given are all unknown"), std::string::npos) << empty.out;
  EXPECT_EQ(read(folder_ / "u.csv").find("index,cluster,probability\n"), 0u);
}

TEST_F(Command, GeneratesPointsAsSpreadOutAsTheData) {
  // Two groups by a; noise that no latent can know; whole numbers, far from zero; a constant.
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  std::ostringstream csv;
  csv << "a,\"noise, rough\",count,same\n";
  csv.precision(15);
  for (int i = 0; i < 600; ++i) {
    csv << 3 * (i % 2) + 0.5 * noise(random) << "," << 1000 + 20 * noise(random) << ","
        << 1700000000 + static_cast<int64_t>(4 * noise(random)) << ",0.25\n";
  }
  write(folder_ / "points.csv", csv.str());
  const Outcome trained = run(train("points.csv", {"--out", "made", "--set", "train.epochs=40",
                                                   "--set", "train.learning_rate=3e-3"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("column 'same' is constant"), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("bound, in the data's units"), std::string::npos);
  const auto generate = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words = {"generate", "made",  "--random", "--count",
                                      "4000",     "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    EXPECT_EQ(run(words).code, 0);
    return read(folder_ / out);
  };
  // Mean and deviation of a column, and whether all of it are whole numbers.
  struct Moments {
    double mean, deviation;
    bool whole;
  };
  const auto moments = [](const std::string& text, int column) {
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(line, "a,\"noise, rough\",count,same");
    double n = 0, sum = 0, squares = 0, first = 0;
    bool whole = true;
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      std::string cell;
      for (int i = 0; i <= column; ++i) std::getline(cells, cell, ',');
      const double value = std::stod(cell);
      if (n == 0) first = value;
      whole = whole && value == std::round(value);
      n += 1, sum += value - first, squares += (value - first) * (value - first);
    }
    return Moments{first + sum / n, std::sqrt(squares / n - sum * sum / n / n), whole};
  };
  const std::string data = read(folder_ / "points.csv"), drawn = generate("x.csv", {});
  const std::string means = generate("means.csv", {"--means"});
  EXPECT_EQ(lines_of(drawn), 4001);
  for (const int column : {0, 1, 2}) {
    const auto real = moments(data, column), made = moments(drawn, column);
    EXPECT_NEAR(made.deviation, real.deviation, 0.2 * real.deviation) << column;
    EXPECT_NEAR(made.mean, real.mean, 0.25 * real.deviation) << column;
    EXPECT_EQ(made.whole, column == 2);
  }
  // How much of the noise 40 epochs learn depends on the machine's rounding: over half of it
  // without AVX-512.
  EXPECT_LT(moments(means, 1).deviation, 0.75 * moments(data, 1).deviation);
  EXPECT_FALSE(moments(means, 2).whole);
  EXPECT_EQ(moments(drawn, 3).mean, 0.25);
  EXPECT_EQ(moments(drawn, 3).deviation, 0);
  EXPECT_NE(generate("x.npy", {}).find("'<f8'"), std::string::npos);

  const auto metrics = nlohmann::json::parse(read(folder_ / "made/metrics.json")).at("test");
  const double volume = metrics.at("log_volume");
  EXPECT_NEAR(volume, std::log(moments(data, 0).deviation) + std::log(20.0) + std::log(4.0), 0.3);
  EXPECT_NEAR(metrics.at("elbo").get<double>() + volume, metrics.at("standardised").at("elbo"),
              1e-9);
  const auto model = nlohmann::json::parse(read(folder_ / "made/model.json"));
  EXPECT_EQ(model.at("options").at("least_deviation"), 0.05);

  expect_refusal({"generate", "made", "--out", "x.txt"}, {".png, .npy or .csv"});
  write(folder_ / "bits.csv", "1,0\n0,1\n1,1\n0,0\n");
  expect_refusal(train("bits.csv", {"--out", "run", "--set", "model.likelihood=gaussian"}),
                 {"model.likelihood is \"gaussian\"", "0 or 1"});
}

/// Sets every number of a float32 tensor of a model file, which then has no checksum any more.
void set_tensor(const fs::path& path, const std::string& name, float value) {
  const std::string file = read(path);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  auto header = nlohmann::json::parse(file.substr(sizeof length, length));
  header.at("__metadata__").erase("md5");
  std::string data = file.substr(sizeof length + length);
  const auto place = header.at(name).at("data_offsets");
  for (size_t at = place.at(0); at < place.at(1); at += sizeof value) {
    std::memcpy(&data[at], &value, sizeof value);
  }
  const std::string text = header.dump();
  length = text.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  write(path, bytes + text + data);
}

TEST_F(Command, GeneratesNothingThatIsNotFinite) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const fs::path model = folder_ / "made/model.safetensors";
  const std::string good = read(model);
  const auto refuse = [&](const std::string& tensor, float value, std::vector<std::string> more) {
    set_tensor(model, "p_x_given_z_y." + tensor, value);
    for (const char* out : {"x.csv", "x.npy"}) {
      std::vector<std::string> words = {"generate", "made", "--out", out};
      words.insert(words.end(), more.begin(), more.end());
      expect_refusal(words, {"the model generates infinities or NaN", "nothing is written"});
      EXPECT_FALSE(fs::exists(folder_ / out));
    }
    write(model, good);
  };
  refuse("least_log_variance", 200, {});  // whose exponential overflows
  refuse("mean.weight_hidden", 3e38F, {"--means", "--given", "z=100"});
  // Data as far out as float32 goes: draws around them are beyond it.
  std::string csv = "a,b\n";
  for (int i = 0; i < 90; ++i) {
    csv += std::string(i % 2 == 0 ? "3e38" : "-3e38") + "," + std::to_string(i % 7) + "\n";
  }
  write(folder_ / "far.csv", csv);
  ASSERT_EQ(run(train("far.csv", {"--out", "far"})).code, 0);
  const Outcome drawn =
      run({"generate", "far", "--random", "--count", "2000", "--out", "far-draws.csv"});
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_NE(drawn.err.find("beyond what float32 holds"), std::string::npos) << drawn.err;
  const std::string text = read(folder_ / "far-draws.csv");
  EXPECT_EQ(lines_of(text), 2001);
  EXPECT_EQ(text.find("inf"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
}

TEST_F(Command, GeneratesWordsWhereTheTableHasThem) {
  // The city follows from a and is paris four times in five.
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  std::ostringstream csv;
  csv << "a,city,\"b, rough\"\n";
  for (int i = 0; i < 300; ++i) {
    const bool paris = i % 5 != 0;
    csv << 4 * paris + 0.3 * noise(random) << "," << (paris ? "\"paris, fr\"" : "rome") << ","
        << noise(random) << "\n";
  }
  write(folder_ / "points.csv", csv.str());
  const Outcome trained =
      run(train("points.csv", {"--out", "made", "--set", "data.categories=onehot", "--set",
                               "train.epochs=40", "--set", "train.learning_rate=1e-2"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  for (const bool means : {false, true}) {
    std::vector<std::string> words = {"generate", "made",  "--random", "--count",
                                      "1000",     "--out", "x.csv"};
    if (means) words.push_back("--means");
    ASSERT_EQ(run(words).code, 0);
    std::istringstream lines(read(folder_ / "x.csv"));
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(line, "a,city,\"b, rough\"");
    int paris = 0, rome = 0, apart = 0;
    while (std::getline(lines, line)) {
      const bool there = line.find(",\"paris, fr\",") != std::string::npos;
      paris += there;
      rome += line.find(",rome,") != std::string::npos;
      apart += (std::stod(line) > 2) == there;
    }
    EXPECT_EQ(paris + rome, 1000);
    EXPECT_NEAR(paris, 800, 100);
    EXPECT_GT(apart, 850);
  }
  // They are read as the data were.
  EXPECT_EQ(run({"cluster", "made", "x.csv"}).code, 0);
}

TEST_F(Command, MeasuresInTheUnitsOfTheData) {
  write_points("points.csv");
  std::ostringstream thousandths;
  std::istringstream lines(read(folder_ / "points.csv"));
  std::string line;
  std::getline(lines, line);
  thousandths << line << "\n";
  thousandths.precision(17);
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string cell;
    for (int d = 0; d < 4; ++d) {
      std::getline(cells, cell, ',');
      thousandths << 1000 * std::stod(cell) << ",";
    }
    std::getline(cells, cell);
    thousandths << cell << "\n";
  }
  write(folder_ / "thousandths.csv", thousandths.str());
  const auto test_of = [&](const std::string& name) {
    EXPECT_EQ(run(train(name + ".csv", {"--labels", "kind", "--out", name})).code, 0);
    return nlohmann::json::parse(read(folder_ / name / "metrics.json")).at("test");
  };
  const auto plain = test_of("points"), small = test_of("thousandths");
  const double difference = 4 * std::log(1000.0);
  EXPECT_NEAR(plain.at("elbo").get<double>() - small.at("elbo").get<double>(), difference, 1e-3);
  EXPECT_NEAR(plain.at("standardised").at("elbo"),
              small.at("standardised").at("elbo").get<double>(), 1e-3);
  ASSERT_EQ(run({"score", "points", "points.csv", "--labels", "kind", "--out", "a.csv"}).code, 0);
  ASSERT_EQ(
      run({"score", "thousandths", "thousandths.csv", "--labels", "kind", "--out", "b.csv"}).code,
      0);
  const auto first_of = [&](const std::string& name) {
    const std::string text = read(folder_ / name), row = text.substr(text.find('\n') + 1);
    return std::stod(row.substr(row.find(',', row.find(',') + 1) + 1));
  };
  EXPECT_NEAR(first_of("a.csv") - first_of("b.csv"), difference, 1e-2);
}

TEST_F(Command, HoldsLatentsFixedByName) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const auto generate = [&](std::vector<std::string> more, const std::string& out) {
    std::vector<std::string> words = {"generate", "made", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read(folder_ / out);
  };
  // --cluster is short for the latent's name.
  EXPECT_EQ(generate({"--cluster", "2", "--count", "7"}, "short.npy"),
            generate({"--given", "y=2", "--count", "7"}, "long.npy"));
  // All units at one number, or each at its own; with z held, a cluster's points differ by noise.
  const auto means = [&](const std::string& z, const std::string& out) {
    return generate({"--given", "y=1", "--given", "z=" + z, "--count", "2", "--means"}, out);
  };
  const std::string centre = means("0", "0.npy");
  EXPECT_EQ(centre, means("0,0", "00.npy"));
  constexpr size_t kPoint = 4 * sizeof(double);
  const std::string values = centre.substr(centre.size() - 2 * kPoint);
  EXPECT_EQ(values.substr(0, kPoint), values.substr(kPoint));
  EXPECT_NE(centre, means("3,0", "3.npy"));
  generate({"--given", "z=0", "--count", "2"}, "each.npy");  // of each of three clusters
  EXPECT_EQ(fs::file_size(folder_ / "each.npy"), 128 + 3 * 2 * 4 * 8u);
  generate({"--random", "--given", "z=0", "--count", "2"}, "any.npy");
  EXPECT_EQ(fs::file_size(folder_ / "any.npy"), 128 + 2 * 4 * 8u);

  const auto refuse = [&](const std::vector<std::string>& more,
                          const std::vector<std::string>& mentions) {
    std::vector<std::string> words = {"generate", "made", "--out", "no.npy"};
    words.insert(words.end(), more.begin(), more.end());
    expect_refusal(words, mentions);
    EXPECT_FALSE(fs::exists(folder_ / "no.npy"));
  };
  refuse({"--given", "w=1"}, {"no latent \"w\"", "y or z"});
  refuse({"--given", "y=3"}, {"clusters 0 to 2"});
  refuse({"--given", "y=one"}, {"\"one\"", "y=one"});
  refuse({"--given", "z=1,2,3"}, {"z has 2 units", "not 3"});
  refuse({"--given", "z=low"}, {"\"low\"", "no number"});
  refuse({"--given", "z"}, {"NAME=VALUE"});
  refuse({"--given", "y=1", "--given", "y=2"}, {"y is given twice"});
  refuse({"--given", "y=1", "--cluster", "1"}, {"--cluster is short for --given y"});
  refuse({"--given", "y=1", "--random"}, {"--random"});

  // Of one discrete latent the table is the same with its name and without.
  ASSERT_EQ(run({"cluster", "made", "points.csv", "--out", "all.csv"}).code, 0);
  ASSERT_EQ(run({"cluster", "made", "points.csv", "--latent", "y", "--out", "y.csv"}).code, 0);
  EXPECT_EQ(read(folder_ / "all.csv"), read(folder_ / "y.csv"));
  expect_refusal({"cluster", "made", "points.csv", "--latent", "y2"},
                 {"no discrete latent \"y2\"", "did you mean y?"});
}

TEST_F(Command, MovesALatentAndKeepsAllElse) {
  write_points("points.csv");
  ASSERT_EQ(
      run(train("points.csv", {"--labels", "kind", "--model", "gmvae", "--out", "made", "--set",
                               "model.latent_w=3", "--set", "model.prior_layers=[6]"}))
          .code,
      0);
  const auto size_of = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"generate", "made", "--grid", "w", "--out", "grid.npy"};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return fs::file_size(folder_ / "grid.npy");
  };
  EXPECT_EQ(size_of({}), 128 + 3 * 11 * 4 * 8u);  // eleven steps in a row for each cluster
  EXPECT_EQ(size_of({"--given", "y=1"}), 128 + 11 * 4 * 8u);
  EXPECT_EQ(size_of({"--given", "y=1", "--count", "2"}), 128 + 2 * 11 * 4 * 8u);
  EXPECT_EQ(size_of({"--random", "--count", "2"}), 128 + 2 * 11 * 4 * 8u);
  expect_refusal({"generate", "made", "--grid", "w", "--count", "2", "--out", "no.csv"},
                 {"a row for each cluster", "--random"});
  expect_refusal({"generate", "made", "--grid", "z", "--out", "no.csv"}, {"N(0, I)", "move w"});
  expect_refusal({"generate", "made", "--grid", "y", "--out", "no.csv"},
                 {"--grid is y", "continuous latent"});
  // z alone decides of x: beside it neither y nor w has a part in it.
  const auto said_beside = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "made", "--count", "1", "--out", "z.npy"});
    const Outcome outcome = run(more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.err;
  };
  EXPECT_NE(said_beside({"--given", "z=0", "--given", "y=1"}).find("note: y changes nothing"),
            std::string::npos);
  EXPECT_NE(said_beside({"--given", "z=0", "--given", "y=1", "--grid", "w"})
                .find("note: w changes nothing"),
            std::string::npos);
  EXPECT_EQ(said_beside({"--given", "w=0", "--given", "y=1"}), "");
  expect_refusal({"generate", "made", "--grid", "w", "--given", "w=0", "--out", "no.csv"},
                 {"both move and be given"});
}

TEST_F(Command, TrainsOnImagesAndDrawsThem) {
  // IDX: 60 pictures of 6x6, a bright half left or right.
  std::string images("\0\0\x08\x03\0\0\0\x3c\0\0\0\x06\0\0\0\x06", 16);
  for (int i = 0; i < 60; ++i) {
    for (int p = 0; p < 36; ++p)
      images += static_cast<char>((p % 6 < 3) == (i % 2 == 0) ? 240 : 10);
  }
  write(folder_ / "images-idx3-ubyte", images);
  const Outcome trained = run(train("images-idx3-ubyte", {"--out", "run"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("bernoulli"), std::string::npos);
  EXPECT_EQ(run({"generate", "run", "--out", "sheet.png"}).code, 0);
  EXPECT_EQ(read(folder_ / "sheet.png").substr(1, 3), "PNG");
  EXPECT_TRUE(fs::exists(folder_ / "run/report/clusters.png"));
  EXPECT_EQ(run({"generate", "run", "--random", "--count", "5", "--out", "five.npy"}).code, 0);
}

/// A PNG of one colour, its pixels stored without compression.
std::string png(int width, int height, const std::string& red_green_blue) {
  const auto big = [](uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  };
  const auto chunk = [&](const std::string& body) {  // type and content
    uint32_t crc = ~0U;
    for (const char c : body) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320U & -(crc & 1));
    }
    return big(static_cast<uint32_t>(body.size() - 4)) + body + big(~crc);
  };
  std::string lines;
  for (int row = 0; row < height; ++row) {
    lines += '\0';
    for (int column = 0; column < width; ++column) lines += red_green_blue;
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : lines) b = (b + (a = (a + static_cast<unsigned char>(c)) % 65521)) % 65521;
  const auto size = static_cast<uint16_t>(lines.size());
  std::string stored = "\x78\x01\x01";
  for (const int length : {int{size}, ~int{size}}) {
    stored += {static_cast<char>(length), static_cast<char>(length >> 8)};
  }
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR" + big(static_cast<uint32_t>(width)) + big(static_cast<uint32_t>(height)) +
               std::string("\x08\x02\0\0\0", 5)) +
         chunk("IDAT" + stored + lines + big(b << 16 | a)) + chunk("IEND");
}

/// The same in one grey.
std::string png(int width, int height, int level) {
  return png(width, height, std::string(3, static_cast<char>(level)));
}

TEST_F(Command, SaysTheLikelihoodThatIsTrained) {
  write_points("points.csv");
  const Outcome laplace = run(train(
      "points.csv", {"--labels", "kind", "--out", "run", "--set", "model.likelihood=laplace"}));
  ASSERT_EQ(laplace.code, 0) << laplace.err;
  EXPECT_NE(laplace.out.find("for a Laplace likelihood"), std::string::npos) << laplace.out;
  EXPECT_EQ(laplace.out.find("Gaussian likelihood"), std::string::npos) << laplace.out;
  const std::string page = read(folder_ / "run/report/index.html");
  EXPECT_NE(page.find("for a Laplace likelihood"), std::string::npos);
  const Outcome usual = run(train("points.csv", {"--labels", "kind", "--out", "usual"}));
  EXPECT_NE(usual.out.find("for a Gaussian likelihood"), std::string::npos) << usual.out;
}

TEST_F(Command, TrainsOnColoursAndDrawsThem) {
  for (const char* kind : {"red", "blue"}) {
    fs::create_directories(folder_ / "photos" / kind);
    for (int i = 0; i < 20; ++i) {
      const char strong = static_cast<char>(200 + i), weak = static_cast<char>(2 * i);
      const bool red = kind[0] == 'r';
      const std::string colour = {red ? strong : weak, weak, red ? weak : strong};
      write(folder_ / "photos" / kind / (std::to_string(i) + ".png"), png(6, 6, colour));
    }
  }
  const Outcome trained = run(train("photos", {"--out", "run"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("40 points of size 6x6x3: colours from 0 to 255, divided by 255"),
            std::string::npos)
      << trained.out;
  EXPECT_EQ(run({"evaluate", "run", "--data", "photos"}).code, 0);
  EXPECT_EQ(run({"report", "run"}).code, 0);
  ASSERT_EQ(run({"generate", "run", "--random", "--count", "5", "--out", "x.png"}).code, 0);
  constexpr size_t colour_type = 25;  // of the header; 2 is RGB
  for (const char* picture : {"x.png", "run/report/clusters.png", "run/report/labels.png",
                              "run/report/reconstructions.png", "run/report/samples.png"}) {
    ASSERT_GT(read(folder_ / picture).size(), colour_type) << picture;
    EXPECT_EQ(read(folder_ / picture)[colour_type], 2) << picture;
  }
  ASSERT_EQ(run({"generate", "run", "--random", "--count", "5", "--out", "x.npy"}).code, 0);
  EXPECT_NE(read(folder_ / "x.npy").find("(5, 6, 6, 3,"), std::string::npos);
}

TEST_F(Command, TrainsOnAFolderOfImagesAndClustersAnother) {
  for (const char* folder : {"photos/dark", "photos/bright", "more", "odd"}) {
    fs::create_directories(folder_ / folder);
  }
  for (int i = 0; i < 12; ++i) {
    const std::string name = std::to_string(i) + ".png";
    write(folder_ / "photos/dark" / name, png(6, 6, 20 + i));
    write(folder_ / "photos/bright" / name, png(6, 6, 220 + i));
    write(folder_ / "more" / name, png(6 + i, 8, 100 + i));
  }
  write(folder_ / "odd/1.png", png(6, 6, 1));
  write(folder_ / "odd/2.png", png(5, 6, 1));

  const Outcome plain = run(train("photos/", {"--out", "plain"}));
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_NE(plain.out.find("cp_vae on photos: 20 training"), std::string::npos) << plain.out;
  EXPECT_NE(plain.out.find("6x6x3"), std::string::npos) << plain.out;
  EXPECT_TRUE(nlohmann::json::parse(read(folder_ / "plain/metrics.json"))
                  .at("test")
                  .contains("clustering"));
  EXPECT_EQ(run({"cluster", "plain", "photos/dark", "--out", "dark.csv"}).code, 0);
  EXPECT_EQ(lines_of(read(folder_ / "dark.csv")), 13);
  expect_refusal({"cluster", "plain", "more"}, {"more/0.png", "8x6 RGB", "6x6 RGB"});
  expect_refusal({"train", "odd", "--out", "run"},
                 {"odd/2.png", "6x5", "odd/1.png", "6x6", "--set data.resize=[6,6]"});
  expect_refusal({"train", "photos", "--set", "data.resize=[4]", "--out", "run"}, {"data.resize"});

  const Outcome small = run(train(
      "photos", {"--out", "small", "--set", "data.resize=[4,4]", "--set", "data.greyscale=true"}));
  ASSERT_EQ(small.code, 0) << small.err;
  EXPECT_EQ(run({"cluster", "small", "more", "--out", "more.csv"}).code, 0);
  EXPECT_EQ(lines_of(read(folder_ / "more.csv")), 13);
  EXPECT_EQ(read(folder_ / "more.csv").find("index,file,cluster,probability\n0,0.png,"), 0u);
  EXPECT_EQ(run({"embed", "small", "more", "--out", "z.npy"}).code, 0);
  EXPECT_EQ(run({"evaluate", "small", "--data", "photos/"}).code, 0);
  EXPECT_TRUE(nlohmann::json::parse(read(folder_ / "small/metrics.json")).contains("data photos/"));
}

TEST_F(Command, TakesAsManyClustersAsLikedAndFewRows) {
  write_points("few.csv", 5);
  EXPECT_EQ(
      run(train("few.csv", {"--labels", "kind", "--out", "a", "--set", "model.clusters=20"})).code,
      0);
  write_points("points.csv", 30);
  EXPECT_EQ(
      run(train("points.csv", {"--labels", "kind", "--out", "b", "--set", "model.clusters=1"}))
          .code,
      0);
}

TEST_F(Command, SameSeedSameRun) {
  write_points("points.csv");
  for (const char* name : {"a", "b"}) {
    ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", name})).code, 0);
  }
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "c", "--seed", "2"})).code, 0);
  EXPECT_EQ(read(folder_ / "a/model.safetensors"), read(folder_ / "b/model.safetensors"));
  EXPECT_NE(read(folder_ / "a/model.safetensors"), read(folder_ / "c/model.safetensors"));
}

TEST_F(Command, LetsOneAtATimeWriteTheFiguresOfARun) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "a"})).code, 0);
  const int lock = ::open((folder_ / "a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  expect_refusal({"evaluate", "a"}, {"in use", "wait for it to end"});
  expect_refusal({"train", "--resume", "a"}, {"in use", "wait for it to end"});
  ::close(lock);
  EXPECT_EQ(run({"evaluate", "a"}).code, 0);
}

TEST_F(Command, InterruptedAndResumedIsTheSameRun) {
  write_points("points.csv", 600);
  const std::vector<std::string> more = {"--labels", "kind", "--set", "train.epochs=40"};
  auto whole = more, part = more;
  whole.insert(whole.end(), {"--out", "whole"});
  part.insert(part.end(), {"--out", "part"});
  ASSERT_EQ(run(train("points.csv", whole)).code, 0);
  const pid_t child = start(train("points.csv", part));
  while (!fs::exists(folder_ / "part/model.json")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(child, SIGINT);
  const Outcome stopped = finish(child);
  ASSERT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find("clade train --resume"), std::string::npos);
  EXPECT_EQ(lines_of(stopped.err), 1);
  const Outcome used = run({"cluster", "part", "points.csv", "--labels", "kind"});
  EXPECT_EQ(used.code, 0);
  EXPECT_NE(used.err.find(" of 40 epochs; go on with: clade train --resume part"),
            std::string::npos)
      << used.err;
  ASSERT_EQ(run({"train", "--resume", "part"}).code, 0);
  EXPECT_EQ(read(folder_ / "whole/model.safetensors"), read(folder_ / "part/model.safetensors"));
  EXPECT_EQ(run({"cluster", "part", "points.csv", "--labels", "kind"}).err, "");
}

TEST_F(Command, TrainStartsFromNeighboursUnlessAnExperimentSaysOtherwise) {
  write_points("points.csv");
  const Outcome made = run(train("points.csv", {"--labels", "kind", "--out", "made"}));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("chosen for 120 points of 4 values"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("clusters started from a mixture of 3 Gaussians on 4 features"),
            std::string::npos)
      << made.out;
  EXPECT_TRUE(fs::exists(folder_ / "made/start.safetensors"));
  EXPECT_NE(read(folder_ / "made/report/index.html").find("guided by a clustering"),
            std::string::npos);
  EXPECT_NE(run({"evaluate", "made"}).out.find("guided by a clustering"), std::string::npos);
  // Its own experiment file repeats it to the bit.
  ASSERT_EQ(run({"train", "made/experiment.toml", "--out", "again"}).code, 0);
  EXPECT_EQ(read(folder_ / "made/start.safetensors"), read(folder_ / "again/start.safetensors"));

  write_experiment("a", "epochs = 2\n");
  const Outcome plain = run({"train", "experiments/small/a.toml", "--out", "plain"});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.out.find("started from"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "plain/start.safetensors"));
  EXPECT_EQ(run({"evaluate", "plain"}).out.find("guided"), std::string::npos);
}

TEST_F(Command, TrainStartsFromAFileOfTheUsers) {
  write_points("points.csv");
  std::string groups = "group\n", codes, few = "1\n2\n", shares;
  for (int i = 0; i < 150; ++i) {
    groups += std::to_string(7 * (i % 3)) + "\n";
    codes += std::to_string(i % 3) + "." + std::to_string(i) + ",0." + std::to_string(i) + "\n";
    shares += "0.5,0.5,0,0\n";
  }
  for (const auto& [name, text] : {std::pair{"groups.csv", groups}, std::pair{"codes.csv", codes},
                                   std::pair{"few.csv", few}, std::pair{"shares.csv", shares}}) {
    write(folder_ / name, text);
  }
  const auto with = [](const std::string& start, const std::string& out) {
    return train("points.csv",
                 {"--labels", "kind", "--start", start, "--out", out, "--set", "train.epochs=60"});
  };
  const Outcome made = run(with("groups.csv", "groups"));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("/groups.csv"), std::string::npos) << made.out;
  const auto metrics = nlohmann::json::parse(read(folder_ / "groups/metrics.json"));
  EXPECT_GT(metrics.at("test").at("clustering").at("acc_hungarian"), 0.9);
  ASSERT_EQ(run(with("codes.csv", "codes")).code, 0);
  expect_refusal(with("few.csv", "run"), {"few.csv", "2 rows for 150 points"});
  expect_refusal(with("shares.csv", "run"), {"shares.csv", "4 clusters", "the model has 3"});
  expect_refusal(with("nowhere.npy", "run"), {"nowhere.npy"});
  expect_refusal(with("kmeans", "run"), {"--start is kmeans", "neighbours", "none"});
}

TEST_F(Command, LevelsOfALadderAreLatentsByName) {
  write_points("points.csv");
  std::vector<std::string> training = {"train",    "points.csv", "--model",   "vlac",
                                       "--labels", "kind",       "--out",     "made",
                                       "--start",  "none",       "--threads", "1"};
  for (const char* setting : {"train.epochs=3", "train.batch=20", "model.layers=[\"8\",\"8\"]",
                              "model.latents=[2,3]", "model.clusters=[2,3]"}) {
    training.insert(training.end(), {"--set", setting});
  }
  const Outcome made = run(training);
  ASSERT_EQ(made.code, 0) << made.err;
  const auto first_line = [&](const std::vector<std::string>& words, const std::string& out) {
    auto all = words;
    all.insert(all.end(), {"--out", out});
    const Outcome outcome = run(all);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const std::string text = read(folder_ / out);
    return text.substr(0, text.find('\n'));
  };
  EXPECT_EQ(first_line({"cluster", "made", "points.csv"}, "all.csv"),
            "index,label,y1,y1_probability,y2,y2_probability");
  EXPECT_EQ(first_line({"cluster", "made", "points.csv", "--latent", "y2", "--all"}, "y2.csv"),
            "index,label,cluster,probability,p_0,p_1,p_2");
  EXPECT_EQ(first_line({"embed", "made", "points.csv", "--latent", "z1"}, "z1.csv"),
            "index,label,z1_0,z1_1");
  EXPECT_EQ(first_line({"embed", "made", "points.csv", "--latent", "z2"}, "z2.csv"),
            "index,label,z2_0,z2_1,z2_2");
  // With the others at one draw nothing but the level's own layer differs, and not that if it is
  // held.
  const auto points = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "made", "--given", "y2=1", "--count", "40", "--means"});
    first_line(more, "g.csv");
    std::istringstream rows(read(folder_ / "g.csv"));
    std::set<std::string> different;
    std::string row;
    std::getline(rows, row);
    while (std::getline(rows, row)) different.insert(row);
    return different.size();
  };
  EXPECT_EQ(points({}), 40u);
  EXPECT_EQ(points({"--given", "z2=0"}), 1u);
  EXPECT_EQ(points({"--given", "z2=0", "--vary-others"}), 40u);
  const auto test = nlohmann::json::parse(read(folder_ / "made/metrics.json")).at("test");
  EXPECT_EQ(test.at("latents").at("y1").at("clusters"), 2);
  EXPECT_EQ(test.at("latents").at("y2").at("clusters"), 3);
  const std::string shown = run({"evaluate", "made"}).out;
  EXPECT_NE(shown.find("NMI, y1"), std::string::npos) << shown;
  EXPECT_NE(shown.find("NMI, y2"), std::string::npos) << shown;
}

TEST_F(Command, BenchComparesModelsOnDataAndReportPutsRunsSideBySide) {
  write_points("points.csv");
  std::vector<std::string> bench = {"bench",      "points.csv", "--models", "vae,mog,cp_vae,hvp",
                                    "--clusters", "3",          "--labels", "kind",
                                    "--threads",  "1"};
  for (const char* setting : {"train.epochs=2", "train.batch=20", "model.hidden=[8]"}) {
    bench.insert(bench.end(), {"--set", setting});
  }
  const Outcome made = run(bench);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("−ELBO"), std::string::npos) << made.out;
  const auto table = results();
  EXPECT_EQ(table.at("points/cp_vae").at("clusters"), 3);
  EXPECT_EQ(table.at("points/mog").at("clusters"), 3);
  EXPECT_FALSE(table.at("points/vae").contains("clusters"));
  EXPECT_TRUE(fs::exists(folder_ / "runs/bench/points/comparison/index.html"));

  const std::string runs = "runs/bench/points/";
  const Outcome report = run({"report", runs + "vae/seed-1", runs + "hvp/seed-1", "--out", "two"});
  ASSERT_EQ(report.code, 0) << report.err;
  const std::string csv = read(folder_ / "two/comparison.csv");
  EXPECT_NE(csv.find("\nvae,"), std::string::npos) << csv;
  EXPECT_NE(csv.find("\nhvp,"), std::string::npos) << csv;
  fs::create_directories(folder_ / "mine");
  write(folder_ / "mine/index.html", "mine");
  expect_refusal({"report", runs + "vae/seed-1", runs + "hvp/seed-1", "--out", "mine"},
                 {"mine", "empty folder"});
  EXPECT_EQ(read(folder_ / "mine/index.html"), "mine");
  expect_refusal({"report", runs + "vae/seed-1", runs + "vae/seed-1", "--out", "two"},
                 {"seed-1", "name each once"});
  expect_refusal({"bench", "points.csv"}, {"--models"});
  expect_refusal({"bench", "points.csv", "--models", "vea"}, {"vae"});
  write(folder_ / "words.csv", "a,b\n1,2\nx,3\n4,5\n");
  expect_refusal({"bench", "words.csv", "--models", "vae,mog", "--out", "none"}, {"line 3: 'x'"});
  EXPECT_FALSE(fs::exists(folder_ / "none"));
  expect_refusal({"bensch", "points.csv"}, {"no command bensch", "did you mean bench?"});
}

TEST_F(Command, BenchSweepsOverTheNumberOfClusters) {
  write_points("points.csv");
  std::vector<std::string> bench = {"bench",   "points.csv", "--sweep", "x", "--labels",  "kind",
                                    "--seeds", "2",          "--jobs",  "2", "--threads", "1"};
  for (const char* setting :
       {"train.epochs=2", "train.batch=20", "model.hidden=[8]", "train.start=none"}) {
    bench.insert(bench.end(), {"--set", setting});
  }
  std::string& sweep = bench[3];
  for (const char* wrong : {"model.clusters", "model.clusters=2", "model.clusters=2,two",
                            "model.clusters=2,2", "train.learning_rate=0.001,1e-3"}) {
    sweep = wrong;
    expect_refusal(bench, {"--sweep", wrong});
  }
  sweep = "model.clusters=[4,4],[4";
  expect_refusal(bench, {"\"[4\"", "no number or list"});
  sweep = "model.clusters=[4,4],[4.0,4]";
  expect_refusal(bench, {"a value twice"});
  sweep = "model.nope=1,2";
  expect_refusal(bench, {"--sweep model.nope=1: unknown key"});
  sweep = "seed=1,2";
  expect_refusal(bench, {"seed is set", "--seeds"});
  expect_refusal({"bench", "points.csv", "--models", "vae", "--set", "seed=7"}, {"--seeds"});
  sweep = "model.clusters=2,3";
  const Outcome made = run(bench);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("Recommended: model.clusters = "), std::string::npos) << made.out;
  const std::string table = read(folder_ / "runs/bench/points/cp_vae/sweep.md");
  for (const char* line : {"\n| 2 | −", "\n| 3 | −", " | 1.0", "nothing to rely on"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
  EXPECT_EQ(results().at("points/cp_vae/clusters-3").at("clusters"), 3);
  const std::string again = results().at("points/cp_vae/clusters-3").at("command");
  EXPECT_NE(again.find("--models cp_vae"), std::string::npos) << again;
  EXPECT_NE(run(bench).out.find("4 finished before"), std::string::npos);
}

TEST_F(Command, BenchSweepsOverClustersByEachModelsNameAndOverLists) {
  write_points("points.csv");
  std::vector<std::string> bench = {
      "bench", "points.csv", "--models", "mog",     "--labels",
      "kind",  "--threads",  "1",        "--sweep", "model.clusters=2,3"};
  for (const char* setting : {"train.epochs=1", "train.batch=50"}) {
    bench.insert(bench.end(), {"--set", setting});
  }
  const Outcome mixture = run(bench);
  ASSERT_EQ(mixture.code, 0) << mixture.err;
  EXPECT_EQ(results().at("points/mog/clusters-3").at("clusters"), 3);
  const std::string command = results().at("points/mog/clusters-3").at("command");
  EXPECT_NE(command.find("--set model.components=3"), std::string::npos) << command;
  bench[3] = "vae";
  expect_refusal(bench, {"--sweep model.clusters: vae has one component", "model.prior"});

  bench[3] = "vlac";
  bench[9] = "model.clusters=[2,3],4";
  const Outcome lists = run(bench);
  ASSERT_EQ(lists.code, 0) << lists.err;
  EXPECT_EQ(results().at("points/vlac/clusters-2-3").at("clusters"), nlohmann::json({2, 3}));
  EXPECT_EQ(results().at("points/vlac/clusters-4").at("clusters"), nlohmann::json({4, 4}));
  const std::string table = read(folder_ / "runs/bench/points/vlac/sweep.md");
  for (const char* line : {"\n| [2,3], y1 | −", "\n| [2,3], y2 | −", "\n| 4, y1 | −"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST_F(Command, BenchDrawsLikelihoodsByHowManyLabelsRowsLearnFrom) {
  write_points("points.csv");
  std::string numbers = "a,b\n";
  for (int i = 0; i < 150; ++i) numbers += std::to_string(i % 7) + "," + std::to_string(i) + "\n";
  write(folder_ / "numbers.csv", numbers);
  std::vector<std::string> bench = {"bench", "points.csv", "--models", "m2", "--threads", "1"};
  for (const char* setting : {"train.epochs=1", "train.batch=50", "model.hidden=[8]"}) {
    bench.insert(bench.end(), {"--set", setting});
  }
  std::vector<std::string> unlabelled = bench;
  unlabelled[1] = "numbers.csv";
  bench.insert(bench.end(), {"--labels", "kind", "--sweep", "data.label_budget=6,30"});
  const Outcome made = run(bench);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE((made.out + made.err).find("labels.png"), std::string::npos) << made.out;
  EXPECT_EQ(results().at("points/m2/label_budget-30").at("labels"), 30);
  ASSERT_EQ(run(unlabelled).code, 0);
  EXPECT_EQ(results().at("numbers/m2").at("labels"), 0);
}

TEST_F(Command, BenchSaysTheClustersOfItsRunsAndMixesNoRunsOfOtherData) {
  write_points("points.csv");
  std::vector<std::string> bench = {"bench",    "points.csv", "--models",  "m2",
                                    "--labels", "kind",       "--threads", "1"};
  for (const char* setting : {"train.epochs=2", "train.batch=20", "model.hidden=[8]"}) {
    bench.insert(bench.end(), {"--set", setting});
  }
  const Outcome made = run(bench);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(results().at("points/m2").at("clusters"),
            3);  // as many as classes, and not the default
  EXPECT_EQ(results().at("points/m2").at("labels"), -1);
  EXPECT_EQ(results().at("points/m2").at("settings").at("train").at("epochs"), 2);
  EXPECT_EQ(results().at("points/m2").at("settings").at("data").at("path"), "points.csv");
  EXPECT_NE(read(folder_ / "runs/bench/results.md").find("| 3 |"), std::string::npos);

  const std::string table = read(folder_ / "points.csv");
  const std::string before = read(folder_ / "runs/bench/results.json");
  bench.insert(bench.end(), {"--seeds", "2"});
  write(folder_ / "points.csv", table + "1,2,3,4,x\n");
  expect_refusal(bench, {"points/m2/seed-1: ", "points.csv", "151x4", "delete this run", "--out"});
  EXPECT_EQ(read(folder_ / "runs/bench/results.json"), before);
  EXPECT_FALSE(fs::exists(folder_ / "runs/bench/points/m2/seed-2"));
  write(folder_ / "points.csv", table);
  EXPECT_NE(run(bench).out.find("2 runs, 1 finished before"), std::string::npos);
}

TEST_F(Command, BenchMakesATableAndRunsOnlyWhatIsMissing) {
  write_points("points.csv");
  write_experiment("a", "epochs = 3\n");
  write(folder_ / "experiments/small/b.toml", "extends = 'a.toml'\n[train]\nepochs = 2\n");
  write(folder_ / "doc.md", "# Before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nAfter\n");
  const std::vector<std::string> bench = {
      "bench", "experiments/small/a.toml", "--seeds", "2", "--jobs", "2", "--threads", "1"};
  const Outcome made = run(bench);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("small/a seed 2: bound"), std::string::npos) << made.out;
  const auto first = results();
  const auto& row = first.at("small/a");
  EXPECT_EQ(row.at("clusters"), 3);
  ASSERT_EQ(row.at("runs").size(), 2u);
  double mean = 0;
  for (int seed = 1; seed <= 2; ++seed) {
    const auto& one = row.at("runs")[seed - 1];
    EXPECT_EQ(one.at("seed"), seed);
    EXPECT_EQ(one.at("epochs"), 3);
    EXPECT_EQ(one.at("stopped_early"), false);
    for (const char* key : {"machine", "date", "version", "command", "seconds"}) {
      EXPECT_TRUE(one.contains(key)) << key;
    }
    mean -= one.at("metrics").at("test").at("elbo").get<double>() / 2;
  }
  EXPECT_NE(row.at("runs")[0].at("metrics"), row.at("runs")[1].at("metrics"));
  EXPECT_NEAR(row.at("summary").at("negative_bound").at("mean"), mean, 1e-9);

  const auto model = folder_ / "runs/bench/small/a/seed-1/model.safetensors";
  const auto before = fs::last_write_time(model);
  auto both = bench;
  both.insert(both.begin() + 1, "experiments/small/b.toml");
  both.insert(both.end(), {"--into", "doc.md"});
  const Outcome more = run(both);
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_NE(more.out.find("4 runs, 2 finished before"), std::string::npos) << more.out;
  EXPECT_EQ(results().at("small/a"), row);
  EXPECT_EQ(results().at("small/b").at("runs")[0].at("epochs"), 2);
  EXPECT_EQ(read(folder_ / "doc.md"), "# Before\n<!-- bench:begin -->\n\n" +
                                          read(folder_ / "runs/bench/results.md") +
                                          "\n<!-- bench:end -->\nAfter\n");
  auto again_with = bench;
  again_with.resize(again_with.size() - 2);  // the row's command says what it was run with
  const Outcome again = run(again_with);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("2 runs, 2 finished before"), std::string::npos) << again.out;
  EXPECT_TRUE(results().contains("small/b")) << "rows of other calls stay";
  EXPECT_EQ(results().at("small/a"), row);
  EXPECT_EQ(fs::last_write_time(model), before);

  fs::remove(folder_ / "runs/bench/small/a/seed-1/metrics.json");
  const Outcome measured = run(bench);
  EXPECT_EQ(measured.code, 0) << measured.err;
  EXPECT_NE(measured.out.find("2 runs, 1 finished before"), std::string::npos) << measured.out;
  EXPECT_EQ(results().at("small/a").at("summary").at("negative_bound"),
            row.at("summary").at("negative_bound"));
  EXPECT_EQ(results().at("small/a").at("runs")[0].at("seconds"), row.at("runs")[0].at("seconds"))
      << "it was not trained again";

  auto other = bench;
  other.insert(other.end(), {"--set", "train.epochs=4"});
  expect_refusal(other, {"small/a/seed-1", "train.epochs is 3, not 4", "--out"});
  other.insert(other.end(), {"--into", "points.csv", "--out", "run"});
  expect_refusal(other, {"points.csv", "bench:begin"});
}

TEST_F(Command, BenchRefusesBeforeItRunsAndOutlivesAFailedRun) {
  write_points("points.csv");
  write_experiment("a", "epochs = 2\n");
  write_experiment("broken", "epoch = 2\n");
  write_experiment("wild", "epochs = 2\nlearning_rate = 1e30\n");
  const auto file = [](const std::string& name) { return "experiments/small/" + name + ".toml"; };
  expect_refusal({"bench", file("a"), file("broken"), "--out", "run"}, {"broken.toml:", "epoch"});
  expect_refusal({"bench", file("a"), file("a"), "--out", "run"}, {"small/a"});
  expect_refusal({"bench", file("a"), "--seeds", "0"}, {"--seeds"});
  EXPECT_FALSE(fs::exists(folder_ / "runs"));

  const Outcome outcome = run({"bench", file("wild"), file("a"), "--threads", "1"});
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  EXPECT_EQ(lines_of(outcome.err), 1) << outcome.err;
  EXPECT_NE(outcome.err.find("1 of 2 runs failed, first small/wild seed 1"), std::string::npos);
  EXPECT_NE(outcome.err.find("at step"), std::string::npos) << outcome.err;
  EXPECT_TRUE(results().at("small/wild").at("runs")[0].contains("failed"));
  EXPECT_EQ(results().at("small/a").at("summary").at("negative_bound").at("runs"), 1);
}

/// experiments/small/table.toml: the experiment of write_experiment in two rows and a variant.
constexpr const char* kTable = R"([data]
path = 'points.csv'
labels = 'kind'
[model]
hidden = [8]
latent = 2
[published]
bound = 2.5
source = 'a table'
[evaluate]
importance_samples = 5
[train]
batch = 20
warmup = 1

[group.clustered]
model = {name = 'cp_vae', clusters = 3}

[variant.short]
groups = ['clustered']
train.epochs = 1

[row.a]
groups = ['clustered']
train.epochs = 3

[row.plain]
model.name = 'vae'
train.epochs = 2
)";

TEST_F(Command, TrainsARowOfATableIntoARunThatNeedsNoTable) {
  write_points("points.csv");
  fs::create_directories(folder_ / "experiments/small");
  write(folder_ / "experiments/small/table.toml", kTable);
  const std::string table = "experiments/small/table.toml";
  const Outcome row = run({"train", table + ":a", "--threads", "1"});
  ASSERT_EQ(row.code, 0) << row.err;
  ASSERT_TRUE(fs::exists(folder_ / "runs/a-1/metrics.json")) << row.out;
  EXPECT_EQ(lines_of(read(folder_ / "runs/a-1/log.jsonl")), 3);
  const Outcome variant = run({"train", table + ":a+short", "--threads", "1", "--seed", "2"});
  ASSERT_EQ(variant.code, 0) << variant.err;
  EXPECT_EQ(lines_of(read(folder_ / "runs/a-short-2/log.jsonl")), 1);

  expect_refusal({"train", table, "--out", "run"}, {table + ":ROW", "a or plain"});
  expect_refusal({"train", table + ":plane", "--out", "run"}, {"did you mean plain?"});
  expect_refusal({"train", table + ":a+shirt", "--out", "run"}, {"did you mean short?"});
  expect_refusal({"train", table + ":plain+short", "--out", "run"},
                 {table + ":19:", "clustered", "leave out +short"});
  expect_refusal({"train", table + ":a", "--set", "model.cluster=2", "--out", "run"},
                 {"did you mean clusters?"});

  fs::remove(folder_ / table);
  ASSERT_EQ(run({"train", "runs/a-1/experiment.toml", "--out", "again"}).code, 0);
  EXPECT_EQ(read(folder_ / "runs/a-1/model.safetensors"),
            read(folder_ / "again/model.safetensors"));
}

TEST_F(Command, BenchRunsTheRowsAskedForAndGoesOnWithThoseThatWereFiles) {
  write_points("points.csv");
  write_experiment("a", "epochs = 3\n");
  ASSERT_EQ(run({"bench", "experiments/small/a.toml", "--threads", "1"}).code, 0);
  const auto of_file = results().at("small/a");
  fs::remove(folder_ / "experiments/small/a.toml");
  const std::string table = "experiments/small/table.toml";
  write(folder_ / table, kTable);

  const Outcome one = run({"bench", table, "--rows", "a*", "--threads", "1"});
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_NE(one.out.find("1 run, 1 finished before"), std::string::npos) << one.out;
  EXPECT_EQ(results().at("small/a").at("summary"), of_file.at("summary"));
  EXPECT_EQ(results().at("small/a").at("command"),
            "clade bench experiments/small/table.toml:a --seeds 1 --threads 1");

  const Outcome all = run({"bench", table, "--threads", "1"});
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_NE(all.out.find("2 runs, 1 finished before"), std::string::npos) << all.out;
  EXPECT_EQ(results().at("small/plain").at("model"), "vae");
  EXPECT_FALSE(results().contains("small/a-short")) << "a variant nobody asked for";

  const Outcome more = run({"bench", table, "--rows", "*+short,pl*", "--threads", "1"});
  ASSERT_EQ(more.code, 0) << more.err;
  EXPECT_NE(more.out.find("2 runs, 1 finished before"), std::string::npos) << more.out;
  EXPECT_EQ(results().at("small/a-short").at("runs")[0].at("epochs"), 1);

  expect_refusal({"bench", table, "--rows", "plane", "--out", "run"},
                 {"--rows plane", table, "did you mean plain?"});
  expect_refusal({"bench", table, "--rows", "a,xyz*", "--out", "run"}, {"xyz*", "a+short"});
  expect_refusal({"bench", table + ":a", "--rows", "a", "--out", "run"}, {"--rows a", "remove it"});
  expect_refusal({"bench", table, table + ":a", "--out", "run"}, {"small/a", "twice"});
}

TEST_F(Command, BenchInterruptedGoesOn) {
  write_points("points.csv", 600);
  write_experiment("a", "epochs = 40\n");
  const std::vector<std::string> bench = {
      "bench", "experiments/small/a.toml", "--seeds", "2", "--threads", "1"};
  auto whole = bench;
  whole.insert(whole.end(), {"--out", "whole"});
  ASSERT_EQ(run(whole).code, 0);
  const pid_t child = start(bench);
  const auto first = folder_ / "runs/bench/small/a/seed-1";
  while (!fs::exists(first / "checkpoint.safetensors")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ::kill(child, SIGINT);
  const Outcome stopped = finish(child);
  ASSERT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_NE(stopped.err.find("stopped with 0 of 2 runs finished"), std::string::npos)
      << stopped.err;
  EXPECT_NE(stopped.err.find("same command"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "runs/bench/small/a/seed-2"));
  ASSERT_EQ(run(bench).code, 0);
  for (const char* seed : {"small/a/seed-1", "small/a/seed-2"}) {
    EXPECT_EQ(read(folder_ / "whole" / seed / "model.safetensors"),
              read(folder_ / "runs/bench" / seed / "model.safetensors"));
  }
}

TEST_F(Command, NaNStopsWithItsNameAndExitCodeThree) {
  write_points("points.csv");
  const Outcome outcome = run(train(
      "points.csv", {"--labels", "kind", "--out", "run", "--set", "train.learning_rate=1e30"}));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(lines_of(outcome.err), 1);
  EXPECT_NE(outcome.err.find("at step"), std::string::npos) << outcome.err;
}

TEST_F(Command, RefusesBadExperiments) {
  write_points("points.csv");
  const auto refuse = [&](const std::vector<std::string>& more,
                          const std::vector<std::string>& mentions) {
    auto arguments = train("points.csv", {"--labels", "kind", "--out", "run"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refusal(arguments, mentions);
  };
  refuse({"--set", "model.clustrs=20"}, {"model.clustrs", "clusters"});
  refuse({"--set", "model.clusters=many"}, {"model.clusters"});
  refuse({"--set", "model.clusters=0"}, {"model.clusters", "at least 1"});
  refuse({"--set", "model.clusters=2.5"}, {"model.clusters"});
  refuse({"--set", "train.batch=-1"}, {"train.batch"});
  refuse({"--set", "trian.batch=10"}, {"trian"});
  refuse({"--set", "model.likelihood=poison"},
         {"poison", "bernoulli, gaussian", "poisson or negative_binomial"});
  refuse({"--set", "model.likelihood=bernoulli"}, {"points.csv", "outside 0 to 1", "gaussian"});
  refuse({"--model", "m2", "--set", "data.label_budget=2"},
         {"data.label_budget is 2", "3 classes", "set it to 3"});
  refuse({"--model", "gmave"}, {"gmave"});
  refuse({"--device", "tpu"}, {"--device", "tpu"});
  refuse({"--device", "cuda"}, {"CUDA"});
  refuse({"--threads", "all"}, {"--threads", "all"});
  refuse({"--seed", "one"}, {"--seed", "one is no seed"});
  refuse({"--set", "train.precision=tf32"}, {"train.precision", "CUDA"});
  refuse({"--set", "evaluate.precision=half"}, {"half", "fp32"});
  refuse({"--set", "model.estimator=sum-and-sample"}, {"sum-and-sample", "sum_and_sample"});
  write(folder_ / "bad.toml",
        "[data]\nname = \"mnist\"\n[model]\nname = \"cp_vae\"\nclusterz = 3\n");
  expect_refusal({"train", "bad.toml", "--out", "run"}, {"bad.toml:5", "clusterz", "clusters"});
  write(folder_ / "broken.toml", "[data\n");
  expect_refusal({"train", "broken.toml", "--out", "run"}, {"broken.toml:1"});
  write(folder_ / "empty.toml", "");
  expect_refusal({"train", "empty.toml", "--out", "run"}, {"model"});
}

TEST_F(Command, RefusesBadData) {
  const auto refuse = [&](const std::string& name, const std::string& content,
                          const std::vector<std::string>& mentions) {
    write(folder_ / name, content);
    expect_refusal({"train", name, "--out", "run"}, mentions);
  };
  expect_refusal({"train", "nowhere.csv", "--out", "run"}, {"nowhere.csv"});
  refuse("ragged.csv", "a,b\n1,2\n3\n", {"ragged.csv", "3"});
  refuse("words.csv", "a,b\n1,2\n3,x\n5,6\n", {"words.csv", "x"});
  refuse("nan.csv", "a,b\n1,2\nnan,3\n", {"nan.csv"});
  refuse("empty.csv", "", {"empty.csv"});
  refuse("same.csv", "a,b\n1,2\n1,2\n", {"same.csv: the 2 training points are all the same"});
  refuse("one.csv", "a,b\n1,2\n", {"one.csv: there is 1 training point, so"});
  refuse("header.csv", "a,b\n", {"header.csv"});
  refuse("short-idx3-ubyte", std::string("\0\0\x08\x03\0\0\0\x0a\0\0\0\x06\0\0\0\x06", 16) + "abc",
         {"short-idx3-ubyte"});
  refuse("cut.csv.gz", "\x1f\x8b\x08", {"cut.csv.gz"});
  refuse("object.npy",
         std::string("\x93NUMPY\x01\x00\x46\x00", 10) +
             "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }" + std::string(13, ' ') +
             "\n",
         {"object.npy", "object"});
  write_points("points.csv");
  write(folder_ / "labels.csv", "1\n2\n");
  write(folder_ / "plain.csv", "1,2\n3,4\n5,7\n");
  expect_refusal({"train", "plain.csv", "--labels", "labels.csv", "--out", "run"},
                 {"labels.csv", "2", "3"});
  expect_refusal({"train", "points.csv", "--labels", "colour", "--out", "run"}, {"colour"});
}

TEST_F(Command, RefusesFoldersItMustNotTouch) {
  write_points("points.csv");
  fs::create_directories(folder_ / "full");
  write(folder_ / "full/precious.txt", "keep me");
  expect_refusal(train("points.csv", {"--labels", "kind", "--out", "full"}), {"full", "--out"});
  EXPECT_EQ(read(folder_ / "full/precious.txt"), "keep me");
  expect_refusal(train("points.csv", {"--labels", "kind", "--out", "points.csv/run"}),
                 {"points.csv/run"});
  expect_refusal({"evaluate", "nowhere"}, {"nowhere"});
  expect_refusal({"evaluate", "full"}, {"full", "experiment.toml"});
  expect_refusal({"train", "--resume", "nowhere"}, {"nowhere"});
  expect_refusal({"train"}, {"clade train --help"});
  expect_refusal({"train", "points.csv", "--labls", "kind"}, {"--labls", "did you mean --labels"});
  expect_refusal({"train", "points.csv", "--clusters", "3"}, {"--set model.clusters=VALUE"});
  expect_refusal({"frobnicate"}, {"clade --help"});
}

TEST_F(Command, ReadsATableByItsColumnsNames) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  std::istringstream table(read(folder_ / "points.csv"));
  std::string swapped, bare;
  for (std::string line; std::getline(table, line);) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    swapped += cells[3] + "," + cells[1] + "," + cells[0] + "," + cells[2] + "\n";
    if (cells[0] != "a") bare += line + "\n";
  }
  write(folder_ / "swapped.csv", swapped);
  write(folder_ / "bare.csv", bare);
  ASSERT_EQ(run({"cluster", "made", "points.csv", "--out", "one.csv"}).code, 0);
  ASSERT_EQ(run({"cluster", "made", "swapped.csv", "--out", "two.csv"}).code, 0);
  ASSERT_EQ(run({"cluster", "made", "bare.csv", "--labels", "5", "--out", "three.csv"}).code, 0);
  EXPECT_EQ(read(folder_ / "one.csv"), read(folder_ / "three.csv"));
  const std::regex label("^(\\d+|index),(x|y|z|label),", std::regex::multiline);
  EXPECT_EQ(std::regex_replace(read(folder_ / "one.csv"), label, "$1,"), read(folder_ / "two.csv"));
  EXPECT_EQ(run({"embed", "made", "points.csv"}).code, 0);
  write(folder_ / "other.csv", "a,b,c,e\n1,2,3,4\n");
  expect_refusal({"cluster", "made", "other.csv"}, {"other.csv", "'d'"});
  expect_refusal({"cluster", "made", "bare.csv"}, {"bare.csv", "--labels"});
}

TEST_F(Command, NoticesThatItsDataHaveChanged) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const std::string before = read(folder_ / "made/metrics.json");
  const std::string table = read(folder_ / "points.csv");
  write(folder_ / "points.csv", table + "1,2,3,4,x\n");
  for (const std::vector<std::string>& command : {std::vector<std::string>{"evaluate", "made"},
                                                  {"report", "made"},
                                                  {"train", "--resume", "made"}}) {
    expect_refusal(command, {"points.csv", "150x4", "151x4"});
  }
  EXPECT_EQ(read(folder_ / "made/metrics.json"), before);
  write(folder_ / "points.csv", table);
  EXPECT_EQ(run({"evaluate", "made"}).code, 0);
}

TEST_F(Command, NoticesThatItsDataAreSplitOtherwise) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const std::string before = read(folder_ / "made/metrics.json");
  const std::string settings = read(folder_ / "made/experiment.toml");
  const auto expect_refused_with = [&](const std::string& from, const std::string& to,
                                       const std::string& said) {
    std::string edited = settings;
    ASSERT_NE(edited.find(from), std::string::npos) << from << " in " << settings;
    write(folder_ / "made/experiment.toml", edited.replace(edited.find(from), from.size(), to));
    for (const std::vector<std::string>& command : {std::vector<std::string>{"evaluate", "made"},
                                                    {"report", "made"},
                                                    {"train", "--resume", "made"}}) {
      expect_refusal(command, {said, "train anew"});
    }
  };
  expect_refused_with("\ntest = -1\n", "\ntest = 50\n", "data.test");
  expect_refused_with("seed = 1\n", "seed = 2\n", "seed is 2");
  expect_refused_with("values = \"auto\"", "values = \"raw\"", "data.values");
  EXPECT_EQ(read(folder_ / "made/metrics.json"), before);
  write(folder_ / "made/experiment.toml", settings);
  EXPECT_EQ(run({"train", "--resume", "made"}).code, 0);
}

TEST_F(Command, RefusesOptionsItWouldNotHeed) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const std::string before = read(folder_ / "made/metrics.json");
  expect_refusal({"train", "--resume", "made", "--set", "train.epochs=9"},
                 {"made/experiment.toml"});
  expect_refusal({"train", "points.csv", "--resume", "made"}, {"made/experiment.toml"});
  expect_refusal({"evaluate", "made", "--labels", "kind"}, {"--data"});
  expect_refusal({"evaluate", "made", "--split", "train", "--data", "points.csv"}, {"--split"});
  expect_refusal({"report", "made", "--out", "page"}, {"--out"});
  expect_refusal({"bench", "points.csv", "--clusters", "3"}, {"--models"});
  expect_refusal({"bench", "points.csv", "--models", "vae,vae"}, {"points/vae", "twice"});
  expect_refusal({"generate", "made", "--seed", "-3", "--out", "x.npy"}, {"--seed"});
  expect_refusal({"embed", "made", "points.csv", "--out", "z.txt"}, {"z.txt", "end in .npy"});
  expect_refusal(train("points.csv", {"--labels", "kind", "--set", "threads=100000"}), {"1024"});
  EXPECT_EQ(read(folder_ / "made/metrics.json"), before);
  // Figures of other points stand beside the run's own, whatever the file is called.
  fs::copy_file(folder_ / "points.csv", folder_ / "test");
  ASSERT_EQ(run({"evaluate", "made", "--data", "test"}).code, 0);
  const auto metrics = nlohmann::json::parse(read(folder_ / "made/metrics.json"));
  EXPECT_EQ(metrics.at("test"), nlohmann::json::parse(before).at("test"));
  EXPECT_EQ(metrics.at("data test").at("points"), 150);

  ASSERT_EQ(run({"train", "points.csv", "--labels", "kind", "--model", "vae", "--out", "plain",
                 "--threads", "1", "--set", "train.epochs=1", "--set", "model.hidden=[8]"})
                .code,
            0);
  expect_refusal({"cluster", "plain", "points.csv"}, {"vae has no clusters"});
  expect_refusal({"generate", "plain", "--cluster", "2", "--out", "x.npy"},
                 {"vae has no clusters"});
  expect_refusal({"evaluate", "plain", "--sum-clusters"}, {"vae infers no clusters to sum"});
  // The page of several runs is none of theirs.
  const std::string page = read(folder_ / "made/report/index.html");
  for (const char* out : {"made", "made/report", "plain/new"}) {
    expect_refusal({"report", "made", "plain", "--out", out}, {"--out is", "run folder"});
  }
  EXPECT_EQ(read(folder_ / "made/report/index.html"), page);
  EXPECT_FALSE(fs::exists(folder_ / "plain/new"));
}

TEST_F(Command, ClustersInUseAreThoseThatClusterFills) {
  // Three groups, of 100, 30 and 20 points.
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  std::ostringstream csv;
  csv << "a,b,kind\n";
  for (int i = 0; i < 150; ++i) {
    const int k = i < 100 ? 0 : i < 130 ? 1 : 2;
    csv << 5 * (k == 1) + 0.3 * noise(random) << "," << 5 * (k == 2) + 0.3 * noise(random) << ","
        << "xyz"[k] << "\n";
  }
  write(folder_ / "groups.csv", csv.str());
  for (const auto& [model, clusters] :
       {std::pair{"cp_vae", "model.clusters=6"}, {"mog", "model.components=6"}}) {
    const Outcome trained = run({"train",     "groups.csv",
                                 "--labels",  "kind",
                                 "--model",   model,
                                 "--out",     model,
                                 "--threads", "1",
                                 "--set",     clusters,
                                 "--set",     "model.layers=[16]",
                                 "--set",     "model.latent=2",
                                 "--set",     "train.epochs=15",
                                 "--set",     "train.batch=20",
                                 "--set",     "train.learning_rate=1e-2",
                                 "--set",     "train.warmup=5"});
    ASSERT_EQ(trained.code, 0) << trained.err;
    ASSERT_EQ(run({"cluster", model, "groups.csv", "--out", "c.csv"}).code, 0);
    const Outcome seen = run({"evaluate", model, "--data", "groups.csv", "--labels", "kind"});
    std::set<std::string> filled;
    std::istringstream lines(read(folder_ / "c.csv"));
    std::string line;
    std::getline(lines, line);
    const auto column = std::count(
        line.begin(), line.begin() + static_cast<std::ptrdiff_t>(line.find("cluster")), ',');
    while (std::getline(lines, line)) {
      std::istringstream cells(line);
      std::string cell;
      for (int64_t i = 0; i <= column; ++i) std::getline(cells, cell, ',');
      filled.insert(cell);
    }
    const auto metrics = nlohmann::json::parse(read(folder_ / model / "metrics.json"));
    EXPECT_EQ(metrics.at("data groups.csv").at("clusters_in_use"), filled.size()) << model;
    EXPECT_NE(seen.out.find("clusters above an even share"), std::string::npos) << seen.out;
    const int64_t empty = 6 - metrics.at("test").at("clusters_in_use").get<int64_t>();
    ASSERT_GT(empty, 0) << model;
    EXPECT_NE(trained.out.find(std::to_string(empty) + " of 6 clusters " +
                               (empty == 1 ? "is" : "are") + " empty: none of the 15 test points"),
              std::string::npos)
        << trained.out;
  }
  const Outcome plain =
      run({"train", "groups.csv", "--labels", "kind", "--model", "vae", "--out", "vae", "--threads",
           "1", "--set", "train.epochs=1", "--set", "model.layers=[8]"});
  EXPECT_EQ(plain.out.find("luster"), std::string::npos) << plain.out;
}

TEST_F(Command, SaysIfAnotherNumberOfThreadsGoesOn) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  std::string settings = read(folder_ / "made/experiment.toml");
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"epochs = 3", "epochs = 4"},
                                 {"threads = 1", "threads = 2"}}) {
    ASSERT_NE(settings.find(from), std::string::npos);
    settings.replace(settings.find(from), from.size(), to);
  }
  write(folder_ / "made/experiment.toml", settings);
  const Outcome resumed = run({"train", "--resume", "made"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("note: threads: 1 at its beginning, 2 now"), std::string::npos)
      << resumed.err;
}

TEST_F(Command, WritesWhereItIsTold) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  write(folder_ / "target.csv", "old");
  fs::create_symlink("target.csv", folder_ / "link.csv");
  ASSERT_EQ(run({"cluster", "made", "points.csv", "--out", "link.csv"}).code, 0);
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.csv"));
  EXPECT_EQ(read(folder_ / "target.csv").rfind("index,label,cluster", 0), 0U);
  // A device stays one: replaced it would be gone for everyone.
  fs::create_symlink("/dev/full", folder_ / "full.csv");
  expect_refusal({"cluster", "made", "points.csv", "--out", "full.csv"}, {"full.csv", "No space"});
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  // Into a pipe, all of it; a folder stays as it is, and is refused before anything is computed.
  ASSERT_EQ(::mkfifo((folder_ / "pipe.csv").c_str(), 0600), 0);
  const pid_t reader = start_program({"sh", "-c", "cat pipe.csv >piped.csv"});
  const Outcome piped = run({"cluster", "made", "points.csv", "--out", "pipe.csv"});
  EXPECT_EQ(finish(reader).code, 0);
  EXPECT_EQ(piped.code, 0) << piped.err;
  EXPECT_EQ(read(folder_ / "piped.csv"), read(folder_ / "target.csv"));
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe.csv"));
  fs::create_directories(folder_ / "mine.csv");
  write(folder_ / "mine.csv/kept", "kept");
  for (const char* command : {"cluster", "embed", "score"}) {
    expect_refusal({command, "made", "points.csv", "--out", "mine.csv"},
                   {"mine.csv is a folder; give a file"});
  }
  expect_refusal({"generate", "made", "--out", "mine.csv"}, {"mine.csv is a folder"});
  expect_refusal(train("points.csv", {"--out", "pipe.csv"}), {"pipe.csv exists", "another --out"});
  EXPECT_EQ(read(folder_ / "mine.csv/kept"), "kept");
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << entry.path();
  }
}

TEST_F(Command, RefusesDamagedRuns) {
  write_points("points.csv");
  ASSERT_EQ(run(train("points.csv", {"--labels", "kind", "--out", "made"})).code, 0);
  const auto model = folder_ / "made/model.safetensors";
  const std::string whole = read(model);
  write(model, whole.substr(0, whole.size() / 2));
  expect_refusal({"generate", "made", "--out", "x.npy"}, {"model.safetensors"});
  EXPECT_FALSE(fs::exists(folder_ / "x.npy"));
  write(model, whole);
  expect_refusal({"generate", "made", "--cluster", "3", "--out", "x.npy"}, {"clusters 0 to 2"});
  expect_refusal({"generate", "made", "--out", "x.png"}, {".npy"});
  expect_refusal({"generate", "made", "--out", "x.jpg"}, {".png, .npy or .csv"});
  write(folder_ / "narrow.csv", "1,2\n3,4\n");
  expect_refusal({"cluster", "made", "narrow.csv"}, {"narrow.csv", "4", "2"});
  expect_refusal({"embed", "made", "narrow.csv", "--layer", "z9"}, {"no continuous latent", "z9"});
}

}  // namespace
