// Runs of version 0.1.0 open, measure and train on as they did there.
//
// compatibility/runs.tar.gz holds small runs as 0.1.0 left them (runs/) and what it found on each
// (figures/): bound and terms, F_20, clusters and latents of new points; log, figures and model
// after two more epochs. compatibility/make made them, from the commit it names, and
// compatibility/measure has the commands of the measuring, which this test repeats with the command
// of this build. Made again by a later build they would prove nothing: if a run no longer measures
// the same, mend the build.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/command_folder.h"

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Tolerance {
  double absolute, relative;
};

// Of figures of the weights as they were read. Other vector instructions change them by 1e-7;
// sums in another order may do more, and a divergence is a small difference of larger numbers.
constexpr Tolerance kMeasured{1e-5, 1e-5};

// Of figures after more training: Adam divides each gradient by its own size, so that where one is
// zero but for rounding (a bias before batch norm) rounding decides which way the weight goes, by
// a learning rate a step. Other vector instructions change cagem's figures by 2e-5 of their size,
// those of models without batch norm by 1e-6 at most.
constexpr Tolerance kResumed{1e-4, 1e-4};

void expect_close(double now, double then, const Tolerance& tolerance, const std::string& where) {
  EXPECT_NEAR(now, then, tolerance.absolute + tolerance.relative * std::abs(then)) << where;
}

/// What 0.1.0 called by the name of another figure.
std::string now_called(const std::string& key, const json& now) {
  if (key == "clusters_in_use") return "clusters_above_even_share";
  if (key == "elbo" && now.contains("relaxed_elbo") && !now.contains("elbo")) {
    return "relaxed_elbo";  // of training that relaxes clusters
  }
  return key;
}

