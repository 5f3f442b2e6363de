#include "clade/report/compare.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/evaluation/metrics.h"
#include "clade/report/page_data_for_tests.h"

namespace clade {
namespace {

class Comparison : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / "clade_comparison";
};

ComparedRun run(const std::string& name, double elbo) {
  ComparedRun made;
  made.name = name;
  made.report.shape = {16};
#ifdef CLADE_WITH_PNG
  made.report.shape = {4, 4};
#endif
  made.report.samples = torch::rand({25, 16});
  made.metrics = {
      {"test", {{"elbo", elbo}, {"log_likelihood", {{"value", elbo}, {"importance_samples", 1}}}}}};
  return made;
}

TEST_F(Comparison, PutsFiguresAndSheetsSideBySide) {
  ComparedRun second = run("hvp <10>", -86.126);
  second.metrics["test"]["clusters_in_use"] = 4;
  write_comparison({run("vae", -88.5), second}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  EXPECT_NE(page.find("<td>-88.50</td><td>-86.13</td>"), std::string::npos);
  EXPECT_NE(page.find("<td></td><td>4</td>"), std::string::npos);
  EXPECT_EQ(page.find("NMI"), std::string::npos);  // neither has it
  EXPECT_EQ(page.find("<10>"), std::string::npos);
  EXPECT_NE(page.find("Figures on test points, bounds"), std::string::npos);
  const std::string csv = read_file(folder_ / "comparison.csv");
  EXPECT_EQ(csv, "run,bound,clusters in use\nvae,-88.50,\nhvp <10>,-86.13,4\n");
#ifdef CLADE_WITH_PNG
  EXPECT_TRUE(std::filesystem::exists(folder_ / "vae.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "hvp__10_.png"));
#endif
}

TEST_F(Comparison, SaysWhoseTestPointsAreNotTheSame) {
  ComparedRun a = run("a", -1), b = run("b", -2), c = run("c", -3);
  EXPECT_EQ(said_of_data({a, b}), "");  // nothing is known of either
  a.provenance = {{"data", "mnist"}};
  b.provenance = {{"data", "mnist"}, {"fingerprint", "96x8 x"}, {"split", "one"}};
  EXPECT_EQ(said_of_data({a, b}), "");
  c.provenance = {{"data", "digits"}, {"fingerprint", "96x8 x"}, {"split", "one"}};
  EXPECT_EQ(said_of_data({b, c}), "");
  c.provenance["split"] = "two";
  EXPECT_EQ(said_of_data({b, c}).rfind("b and c are not of the same data", 0), 0u);
  c.provenance = {{"data", "fashion-mnist"}};
  EXPECT_NE(said_of_data({a, b, c}), "");
  write_comparison({a, c}, folder_);
  EXPECT_NE(read_file(folder_ / "index.html").find("a and c are not of the same data"),
            std::string::npos);
}

TEST_F(Comparison, SaysWhichRunsHaveFiguresOfOtherPoints) {
  ComparedRun b = run("b", -2);
  b.metrics = {{"train", b.metrics.at("test")}};
  write_comparison({run("a", -1), b}, folder_);
  EXPECT_NE(read_file(folder_ / "index.html")
                .find("Figures on test points (b on training points), bounds"),
            std::string::npos);
}

TEST_F(Comparison, SaysWhichClustersWereGuidedByAClustering) {
  ComparedRun a = run("a", -1), b = run("b", -2);
  const std::string said = "guided by a clustering: 3 clusters of codes, held to the end by 1";
  b.metrics["test"]["guided"] = said;
  write_comparison({a, b}, folder_);
  EXPECT_NE(read_file(folder_ / "index.html")
                .find("origin of clusters</th><td></td><td>" + said + "</td>"),
            std::string::npos);
  EXPECT_EQ(read_file(folder_ / "comparison.csv"),
            "run,origin of clusters,bound\na,,-1.00\nb,\"" + said + "\",-2.00\n");
}

TEST_F(Comparison, SaysHowLabelsWeighedBesideErrors) {
  ComparedRun a = run("a", -1), b = run("b", -2);
  b.metrics["test"]["classification"] = {{"points", 10},
                                         {"error", {{"q(y|x)", 0.1}}},
                                         {"label_weight", {{"alpha", 50.0}, {"on", "mean"}}}};
  write_comparison({a, b}, folder_);
  EXPECT_NE(read_file(folder_ / "index.html")
                .find("weight of labels</th><td></td><td>α = 50 on their mean</td>"),
            std::string::npos);
  EXPECT_EQ(read_file(folder_ / "comparison.csv"),
            "run,weight of labels,bound,error of q(y|x)\na,,-1.00,\n"
            "b,α = 50 on their mean,-2.00,0.1000\n");
  const auto figures = figures_of(b.metrics["test"], "test");  // as the page of one run has them
  EXPECT_EQ(figures.back().says,
            "Of 10 test points whose class is known, 1 is named wrongly. Labels weighed α = 50 on "
            "their mean.");
}

TEST_F(Comparison, DrawsWhatIsNoImage) {
  ComparedRun numbers = run("vae", -1), rows = run("mog", -2);
  numbers.report.shape = {1};
  numbers.report.samples = torch::rand({300, 1});
  numbers.report.originals = torch::rand({200, 1});
  rows.report.shape = {3};
  rows.report.samples = torch::rand({20, 3});
  write_comparison({numbers, rows}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  for (const char* place : {"data-draw=\"compared\" data-argument=\"0\"",
                            "data-draw=\"compared\" data-argument=\"1\""}) {
    EXPECT_NE(page.find(place), std::string::npos) << place;
  }
  const auto data = data_of(page);
  EXPECT_EQ(data["runs"][0]["samples"].size(), 300u);  // a histogram is of all
  EXPECT_EQ(data["runs"][0]["originals"].size(), 200u);
  EXPECT_EQ(data["runs"][1]["features"], (std::vector<int>{0, 1, 2}));
  EXPECT_FALSE(data["runs"][1].contains("originals"));
}

TEST_F(Comparison, ShowsTheFiguresOfEachDiscreteLatent) {
  const auto clusters = [](double nmi) {
    return nlohmann::json{{"clusters", 5}, {"clustering", {{"nmi", nmi}, {"ari", nmi / 2}}}};
  };
  ComparedRun ladder = run("vlac", -1), single = run("gm_dgm", -2), none = run("vae", -3);
  ladder.metrics["test"].update(clusters(0.75));
  ladder.metrics["test"]["latents"] = {{"y2", clusters(0.5)}, {"y3", clusters(0.75)}};
  single.metrics["test"].update(clusters(0.25));
  single.metrics["test"]["bits_per_dimension"] = 4.5;
  none.metrics["test"].update({{"clusters", 1}, {"clusters_in_use", 1}});
  write_comparison({ladder, single, none}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  for (const char* row : {"NMI</th><td>0.750</td><td>0.250</td><td></td>",
                          "NMI, y2</th><td>0.500</td><td></td><td></td>",
                          "ARI, y3</th><td>0.375</td><td></td><td></td>",
                          "bits per dimension</th><td></td><td>4.500</td><td></td>"}) {
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
  EXPECT_EQ(page.find("clusters in use"), std::string::npos);  // of a model without clusters
}

TEST_F(Comparison, DrawsALineARunOverTheEpochs) {
  ComparedRun a = run("a", -1), b = run("b", -2);
  const double gap = std::nan("");
  a.report.curves = {{"bound", {1, 2}, {-9, -8}, {-7, gap}},
                     {"KL(y)", {1, 2}, {}, {0.25, 0.5}},
                     {"KL(z)", {1, 2}, {}, {3, 4}},
                     {"KL(w)", {1, 2}, {}, {5, 6}},
                     {"effective clusters", {1, 2}, {}, {2, 3}, /*of_bound=*/false}};
  b.report.curves = {{"bound", {1}, {-6}, {-5}}, {"KL(z)", {1}, {}, {7}}, {"hold", {1}, {8}, {}}};
  write_comparison({a, b}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  const auto curves = data_of(page)["curves"];
  ASSERT_EQ(curves.size(), 4u);  // KL(w) is of one run alone, and "hold" is of no bound's KL
  for (const char* name : {"bound", "KL(y)", "KL(z)", "effective clusters"}) {
    EXPECT_NE(page.find("<h3>" + std::string(name) + "</h3>"), std::string::npos) << name;
  }
  const auto& bound = curves[0]["lines"];
  ASSERT_EQ(bound.size(), 2u);
  EXPECT_EQ(bound[0]["points"][0], (nlohmann::json{{"x", 1.0}, {"y", -7.0}}));  // of validation
  EXPECT_TRUE(bound[0]["points"][1]["y"].is_null());
  EXPECT_EQ(bound[1]["name"], "b");
  EXPECT_EQ(bound[1]["place"], 1);
  EXPECT_EQ(bound[1]["points"][0]["y"], -5.0);
  EXPECT_EQ(curves[1]["lines"].size(), 1u);
}

TEST_F(Comparison, DrawsLatentsPlanesAndLabelsSideBySide) {
  const auto with_latents = [](const std::string& name, int64_t clusters) {
    ComparedRun made = run(name, -1);
    Clustering one;
    one.name = "y";
    one.share = torch::arange(1, clusters + 1) / (clusters * (clusters + 1) / 2.0);
    made.report.clusterings = {one};
    made.report.label_names = {"odd", "even"};
    made.report.latents = {{"z", torch::rand({6, 2}), {}, {torch::arange(6) % clusters}, {}}};
    Scatter real = {"real points", torch::rand({6, 2}), {}, {}, torch::arange(6) % 2};
    made.report.plane = {real, {"drawn points", torch::rand({6, 2}), {}, {}, {}}};
    return made;
  };
  std::vector<ComparedRun> runs = {with_latents("a", 2), with_latents("b", 3)};
  const LabelCurve curve = {"cagem, IW 10", {0, 100}, {-90, -80}, {0.5, 0.5}};
  write_comparison(runs, folder_, {curve});
  const std::string page = read_file(folder_ / "index.html");
  const auto data = data_of(page);
  ASSERT_EQ(data["latents"].size(), 5u);
  // Clusters of b are called and ordered as b has them.
  EXPECT_EQ(data["latents"][1]["first"], 1);
  EXPECT_EQ(data["clusterings"][1]["order"], (std::vector<int>{2, 1, 0}));
  EXPECT_EQ(data["latents"][2]["label_names"][1], "even");
  EXPECT_EQ(data["by_labels"][0]["lines"][0]["points"][1]["y"], -80.0);
  for (const char* title : {"z, a", "z, b", "real points", "drawn points, a", "drawn points, b"}) {
    EXPECT_NE(page.find("<h3>" + std::string(title) + "</h3>"), std::string::npos) << title;
  }
  runs[1].provenance = {{"data", "others"}};
  runs[0].provenance = {{"data", "some"}};
  write_comparison(runs, folder_);
  const std::string other = read_file(folder_ / "index.html");
  EXPECT_NE(other.find("<h3>real points, b</h3>"), std::string::npos);
  EXPECT_EQ(other.find("<h2>Labels</h2>"), std::string::npos);
}

TEST_F(Comparison, DrawsDensitiesSideBySide) {
  const auto even = [](const std::string& name, double mean) {
    return PlaneDensity{name, torch::zeros({2}, torch::kFloat64),
                        torch::full({2}, mean, torch::kFloat64),
                        torch::full({3, 3}, mean, torch::kFloat64), mean};
  };
  ComparedRun a = run("a", -1), b = run("b", -2);
  a.report.densities = {{{even("gmvae", -1), even("mixture of 5 Gaussians", -3)}}};
  b.report.densities = {{{even("gmvae", -2), even("mixture of 5 Gaussians", -4)}}};
  write_comparison({a, b}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  const auto densities = data_of(page)["densities"];
  ASSERT_EQ(densities.size(), 3u);  // one of the mixture
  for (const char* name : {"a", "b", "mixture of 5 Gaussians"}) {
    EXPECT_NE(page.find("<h3>" + std::string(name) + "</h3><span>mean -"), std::string::npos);
  }
  // One scale for all: four nats below the highest is white.
  EXPECT_EQ(densities[0]["darkness"][0][0], 255.0);
  EXPECT_NEAR(densities[1]["darkness"][2][2].get<double>(), 0.75 * 255, 1);
  EXPECT_NEAR(densities[2]["darkness"][1][1].get<double>(), 0.5 * 255, 1);
  EXPECT_EQ(densities[1]["high"][0], -2.0);
}

TEST_F(Comparison, WantsNamesThatDiffer) {
  try {
    write_comparison({run("vae", -1), run("vae", -2)}, folder_);
    ADD_FAILURE() << "two are called alike";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "two of the runs to compare are vae; name each once");
  }
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(Comparison, NumbersFilesOfNamesThatAreOneAsAFiles) {
  write_comparison({run("modell-ä", -1), run("modell-ö", -2), run("v1.0", -3), run("v1_0", -4),
                    run("curves", -5)},
                   folder_);
  const std::string csv = read_file(folder_ / "comparison.csv");
  EXPECT_EQ(csv,
            "run,bound\nmodell-ä,-1.00\nmodell-ö,-2.00\nv1.0,-3.00\nv1_0,-4.00\ncurves,-5.00\n");
#ifdef CLADE_WITH_PNG
  for (const char* name :
       {"modell-__.png", "modell-__-2.png", "v1_0.png", "v1_0-2.png", "curves-2.png"}) {
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
  }
#endif
}

}  // namespace
}  // namespace clade
