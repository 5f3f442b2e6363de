// What befalls a run: the machine goes down, the disk is full, the terminal closes, two begin at
// once. See tests/faults/inject.cpp for how; CLADE_EVERY_FAULT=1 tries every file operation, which
// takes minutes, instead of some.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/command_folder.h"

namespace fs = std::filesystem;

namespace {

class Faults : public CommandFolder {
 protected:
  void SetUp() override {
    CommandFolder::SetUp();
    std::ostringstream csv;
    csv << "a,b,kind\n";
    for (int i = 0; i < 90; ++i) {
      csv << 3 * (i % 3 == 0) + 0.01 * (i % 7) << "," << 2 * (i % 3 == 1) - 0.02 * (i % 5) << ","
          << "xyz"[i % 3] << "\n";
    }
    write(folder_ / "points.csv", csv.str());
  }

  pid_t start(std::vector<std::string> words, const std::vector<std::string>& settings = {}) const {
    words.insert(words.begin(), CLADE_COMMAND);
    std::vector<std::string> all = {"env"};
    all.insert(all.end(), settings.begin(), settings.end());
    all.insert(all.end(), words.begin(), words.end());
    return start_program(all);
  }

  Outcome run(const std::vector<std::string>& words,
              const std::vector<std::string>& settings = {}) const {
    return finish(start(words, settings));
  }

  Outcome shell(const std::string& script) const {
    return finish(start_program({"sh", "-c", script}));
  }

  static std::vector<std::string> train(const std::string& out, int epochs = 3) {
    return {"train",     "points.csv",
            "--labels",  "kind",
            "--out",     out,
            "--threads", "1",
            "--set",     "train.epochs=" + std::to_string(epochs),
            "--set",     "train.batch=20",
            "--set",     "train.warmup=1",
            "--set",     "model.layers=[4]",
            "--set",     "model.latent=2",
            "--set",     "model.clusters=3"};
  }

  std::vector<std::string> injecting(const std::string& fault) const {
    return {"LD_PRELOAD=" CLADE_INJECT, "CLADE_FAULT=" + fault,
            "CLADE_FAULT_FOLDER=" + (folder_ / "run").string(),
            "CLADE_FAULT_COUNT=" + (folder_ / "count").string()};
  }

  void expect_one_line(const Outcome& outcome, int code, const std::string& what) const {
    EXPECT_EQ(outcome.code, code) << what << ": " << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << what << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("clade: ")) << what << outcome.err;
  }

  /// Ends what a fault broke off: by resuming it, or if it has no checkpoint yet anew.
  void finish_training(const std::string& what) const {
    if (fs::exists(folder_ / "run/checkpoint.safetensors")) {
      const Outcome resumed = run({"train", "--resume", (folder_ / "run").string()});
      EXPECT_EQ(resumed.code, 0) << what << ": " << resumed.err;
      return;
    }
    fs::remove_all(folder_ / "run");
    EXPECT_EQ(run(train((folder_ / "run").string())).code, 0) << what;
  }

  void expect_nothing_left(const std::string& what) const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run")) {
      EXPECT_EQ(entry.path().string().find(".part"), std::string::npos) << what << entry.path();
    }
  }

  /// The log without the times that epochs took.
  static std::string log_of(const fs::path& run) {
    std::istringstream lines(read(run / "log.jsonl"));
    std::string log;
    for (std::string line; std::getline(lines, line);) {
      auto entry = nlohmann::json::parse(line);
      entry.erase("seconds");
      entry.erase("samples_per_second");
      log += entry.dump() + "\n";
    }
    return log;
  }

  static std::string metrics_of(const fs::path& run) {
    std::istringstream lines(read(run / "metrics.json"));
    std::string metrics;
    for (std::string line; std::getline(lines, line);) {
      if (line.find("\"seconds\"") == std::string::npos) metrics += line + "\n";
    }
    return metrics;
  }

  static std::string weights_of(const fs::path& run) {
    const std::string file = read(run / "model.safetensors");
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    return file.substr(8 + length);
  }
};