/// All that 0.1.0 wrote is there with the same value; more may stand beside it.
void expect_close(const json& now, const json& then, const Tolerance& tolerance,
                  const std::string& where) {
  if (then.is_object()) {
    for (const auto& [key, value] : then.items()) {
      if (key == "seconds" || key == "samples_per_second") continue;
      if (key == "hidden") continue;  // now written as model.layers, and still read
      // 0.1.0 counted priors that lie apart as active units.
      if (key == "active_units") continue;
      if (const auto name = now_called(key, now); name != key) {
        expect_close(now.at(name), value, tolerance, where + "/" + name);
        continue;
      }
      if (!now.contains(key)) {
        ADD_FAILURE() << where << " has no " << key;
        continue;
      }
      expect_close(now.at(key), value, tolerance, where + "/" + key);
    }
  } else if (then.is_array()) {
    ASSERT_EQ(now.size(), then.size()) << where;
    for (size_t i = 0; i < then.size(); ++i) {
      expect_close(now.at(i), then.at(i), tolerance, where + "/" + std::to_string(i));
    }
  } else if (then.is_number_float()) {
    ASSERT_TRUE(now.is_number()) << where;
    expect_close(now.get<double>(), then.get<double>(), tolerance, where);
  } else {
    EXPECT_EQ(now, then) << where;  // counts, epochs, names
  }
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

/// clusters.csv as a list of rows, headed by the columns' names.
json table(const std::string& csv) {
  json rows = json::array();
  for (const std::string& line : lines(csv)) {
    std::istringstream cells(line);
    json row = json::array();
    for (std::string cell; std::getline(cells, cell, ',');) {
      if (rows.empty()) {
        row.push_back(cell);
      } else if (row.size() < 2) {
        row.push_back(std::stoi(cell));  // index, cluster
      } else {
        row.push_back(std::stod(cell));
      }
    }
    rows.push_back(row);
  }
  return rows;
}

/// A float32 .npy of version 1.0: its header and values.
json array(const std::string& npy) {
  constexpr size_t kLengthAt = 8, kHeaderAt = 10;
  const size_t header = static_cast<unsigned char>(npy.at(kLengthAt)) +
                        256 * static_cast<unsigned char>(npy.at(kLengthAt + 1));
  std::vector<float> values((npy.size() - kHeaderAt - header) / sizeof(float));
  std::memcpy(values.data(), npy.data() + kHeaderAt + header, values.size() * sizeof(float));
  return {npy.substr(kHeaderAt, header), values};
}

json records(const std::string& jsonl) {
  json all = json::array();
  for (const std::string& line : lines(jsonl)) all.push_back(json::parse(line));
  return all;
}

json parsed(const fs::path& file) {
  const std::string content = read(file), kind = file.extension().string();
  if (kind == ".csv") return table(content);
  if (kind == ".npy") return array(content);
  return kind == ".jsonl" ? records(content) : json::parse(content);
}

/// metrics.json without what follows from draws of z that 0.1.0 took anew for each row, or took for
/// these figures alone.
json without_own_draws(json metrics) {
  for (auto& [split, figures] : metrics.items()) {
    for (const char* key : {"clustering", "confidence", "cluster_entropy", "largest_cluster",
                            "clusters_in_use", "layer_kl", "information"}) {
      figures.erase(key);
    }
  }
  return metrics;
}

/// Each model, on bits or on numbers, and what else changes the course of training, what is
/// measured, or what a checkpoint holds.
std::vector<std::string> runs() {
  return {
      "vae",  // no validation points: the last weights are kept
      "mog",
      "vampprior",
      "cp_vae",  // optimiser adam_norm_grad
      "indq",    // points of one number, whose generation is measured too
      "indp",    // a clipped gradient
      "indqp",
      "gm_dgm",
      "hvae",
      "hvp",
      "cagem",          // batch norm
      "cp_vae-gumbel",  // measured at the temperature of the epoch that was kept
      "cp_vae-sum_and_sample",
      "cp_vae-cooldown",  // finished: the learning rate rises again for more epochs
      "cp_vae-stopped",   // in the middle of an epoch
      "cp_vae-stalled",   // in the cooldown after the bound has stalled
      "indp-vampprior",   // pseudo-inputs that start as noise; vampprior's and hvp's as data
      "hvae-mixture",
      "cagem-gumbel",
  };
}

class Compatibility : public CommandFolder {
 protected:
  void SetUp() override {
    CommandFolder::SetUp();
    const fs::path kept = CLADE_COMPATIBILITY;
    fs::copy(kept / "data", folder_ / "data");
    fs::create_directory(folder_ / "then");
    run({"tar", "xzf", kept / "runs.tar.gz", "-C", "then"});
  }

  void run(const std::vector<std::string>& words) const {
    const Outcome outcome = finish(start_program(words));
    ASSERT_EQ(outcome.code, 0) << words.front() << ": " << outcome.err;
  }
};

class CompatibilityOf : public Compatibility, public testing::WithParamInterface<std::string> {};

TEST_P(CompatibilityOf, ARunOf010MeasuresAndTrainsOnAsBefore) {
  const std::string name = GetParam();
  fs::copy(folder_ / "then/runs" / name, folder_ / name);
  run({fs::path(CLADE_COMPATIBILITY) / "measure", CLADE_COMMAND, name});
  const fs::path then = folder_ / "then/figures" / name;
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(then)) {
    if (!entry.is_regular_file()) continue;
    const fs::path file = entry.path().lexically_relative(then);
    const fs::path now = folder_ / "figures" / name / file;
    ASSERT_TRUE(fs::exists(now)) << file;
    ++files;
    // 0.1.0 drew z anew for each row of a file; now all rows have the same draws.
    static const std::set<std::string> kDraws = {"mog",          "vampprior", "hvp",
                                                 "hvae-mixture", "cagem",     "cagem-gumbel"};
    if (file == "before/clusters.csv" && kDraws.count(name) > 0) {
      EXPECT_EQ(parsed(now).size(), parsed(entry.path()).size());
      EXPECT_EQ(parsed(now).at(0), parsed(entry.path()).at(0));
      continue;
    }
    json expected = parsed(entry.path());
    if (file.filename() == "metrics.json" && kDraws.count(name) > 0) {
      expected = without_own_draws(expected);
    }
    expect_close(parsed(now), expected, file.begin()->string() == "before" ? kMeasured : kResumed,
                 file.string());
  }
  EXPECT_GE(files, 5) << "metrics, latents; log, metrics and model after more training";
}

INSTANTIATE_TEST_SUITE_P(Runs, CompatibilityOf, testing::ValuesIn(runs()), [](const auto& run) {
  std::string name = run.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_F(Compatibility, EveryRunIsLookedAt) {
  const auto all = runs();
  std::set<std::string> there;
  for (const auto& entry : fs::directory_iterator(folder_ / "then/runs")) {
    there.insert(entry.path().filename());
  }
  EXPECT_EQ(there, std::set<std::string>(all.begin(), all.end()));
}

}  // namespace
