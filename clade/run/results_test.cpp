#include "clade/run/results.h"

#include <gtest/gtest.h>

#include <cmath>

#include "clade/core/error.h"

namespace clade {
namespace {

using nlohmann::json;

json run(int64_t seed, double validation, double test, double f_s, double nmi) {
  return {{"seed", seed},
          {"metrics",
           {{"validation", {{"elbo", validation}}},
            {"test",
             {{"elbo", test},
              {"log_likelihood", {{"value", f_s}, {"importance_samples", 50}}},
              {"clustering",
               {{"acc_hungarian", 0.5},
                {"acc_majority", 0.6},
                {"acc_most_confident", 0.7},
                {"nmi", nmi}}},
              {"clusters_in_use", 8},
              {"clusters_told_apart", 6.0 + static_cast<double>(seed)},
              {"clusters_above_even_share", 4}}}}},
          {"epochs", 100 * seed},
          {"stopped_early", seed != 3},
          {"seconds", 60.0 * static_cast<double>(seed)},
          {"machine", "a CPU, 1 thread"},
          {"date", "2026-01-0" + std::to_string(seed)},
          {"version", "0.1.0"}};
}

json failed(int64_t seed) {
  return {{"seed", seed}, {"failed", "KL(z) became NaN"}};
}

// Seed 2 is best on validation, though seed 3 is on test points, in F_S and against the labels.
json three_runs() {
  return json::array({run(1, -103, -101, -90, 0.1), run(2, -100, -102, -92, 0.2), failed(4),
                      run(3, -102, -97, -88, 0.6)});
}

json results(const json& runs) {
  return {{"cp-vae/x",
           {{"model", "cp_vae"},
            {"data", "mnist"},
            {"clusters", 10},
            {"published", {{"bound", 98.5}, {"log_likelihood", -91.0}, {"source", "a table"}}},
            {"command", "clade bench x.toml --seeds 4"},
            {"seeds", 4},
            {"runs", runs},
            {"summary", summarise(runs)}}}};
}

TEST(Results, HasTheErrorsOfClassifiersInPercent) {
  json runs = three_runs();
  runs[0]["metrics"]["test"]["classification"]["error"] = {{"q(y|x)", 0.03}, {"p(y|x)", 0.01}};
  runs[1]["metrics"]["test"]["classification"]["error"] = {{"q(y|x)", 0.05}, {"p(y|x)", 0.02}};
  const json summary = summarise(runs);
  EXPECT_NEAR(summary.at("error").at("q(y|x)").at("mean").get<double>(), 4, 1e-9);
  EXPECT_NEAR(summary.at("error").at("p(y|x)").at("best").get<double>(), 2, 1e-9);
  json with_error = results(runs);
  with_error["cp-vae/x"]["published"]["error"] = 1.16;
  const std::string table = results_table(with_error);
  EXPECT_NE(table.find("| error of q(y\\|x), % | - | 4.00 ± 1.41 | 5.00 | - |"), std::string::npos)
      << table;
  EXPECT_NE(table.find("| error of p(y\\|x), % | 1.16 | 1.50 ± 0.71 | 2.00 | +0.34 |"),
            std::string::npos);
  EXPECT_EQ(results_table(results(three_runs())).find("error of"), std::string::npos);
}

TEST(Results, MeanAndDeviationOfTheRunsThatDidNotFail) {
  const json summary = summarise(three_runs());
  const json& bound = summary.at("negative_bound");
  EXPECT_EQ(bound.at("runs"), 3);
  EXPECT_DOUBLE_EQ(bound.at("mean"), 100);           // (101 + 102 + 97) / 3
  EXPECT_DOUBLE_EQ(bound.at("sd"), std::sqrt(7.0));  // (1 + 4 + 9) / 2
  EXPECT_DOUBLE_EQ(summary.at("log_likelihood").at("mean"), -90);
  EXPECT_DOUBLE_EQ(summary.at("log_likelihood").at("sd"), 2);
  EXPECT_EQ(summary.at("importance_samples"), 50);
  EXPECT_DOUBLE_EQ(summary.at("nmi").at("mean"), 0.3);
  EXPECT_DOUBLE_EQ(summary.at("acc_majority").at("sd"), 0);
  EXPECT_DOUBLE_EQ(summary.at("seconds").at("mean"), 120);
}

TEST(Results, TheBestRunIsChosenByValidationAlone) {
  const json summary = summarise(three_runs());
  EXPECT_EQ(summary.at("negative_bound").at("best"), 102);
  EXPECT_EQ(summary.at("log_likelihood").at("best"), -92);
  EXPECT_EQ(summary.at("density"), false);
  EXPECT_EQ(summary.at("nmi").at("best"), 0.2);

  json unvalidated = three_runs();
  for (json& one : unvalidated) {
    if (one.contains("metrics")) one["metrics"].erase("validation");
  }
  EXPECT_FALSE(summarise(unvalidated).at("negative_bound").contains("best"));
}

TEST(Results, OneRunHasNoDeviationAndNoRunNoFigure) {
  const json one = summarise(json::array({run(1, -103, -101, -90, 0.1)})).at("negative_bound");
  EXPECT_EQ(one.at("mean"), 101);
  EXPECT_FALSE(one.contains("sd"));
  EXPECT_TRUE(summarise(json::array({failed(1)})).at("negative_bound").is_null());
  EXPECT_TRUE(summarise(json::array()).at("nmi").is_null());
}

TEST(Results, LikelihoodsWithFewerSamplesStayOut) {
  json runs = three_runs();
  runs[0]["metrics"]["test"]["log_likelihood"]["importance_samples"] = 5;
  const json summary = summarise(runs);
  EXPECT_EQ(summary.at("log_likelihood").at("runs"), 2);
  EXPECT_DOUBLE_EQ(summary.at("log_likelihood").at("mean"), -90);
  for (json& one : runs) {
    if (one.contains("metrics")) {
      one["metrics"]["test"]["log_likelihood"]["importance_samples"] = 1;
    }
  }
  EXPECT_FALSE(summarise(runs).contains("log_likelihood")) << "one sample is the bound itself";
}

TEST(Results, LikelihoodsWithTheClustersSummedAreAnotherFigureAndSayIt) {
  json runs = three_runs();
  EXPECT_FALSE(summarise(runs).contains("sum_clusters"));
  for (const size_t summed : {size_t{0}, size_t{1}}) {
    json& likelihood = runs[summed]["metrics"]["test"]["log_likelihood"];
    likelihood["sum_clusters"] = true;
    likelihood["few"] = {{"value", -94 - static_cast<double>(summed)}, {"importance_samples", 10}};
  }
  runs[3]["metrics"]["test"]["log_likelihood"]["few"] = {{"value", -99},
                                                         {"importance_samples", 10}};
  const json summary = summarise(runs);
  EXPECT_DOUBLE_EQ(summary.at("log_likelihood").at("mean"), -91);  // of −90 and −92, not of −88
  EXPECT_DOUBLE_EQ(summary.at("log_likelihood_of_few").at("mean"), -94.5);
  const std::string table = results_table(results(runs));
  EXPECT_NE(table.find("| log p, S = 50, y summed | −91.00 | −91.00 ± 1.41 | −92.00 | 0.00 | 2 of "
                       "4 |\n"),
            std::string::npos)
      << table;

  // Which even one sample gains from; more samples come first.
  for (const size_t run : {size_t{0}, size_t{1}, size_t{3}}) {
    runs[run]["metrics"]["test"]["log_likelihood"]["importance_samples"] = 1;
  }
  EXPECT_EQ(summarise(runs).at("log_likelihood").at("runs"), 2);
  runs[3]["metrics"]["test"]["log_likelihood"]["importance_samples"] = 5;
  EXPECT_DOUBLE_EQ(summarise(runs).at("log_likelihood").at("mean"), -88);
  EXPECT_FALSE(summarise(runs).contains("sum_clusters"));
}

TEST(Results, SayWhatGuidedClustersAndHowLabelsWeighed) {
  json runs = three_runs();
  EXPECT_EQ(results_table(results(runs)).find("cp-vae/x‡"), std::string::npos);
  json& test = runs[1]["metrics"]["test"];
  test["guided"] = "guided by a clustering: clusters started from mine.csv";
  test["clustering"]["ari"] = 0.25;
  test["classification"] = {{"error", {{"q(y|x)", 0.03}}},
                            {"label_weight", {{"alpha", 50.0}, {"on", "mean"}}}};
  const std::string table = results_table(results(runs));
  EXPECT_NE(table.find("| cp-vae/x‡ | 0.500"), std::string::npos) << table;
  EXPECT_NE(table.find(" | 0.250 | "), std::string::npos) << table;
  EXPECT_NE(table.find("| error of q(y\\|x), %, α = 50 on their mean | - | 3.00 |"),
            std::string::npos)
      << table;
}

TEST(Results, LayersHaveATableOfTheirOwn) {
  json runs = three_runs();
  EXPECT_EQ(results_table(results(runs)).find("Layers"), std::string::npos);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    json& test = runs[i]["metrics"]["test"];
    test["active_units"] = {{"z1", 20 + i}, {"z2", 3}};
    test["units"] = {{"z1", 64}, {"z2", 32}};
    test["layer_kl"] = {{"z1", 15.0 + static_cast<double>(i)}, {"z2", 7.25}};
    test["neighbour_accuracy"] = {{"z1", 0.25}};
  }
  runs[3]["metrics"]["test"]["active_units"] = {{"z2", 3}};  // of an older version
  const std::string table = results_table(results(runs));
  for (const char* line : {"| cp-vae/x | z1 | 15.50 ± 0.71 | 20.5 ± 0.7 / 64 | 0.250 ± 0.000 |\n",
                           "| cp-vae/x | z2 | 7.25 ± 0.00 | 3.0 ± 0.0 / 32 | - |\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST(Results, BitsPerDimensionAreOfValuesThatAreNoBits) {
  json runs = three_runs();
  runs[0]["metrics"]["test"]["bits_per_dimension"] = 3.2;
  runs[1]["metrics"]["test"]["bits_per_dimension"] = 3.4;
  json all = results(runs);
  EXPECT_EQ(results_table(all).find("bits per dimension"), std::string::npos);
  all["cp-vae/x"]["settings"]["model"]["likelihood"] = "discretised_logistic";
  const std::string table = results_table(all);
  EXPECT_NE(table.find("| bits per dimension | - | 3.300 ± 0.141 | 3.400 | - | 2 of 4 |\n"),
            std::string::npos)
      << table;
}

TEST(Results, TheTableShowsOursBesidePublished) {
  const std::string table = results_table(results(three_runs()));
  for (const char* line :
       {"| cp-vae/x | cp_vae | mnist | 10 | −ELBO | 98.50 | 100.00 ± 2.65 | 102.00 | +1.50 | 3 of "
        "4 |\n",
        "| cp-vae/x | cp_vae | mnist | 10 | log p, S = 50 | −91.00 | −90.00 ± 2.00 | −92.00 | "
        "+1.00 | 3 of 4 |\n",
        "| cp-vae/x | 0.500 ± 0.000 / 0.600 ± 0.000 / 0.700 ± 0.000 | 0.300 ± 0.265 | - | 8.0 ± "
        "0.0 | "
        "8.00 ± 1.00 | 4.0 ± 0.0 | - | "
        "100, 200, 300† | 2 min | a CPU, 1 thread | 2026-01-01; 2026-01-02; 2026-01-03 | 0.1.0 |\n",
        "- cp-vae/x: `clade bench x.toml --seeds 4`; published: a table; seed 4 failed: KL(z) "
        "became NaN\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST(Results, APublishedAccuracyHasALineAmongThePublished) {
  json all = results(three_runs());
  EXPECT_EQ(results_table(all).find("accuracy, most confident"), std::string::npos);
  all["cp-vae/x"]["published"]["accuracy"] = 0.65;
  const std::string table = results_table(all);
  EXPECT_NE(table.find("| cp-vae/x | cp_vae | mnist | 10 | accuracy, most confident | 0.650 | "
                       "0.700 ± 0.000 | 0.700 | +0.050 | 3 of 4 |\n"),
            std::string::npos)
      << table;
}

TEST(Results, EachOfSeveralLatentsHasItsOwnLines) {
  json runs = three_runs();
  for (json& one : runs) {
    if (!one.contains("metrics")) continue;
    json& test = one["metrics"]["test"];
    const json of = {{"clustering", test.at("clustering")}};
    test["latents"] = {{"y1", of}, {"y2", of}};
    test["latents"]["y2"]["clustering"]["acc_majority"] = 0.9;
  }
  json all = results(runs);
  all["cp-vae/x"]["published"]["accuracy_majority"] = 0.85;
  const std::string table = results_table(all);
  for (const char* line : {"| accuracy, majority in y1 | 0.850 | 0.600 ± 0.000 | 0.600 | −0.250 |",
                           "| accuracy, majority in y2 | 0.850 | 0.900 ± 0.000 | 0.900 | +0.050 |",
                           "| cp-vae/x, y1 | 0.500 ± 0.000 / 0.600 ± 0.000 / 0.700 ± 0.000 |",
                           "| cp-vae/x, y2 | 0.500 ± 0.000 / 0.900 ± 0.000 / 0.700 ± 0.000 |"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
  all["cp-vae/x"]["published"]["latent"] = "y2";
  const std::string of_one = results_table(all);
  EXPECT_EQ(of_one.find("majority in y1"), std::string::npos);
  EXPECT_NE(of_one.find("majority in y2"), std::string::npos);
}

TEST(Results, OneDimensionalGenerationsHaveATableOfTheirOwn) {
  json one = run(1, -103, -101, -90, 0.1);
  EXPECT_EQ(results_table(results(json::array({one}))).find("Wasserstein"), std::string::npos);
  one["metrics"]["test"]["generation"] = {
      {"wasserstein_1", 0.0123}, {"wasserstein_1_floor", 0.01}, {"wrong_mode_share", 0.5}};
  const std::string table = results_table(results(json::array({one})));
  EXPECT_NE(table.find("| cp-vae/x | 0.0123 | 0.0100 | - | 0.5000 |\n"), std::string::npos)
      << table;
}

TEST(Results, ClustersAboveAnEvenShareOnceHadAnotherName) {
  json old = run(1, -103, -101, -90, 0.1);
  old["metrics"]["test"].erase("clusters_above_even_share");
  const json summary = summarise(json::array({old}));
  EXPECT_EQ(summary.at("clusters_above_even_share").at("mean"), 8);
  EXPECT_FALSE(summary.at("clusters_in_use").is_object());
}

TEST(Results, WhatIsNotKnownIsADash) {
  json old = run(1, -103, -101, -90, 0.1);
  for (const char* key : {"machine", "date", "version", "epochs", "seconds", "stopped_early"}) {
    old.erase(key);
  }
  old["metrics"]["test"].erase("clustering");
  old["metrics"]["test"].erase("clusters_told_apart");
  json all = results(json::array({old}));
  all["cp-vae/x"].erase("clusters");
  all["cp-vae/x"]["published"] = {{"bound", 0}, {"log_likelihood", 0}, {"source", ""}};
  const std::string table = results_table(all);
  for (const char* line :
       {"| cp-vae/x | cp_vae | mnist | - | −ELBO | - | 101.00 | 101.00 | - | 1 of 4 |\n",
        "| cp-vae/x | - / - / - | - | - | - | - | - | - | - | - | - | - | - |\n",
        "- cp-vae/x: `clade bench x.toml --seeds 4`\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
}

TEST(Results, TheTableGoesBetweenItsMarks) {
  const std::string begin = "<!-- bench:begin -->\n", end = "<!-- bench:end -->\n";
  const std::string once = with_table("A\n" + begin + "old\n" + end + "B\n", "new\n", "x.md");
  EXPECT_EQ(once, "A\n" + begin + "\nnew\n\n" + end + "B\n");
  EXPECT_EQ(with_table(once, "new\n", "x.md"), once);
  for (const std::string& document : {std::string(), begin, end + begin}) {
    EXPECT_THROW(with_table(document, "new\n", "x.md"), ConfigError) << document;
  }
}

}  // namespace
}  // namespace clade