TEST_F(Faults, ARunGoesOnAsIfNothingHadBeenWhereverItIsKilledOrTheDiskIsFull) {
  ASSERT_EQ(run(train((folder_ / "run").string()), injecting("none:0")).code, 0);
  const int operations = std::stoi(read(folder_ / "count"));
  ASSERT_GT(operations, 40);
  const std::string weights = weights_of(folder_ / "run"), log = log_of(folder_ / "run");
  const std::string metrics = metrics_of(folder_ / "run");
  const int stride = std::getenv("CLADE_EVERY_FAULT") != nullptr ? 1 : operations / 6 + 1;
  for (const std::string kind : {"kill", "half", "full"}) {
    for (int at = kind == "half" ? 3 : kind == "full" ? 5 : 1; at <= operations; at += stride) {
      const std::string what = kind + ":" + std::to_string(at);
      fs::remove_all(folder_ / "run");
      const Outcome ended = run(train((folder_ / "run").string()), injecting(what));
      if (kind == "full") {
        expect_one_line(ended, 2, what);
      } else {
        EXPECT_EQ(ended.code, -1) << what << ended.err;
      }
      finish_training(what);
      EXPECT_EQ(weights_of(folder_ / "run"), weights) << what;
      EXPECT_EQ(log_of(folder_ / "run"), log) << what;
      EXPECT_EQ(metrics_of(folder_ / "run"), metrics) << what;
      expect_nothing_left(what);
    }
  }
}

TEST_F(Faults, BenchFinishesARunThatWasKilledBetweenItsCheckpointsTwoFiles) {
  const std::vector<std::string> bench = {
      "bench", "points.csv",     "--models", "cp_vae",          "--clusters",
      "3",     "--labels",       "kind",     "--set",           "train.epochs=2",
      "--set", "train.warmup=1", "--set",    "model.layers=[4]"};
  ASSERT_EQ(run(bench).code, 0);
  const fs::path run_folder = folder_ / "runs/bench/points/cp_vae/seed-1";
  auto numbers = nlohmann::json::parse(read(run_folder / "checkpoint.json"));
  numbers["epoch"] = 1;
  write(run_folder / "checkpoint.json", numbers.dump());
  fs::remove(run_folder / "run.json");
  const Outcome again = run(bench);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("1 finished before"), std::string::npos) << again.out;
}

TEST_F(Faults, ABenchThatEndsByAnErrorStopsItsRuns) {
  // results.json becomes a folder while two long runs go on; a third, short, ends and is to be put
  // there.
  const pid_t bench = start({"bench",      "points.csv",
                             "--models",   "cp_vae,vae",
                             "--labels",   "kind",
                             "--jobs",     "2",
                             "--clusters", "3",
                             "--set",      "train.epochs=100000",
                             "--set",      "train.early_stopping_patience=0",
                             "--set",      "train.warmup=1",
                             "--set",      "train.checkpoint_every=100000",
                             "--set",      "model.layers=[4]"});
  const fs::path out = folder_ / "runs/bench";
  const auto wait_for = [&](const fs::path& path) {
    for (int i = 0; i < 1200 && !fs::exists(path); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  };
  for (const char* name : {"cp_vae", "vae"}) wait_for(out / "points" / name / "seed-1/log.jsonl");
  fs::remove(out / "results.json");
  fs::create_directory(out / "results.json");
  // The run of vae ends, as it would by an error of its own: bench writes what it knows.
  const Outcome found = shell("pgrep -P " + std::to_string(bench));
  std::istringstream children(found.out);
  pid_t child = 0;
  ASSERT_TRUE(children >> child);
  ::kill(child, SIGKILL);
  const Outcome ended = finish(bench);
  EXPECT_EQ(ended.code, 2) << ended.err;
  EXPECT_NE(ended.err.find("results.json"), std::string::npos) << ended.err;
  // Whoever still ran would hold the lock that bench gave its runs.
  const int lock = ::open((out / ".lock").c_str(), O_RDWR);
  EXPECT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  ::close(lock);
}

TEST_F(Faults, RunsThatBeginAtOnceTakeFoldersOfTheirOwn) {
  std::string script;
  for (int i = 0; i < 4; ++i) {
    script += std::string(CLADE_COMMAND) +
              " train points.csv --labels kind --threads 1 --set train.epochs=1 --set "
              "model.layers=[4] >/dev/null 2>&1 || echo failed & ";
  }
  EXPECT_EQ(shell(script + "wait").out, "");
  for (const char* name : {"", "-2", "-3", "-4"}) {
    EXPECT_TRUE(
        fs::exists(folder_ / ("runs/cp_vae-points-1" + std::string(name)) / "report/index.html"))
        << name;
  }
}

TEST_F(Faults, SignalsAreAnsweredByWhatToDo) {
  auto words = train("run", /*epochs=*/100000);
  words.insert(words.end(), {"--set", "train.early_stopping_patience=0"});
  for (const int signal : {SIGHUP, SIGTERM}) {
    fs::remove_all(folder_ / "run");
    const pid_t child = start(words);
    for (int i = 0; i < 600 && !fs::exists(folder_ / "run/log.jsonl"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ::kill(child, signal);
    const Outcome stopped = finish(child);
    expect_one_line(stopped, 130, std::to_string(signal));
    EXPECT_NE(stopped.err.find("clade train --resume run"), std::string::npos) << stopped.err;
  }
  // Measuring takes long: it is told to stop in the middle of it.
  ASSERT_EQ(run(train("made")).code, 0);
  const std::string metrics = read(folder_ / "made/metrics.json");
  Outcome stopped;
  for (int seconds = 1; seconds <= 32; seconds *= 2) {
    const pid_t child =
        start({"evaluate", "made", "--split", "train", "--importance-samples", "1000000"});
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    ::kill(child, SIGINT);
    stopped = finish(child);
    if (stopped.code != -1) break;  // else it was still reading
  }
  expect_one_line(stopped, 130, "evaluate");
  EXPECT_NE(stopped.err.find("run the same command again"), std::string::npos) << stopped.err;
  EXPECT_EQ(read(folder_ / "made/metrics.json"), metrics);
}

TEST_F(Faults, SignalsWhileDataAreReadEndInALine) {
  const fs::path pipe = folder_ / "pipe.csv";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const pid_t child = start({"train", "pipe.csv", "--out", "run"});
    int data = -1;  // opens once the command reads, and holds it there
    for (int i = 0; i < 600 && data < 0; ++i) {
      data = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (data < 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ASSERT_GE(data, 0);
    ::kill(child, signal);
    const Outcome stopped = finish(child);
    ::close(data);
    expect_one_line(stopped, 130, std::to_string(signal));
    EXPECT_NE(stopped.err.find("the same command"), std::string::npos) << stopped.err;
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  }
}

TEST_F(Faults, LimitsAndPipesAreAsAFullDisk) {
  const std::string clade = CLADE_COMMAND;
  const std::string rest =
      " train points.csv --labels kind --threads 1 --set train.epochs=2 --set model.layers=[300] "
      "--out run";
  const Outcome limited = shell("ulimit -f 40; exec " + clade + rest);
  expect_one_line(limited, 2, "ulimit -f");
  EXPECT_NE(limited.err.find("File too large"), std::string::npos) << limited.err;
  expect_nothing_left("ulimit -f");
  fs::remove_all(folder_ / "run");

  // All is done, though nobody reads on.
  shell(clade + rest + " | head -c 1");
  EXPECT_TRUE(fs::exists(folder_ / "run/report/index.html"));
  if (fs::exists("/dev/full")) {
    expect_one_line(shell("exec " + clade + " --help >/dev/full"), 2, "--help");
  }
  const Outcome pipe = shell("mkfifo pipe; head -c 1 pipe >/dev/null & exec " + clade +
                             " generate run --count 100000 --out pipe.npy & ln -s pipe pipe.npy; "
                             "wait $!");
  EXPECT_NE(pipe.code, -1);
  // Streams that are closed are no files of the run.
  fs::remove_all(folder_ / "run");
  shell("exec " + clade + rest + " <&- >&- 2>&-");
  EXPECT_TRUE(fs::exists(folder_ / "run/report/index.html"));
  EXPECT_EQ(shell("exec " + clade + " cluster run points.csv --out c.csv").code, 0);
}

TEST_F(Faults, OneLineWhateverIsQuoted) {
  const std::string nasty = "x\n\x1b[31my";
  write(folder_ / "cell.csv", "a,b\n1,2\n\"" + nasty + "\",3\n");
  write(folder_ / "name.csv", "a,\"" + nasty + "\"\n1,2\n3,z\n");
  write(folder_ / "long.csv", "a,b\n1,2\n\"" + std::string(5'000'000, 'x') + "\",3\n");
  write(folder_ / "key.toml",
        "[data]\npath = 'points.csv'\n\"" + std::string("x\\n\\u001b[31m") + "\" = 1\n");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"train", "cell.csv"},
                                             {"train", "name.csv"},
                                             {"train", "long.csv"},
                                             {"train", "key.toml"},
                                             {"train", nasty},
                                             {"train", "points.csv", "--set", nasty},
                                             {"train", "points.csv", "--labels", nasty},
                                             {"train", "points.csv", "--" + nasty},
                                             {"models", nasty},
                                             {"evaluate", nasty}}) {
    const Outcome outcome = run(words);
    expect_one_line(outcome, 2, words.back().substr(0, 20));
    EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
    EXPECT_LT(outcome.err.size(), 2100U);
  }
}

TEST_F(Faults, ARunOpensFromAnywhereAndAfterItHasMoved) {
  fs::create_directories(folder_ / "project/data");
  fs::rename(folder_ / "points.csv", folder_ / "project/data/points.csv");
  const std::string clade = CLADE_COMMAND;
  ASSERT_EQ(shell("cd project && " + clade +
                  " train data/points.csv --labels kind --out runs/a --threads 1 --set "
                  "train.epochs=1 --set model.layers=[4]")
                .code,
            0);
  for (const char* command : {"evaluate", "report"}) {
    EXPECT_EQ(run({command, "project/runs/a"}).code, 0) << command;
  }
  fs::rename(folder_ / "project", folder_ / "moved");
  for (const char* command : {"evaluate", "report"}) {
    EXPECT_EQ(run({command, "moved/runs/a"}).code, 0) << command;
  }
  EXPECT_EQ(run({"train", "--resume", "moved/runs/a"}).code, 0);
  // Others of the same name, and none.
  write(folder_ / "moved/data/points.csv", "a,b,kind\n1,2,x\n3,4,y\n");
  const Outcome others = run({"evaluate", "moved/runs/a"});
  expect_one_line(others, 2, "others");
  fs::remove_all(folder_ / "moved/data");
  for (const char* command : {"evaluate", "report"}) {
    const Outcome gone = run({command, "moved/runs/a"});
    expect_one_line(gone, 2, command);
    EXPECT_NE(gone.err.find("was trained on"), std::string::npos) << gone.err;
    EXPECT_NE(gone.err.find("project/data/points.csv"), std::string::npos) << gone.err;
    EXPECT_NE(gone.err.find("data.path in moved/runs/a/experiment.toml"), std::string::npos);
  }
}

TEST_F(Faults, ChangedDataAreNoticedWithoutTheCopyOfTheirFingerprint) {
  ASSERT_EQ(run(train("run", 1)).code, 0);
  fs::remove(folder_ / "run/model.json");
  write(folder_ / "points.csv", read(folder_ / "points.csv") + "9,9,x\n");
  expect_one_line(run({"train", "--resume", "run"}), 2, "resume");
}

TEST_F(Faults, ADamagedFileOfARunIsNamed) {
  ASSERT_EQ(run(train("run", 1)).code, 0);
  const auto try_with = [&](const std::string& file, const std::string& content,
                            const std::vector<std::string>& words) {
    const std::string good = read(folder_ / "run" / file);
    write(folder_ / "run" / file, content);
    const Outcome outcome = run(words);
    write(folder_ / "run" / file, good);
    return outcome;
  };
  for (const std::string content : {R"({"test":{"elbo":"low"}})", R"({"test":7})", "[]", "{"}) {
    const Outcome outcome = try_with("metrics.json", content, {"report", "run"});
    expect_one_line(outcome, 2, content);
    EXPECT_NE(outcome.err.find("run/metrics.json"), std::string::npos) << outcome.err;
  }
  const Outcome record = try_with("run.json", R"({"machine":7})", {"report", "run"});
  expect_one_line(record, 2, "run.json");
  EXPECT_NE(record.err.find("run/run.json"), std::string::npos) << record.err;
  EXPECT_EQ(try_with("log.jsonl",
                     R"({"epoch":1,"train":{"elbo":"low","terms":7}})"
                     "\n7\n",
                     {"report", "run"})
                .code,
            0);
  const std::string weights = read(folder_ / "run/model.safetensors");
  std::string flipped = weights;
  flipped[weights.size() - 3] = static_cast<char>(flipped[weights.size() - 3] ^ 1);
  const Outcome bit = try_with("model.safetensors", flipped, {"report", "run"});
  expect_one_line(bit, 2, "a flipped bit");
  EXPECT_NE(bit.err.find("checksum"), std::string::npos) << bit.err;
}

}  // namespace
