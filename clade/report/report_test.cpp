#include "clade/report/report.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/evaluation/posteriors.h"
#include "clade/formats/png.h"
#include "clade/models/small_models_for_tests.h"
#include "clade/models/two_levels_for_tests.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/collect.h"
#include "clade/report/density.h"
#include "clade/report/embedded.h"
#include "clade/report/gnuplot.h"
#include "clade/report/page.h"
#include "clade/report/page_data_for_tests.h"
#include "clade/report/plots.h"

namespace clade {
namespace {

using nlohmann::json;

/// The share of cluster k grows with k.
Clustering clustering(const std::string& name, int64_t clusters, int64_t features) {
  const auto ramp = torch::arange(1, clusters + 1, torch::kFloat32);
  Clustering one;
  one.name = name;
  one.confidence = 0.875;
  one.share = ramp / ramp.sum();
  one.samples = torch::full({clusters, 3, features}, 0.25);
  one.points = torch::full({clusters, 2, features}, 0.75);
  one.point_confidence = torch::full({clusters, 2}, 0.9);
  one.confusion = torch::zeros({clusters, 2}, torch::kInt64);
  one.confusion.select(1, 1).fill_(3);
  one.confusion.select(1, 0).fill_(1);
  one.given_label = torch::stack({ramp.flip(0), ramp}) / ramp.sum();
  one.samples_uniform = torch::rand({5, features});
  return one;
}

/// A report with everything in it; of one cluster it has none.
Report example(int64_t clusters, const std::vector<int64_t>& shape) {
  int64_t features = 1;
  for (const int64_t size : shape) features *= size;
  Report report;
  report.title = "cp_vae on squares";
  report.said = "A model of squares.";
  report.shape = shape;
  report.headline = {{"bound", "-12.5 nats", "Higher is better."}};
  report.traversals = {{"w", torch::rand({4, 5, features})}};
  report.variations = {{"z1", torch::rand({3, 4, features})}};
  report.curves = {{"elbo", {1, 2, 3}, {-3, -2, std::nan("")}, {-3.5, -2.5, -2.25}},
                   {"KL(z)", {1, 2, 3}, {1, 2, 3}, {}},
                   {"empty", {}, {}, {}}};
  if (clusters > 1) report.clusterings = {clustering("y", clusters, features)};
  report.label_names = {"hollow", "full"};
  report.originals = torch::rand({4, features});
  report.reconstructions = torch::rand({4, features});
  report.samples = torch::rand({5, features});
  report.latents = {{"z1", torch::randn({20, 2}), {0.5, 0.25}, {}, torch::arange(20) % 2}};
  if (clusters > 1) report.latents[0].clusters = {torch::arange(20) % clusters};
  report.details = {{"seed", "7"}};
  return report;
}

/// The same with clusters on two levels, of 3 and of 4.
Report two_levels(const std::vector<int64_t>& shape) {
  Report report = example(3, shape);
  report.clusterings[0].name = "y1";
  report.clusterings.push_back(clustering("y2", 4, report.originals.size(1)));
  report.latents[0].clusters.push_back(torch::arange(20) % 4);
  return report;
}

std::vector<int64_t> picture() {
#ifdef CLADE_WITH_PNG
  return {4, 4};
#else
  return {16};
#endif
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The page without what stands inside <script> and <style>.
std::string markup(const std::string& page) {
  std::string rest = page, result;
  for (const std::string tag : {"script", "style"}) {
    result.clear();
    size_t at = 0;
    while (true) {
      const size_t open = rest.find("<" + tag, at);
      if (open == std::string::npos) break;
      const size_t inside = rest.find('>', open) + 1;
      result += rest.substr(at, inside - at);
      at = rest.find("</" + tag, inside);
    }
    result += rest.substr(at);
    rest = result;
  }
  return result;
}

/// Names the first element that is not closed in its order, or "".
std::string unbalanced(const std::string& html) {
  static const std::set<std::string> empty = {"meta", "img", "br"};
  const std::regex tag("<(/?)([a-z0-9]+)((\"[^\"]*\"|[^\">])*)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (empty.count(name) > 0) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return name + " after " + std::to_string(it->position());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back();
}

class ReportFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / "clade_report_test";
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      names.insert(file.path().filename().string());
    }
    return names;
  }
  std::filesystem::path folder_;
};

/// For as long as this lives a shell script stands in for `program`.
class StandIn {
 public:
  StandIn(const std::filesystem::path& folder, const std::string& program,
          const std::string& script) {
    std::filesystem::create_directories(folder);
    write_atomically(folder / program, "#!/bin/sh\n" + script);
    std::filesystem::permissions(folder / program, std::filesystem::perms::owner_all);
    ::setenv("PATH", (folder.string() + ":" + path_).c_str(), 1);
  }
  ~StandIn() { ::setenv("PATH", path_.c_str(), 1); }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

 private:
  const std::string path_ = std::getenv("PATH");
};

/// What gnuplot is asked to draw of the report, a script each picture. `fonts`: whether there is
/// one for every letter.
std::vector<std::string> scripts_of(const Report& report, const std::filesystem::path& folder,
                                    bool fonts = true) {
  const auto asked = folder / "asked";
  std::filesystem::remove_all(asked);
  std::filesystem::create_directories(asked);
  const StandIn gnuplot(folder / "tools", "gnuplot", "cat \"$1\" > " + asked.string() + "/$$\n");
  const StandIn list(folder / "tools", "fc-list", fonts ? "echo a font\n" : "exit 0\n");
  write_plots(report, folder);
  std::vector<std::string> scripts;
  for (const auto& file : std::filesystem::directory_iterator(asked)) {
    scripts.push_back(read_file(file.path()));
  }
  return scripts;
}

/// The one that says this, or "".
std::string script_with(const std::vector<std::string>& scripts, const std::string& said) {
  for (const std::string& script : scripts) {
    if (script.find(said) != std::string::npos) return script;
  }
  return "";
}

/// A model that reads bits as they are.
TrainedModel of_bits(const std::shared_ptr<TwoLevels>& model) {
  TrainedModel trained;
  trained.model = model;
  trained.shape = {TwoLevels::D};
  trained.preprocessing.shift = torch::zeros({TwoLevels::D});
  trained.preprocessing.scale = torch::ones({TwoLevels::D});
  return trained;
}

TEST(Page, RefersToNothingOutsideItself) {
  const std::string page = render_page(example(10, picture()));
  const std::string html = markup(page);
  EXPECT_EQ(count(html, "src="), count(html, "src=\"data:image/png;base64,"));
  EXPECT_EQ(count(html, "href="), 0u);
  EXPECT_EQ(count(html, "http://") + count(html, "https://"), 0u);
  EXPECT_EQ(count(html, "<link"), 0u);
  for (const auto own : {embedded::page_css, embedded::page_js}) {
    EXPECT_EQ(own.find("//www"), std::string_view::npos);
    EXPECT_EQ(own.find("://"), std::string_view::npos);
    EXPECT_EQ(own.find("url("), std::string_view::npos);
    EXPECT_EQ(own.find("@import"), std::string_view::npos);
  }
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
}

TEST(Page, CarriesTheChartLibraryWhole) {
  const std::string page = render_page(example(10, picture()));
  EXPECT_GT(embedded::chart_js.size(), 100000u);
  EXPECT_NE(page.find(embedded::chart_js), std::string::npos);
  EXPECT_EQ(embedded::chart_js.find("</script"), std::string_view::npos);
}

TEST(Page, ClosesEveryElement) {
  for (const int64_t clusters : {1, 10, 150}) {
    for (const auto& shape : {picture(), std::vector<int64_t>{7}, std::vector<int64_t>{1}}) {
      EXPECT_EQ(unbalanced(markup(render_page(example(clusters, shape)))), "") << clusters;
    }
  }
}

TEST(Page, TakesNoMarkupFromTheReport) {
  Report report = example(10, picture());
  const std::string hostile = "</title></script><script>alert(1)</script><!--\"'&";
  report.title = report.said = hostile;
  report.headline = {{hostile, hostile, hostile}};
  report.label_names = {hostile, "\"><img src=x onerror=alert(1)>"};
  report.curves[0].name = report.latents[0].name = hostile;
  report.clusterings.push_back(report.clusterings[0]);
  report.clusterings[0].name = hostile;
  report.latents[0].clusters.push_back(report.latents[0].clusters[0]);
  report.details = {{hostile, hostile}};
  const std::string page = render_page(report);
  EXPECT_EQ(count(page, "alert(1)</script>"), 0u);
  EXPECT_EQ(count(page, "<script>alert"), 0u);
  EXPECT_EQ(count(page, "<img src=x"), 0u);
  EXPECT_EQ(count(markup(page), "<!--"), 0u);
  EXPECT_EQ(count(page, "<script"), 3u);
  EXPECT_EQ(unbalanced(markup(page)), "");
  EXPECT_NE(page.find("&lt;/title&gt;&lt;/script&gt;"), std::string::npos);
  EXPECT_EQ(data_of(page)["latents"][0]["label_names"][0], hostile);
}

TEST(Page, SortsClustersByShareAndFoldsTheWeak) {
  const std::string page = markup(render_page(example(150, picture())));
  EXPECT_EQ(count(page, "<article class=\"cluster\">"), 150u);
  EXPECT_LT(page.find("Cluster 149<"), page.find("Cluster 148<"));
  // Shares are k / 11325: those of 76 and more are above 1/150.
  EXPECT_EQ(count(page, "less than an even share, 0.7 %"), 1u);
  EXPECT_LT(page.find("Cluster 75<"), page.find("less than an even share"));
  EXPECT_GT(page.find("Cluster 74<"), page.find("less than an even share"));
  EXPECT_LT(page.find("Cluster 75<"), page.find("The other 75 clusters"));
  EXPECT_GT(page.find("Cluster 74<"), page.find("The other 75 clusters"));
  EXPECT_EQ(markup(render_page(example(10, picture()))).find("The other"), std::string::npos);
}

TEST(Page, SaysHowManyClustersAreInUse) {
  const std::string page = markup(render_page(example(4, picture())));  // 0.1, 0.2, 0.3, 0.4
  EXPECT_NE(
      page.find("A model of squares. Of its 4 clusters, 2 hold an even share "
                "(25.0 %) of the data or more; the largest holds 40.0 %. On average it gives a "
                "point&#39;s own cluster a probability of 87.5 %."),
      std::string::npos);
  EXPECT_NE(page.find("75.0 % <q>full</q>"), std::string::npos);
  EXPECT_NE(markup(render_page(example(2, picture()))).find("2 clusters, 1 holds an even share"),
            std::string::npos);  // 1/3, 2/3
}

TEST(Page, HasNoClustersAtOne) {
  const std::string page = markup(render_page(example(1, picture())));
  EXPECT_EQ(page.find("<article"), std::string::npos);
  EXPECT_EQ(page.find("clusters,"), std::string::npos);
  EXPECT_EQ(page.find("<table class=\"confusion\">"), std::string::npos);
  EXPECT_EQ(page.find("by cluster"), std::string::npos);
  EXPECT_NE(page.find("Random samples"), std::string::npos);
}

TEST(Page, DoesWithoutLabelsAndWithoutAnything) {
  Report report = example(10, picture());
  report.clusterings[0].confusion = torch::Tensor();
  report.label_names.clear();
  report.latents[0].label = torch::Tensor();
  const std::string page = markup(render_page(report));
  EXPECT_EQ(page.find("<q>"), std::string::npos);
  EXPECT_EQ(page.find("by label"), std::string::npos);
  EXPECT_EQ(page.find("Clusters and labels"), std::string::npos);

  Report bare;
  bare.title = "nothing";
  bare.shape = {3};
  EXPECT_EQ(count(markup(render_page(bare)), "<section>"), 0u);
}

TEST(Page, LeavesOutRealPointsThatAreNotThere) {
  Report report = example(3, {5});
  report.clusterings[0].point_confidence[2][1] = std::nan("");  // the strongest
  const json clusters = data_of(render_page(report))["clusterings"][0]["clusters"];
  EXPECT_EQ(clusters[0]["real"].size(), 1u);
  EXPECT_EQ(clusters[1]["real"].size(), 2u);
  EXPECT_EQ(clusters[0]["drawn"].size(), 3u);
}

TEST(Page, ChartsGetTheNumbersOfTheReport) {
  Report report = example(4, {5});
  const std::string page = render_page(report);
  const json data = data_of(page);
  EXPECT_EQ(data["clusterings"][0]["order"], (json{3, 2, 1, 0}));
  EXPECT_EQ(data["clusterings"][0]["ticks"], (json{"0", "1", "2", "3"}));
  EXPECT_EQ(data["clusterings"][0]["share"], (json{0.1, 0.2, 0.3, 0.4}));
  ASSERT_EQ(data["curves"].size(), 2u);
  EXPECT_EQ(data["curves"][0]["train"][1], (json{{"x", 2.0}, {"y", -2.0}}));
  EXPECT_TRUE(data["curves"][0]["train"][2]["y"].is_null());
  EXPECT_EQ(data["curves"][0]["validation"][2]["y"], -2.25);
  EXPECT_TRUE(data["curves"][1]["validation"].empty());
  EXPECT_EQ(page.find("The clusters over the epochs"), std::string::npos);
  report.curves[1].of_bound = false;
  EXPECT_NE(render_page(report).find("The clusters over the epochs"), std::string::npos);
  EXPECT_EQ(data["latents"][0]["axes"], (json{"first principal component (50 % of variance)",
                                              "second principal component (25 % of variance)"}));
  EXPECT_EQ(data["latents"][0]["clusters"][0][5], 1);
}

TEST(Page, RepeatsItsClustersForEachDiscreteLatent) {
  const std::string page = render_page(two_levels(picture()));
  const std::string html = markup(page);
  const json data = data_of(page);
  for (const std::string name : {"y1", "y2"}) {
    for (const std::string& heading :
         {"<h2>Clusters of " + name + "</h2>", "<h2>Clusters of " + name + " and labels</h2>",
          "<h2>How much of the data each cluster of " + name + " holds</h2>",
          "<h2>Clusters of " + name + " in each label</h2>",
          "<h2>With every cluster of " + name + " equally likely</h2>", ">by " + name + "<"}) {
      EXPECT_EQ(count(html, heading), 1u) << heading;
    }
  }
  EXPECT_NE(html.find("Of the 3 clusters of y1, 2 hold"), std::string::npos);
  EXPECT_NE(html.find("Of the 4 clusters of y2, 2 hold"), std::string::npos);
  EXPECT_EQ(count(html, "<article class=\"cluster\">"), 7u);
  EXPECT_EQ(unbalanced(html), "");
  EXPECT_EQ(data["clusterings"][0]["order"], (json{2, 1, 0}));
  EXPECT_EQ(data["clusterings"][1]["order"], (json{3, 2, 1, 0}));
  EXPECT_EQ(data["latents"][0]["clusters"].size(), 2u);
  // One latent goes without its name.
  const std::string single = markup(render_page(example(3, picture())));
  for (const char* heading :
       {"<h2>Clusters</h2>", "<h2>Clusters and labels</h2>",
        "<h2>How much of the data each cluster holds</h2>", "<h2>What each label is made of</h2>",
        "<h2>With every cluster equally likely</h2>", ">by cluster<"}) {
    EXPECT_EQ(count(single, heading), 1u) << heading;
  }
}

TEST(Page, SaysWhatWasGotWrongAmongLabelsHeldBack) {
  Report report = example(3, picture());
  EXPECT_EQ(render_page(report).find("<h2>Labels</h2>"), std::string::npos);
  report.clusterings[0].classes = {"hollow", "f<ull", "cluster 2"};
  HeldBack labels;
  labels.classes = report.clusterings[0].classes;
  labels.learned = torch::tensor({12, 5}, torch::kInt64);
  labels.confusion = torch::tensor({4, 1, 0, 0, 2, 1}, torch::kInt64).view({2, 3});
  labels.misnamed = {{"row 17", 0, 1, 0.75}, {"row 4", 1, 2, 0.5}};
  labels.points = torch::rand({2, report.originals.size(1)});
  report.held_back = {labels};
  const std::string page = render_page(report);
  EXPECT_NE(page.find("from 17 labels"), std::string::npos);
  EXPECT_NE(page.find("Of 8 points"), std::string::npos);
  EXPECT_NE(page.find("names 2 wrongly (25.0 %)"), std::string::npos);
  EXPECT_NE(page.find("hollow</th><td>12</td><td>5</td><td>1</td>"), std::string::npos);
  EXPECT_NE(page.find("full</th><td>5</td><td>3</td><td>1</td>"), std::string::npos);
  EXPECT_NE(page.find("row 17"), std::string::npos);
  EXPECT_NE(page.find("f&lt;ull"), std::string::npos);
  EXPECT_EQ(page.find("f<ull</"), std::string::npos);
  for (const char* key : {"names", "ticks"}) {  // on no axis is the cluster a class called 2
    EXPECT_EQ(data_of(page)["clusterings"][0][key], (json{"hollow", "f<ull", "cluster 2"})) << key;
  }

  report.held_back[0].confusion = torch::Tensor();
  report.held_back[0].misnamed.clear();
  report.held_back[0].points = torch::Tensor();
  EXPECT_NE(render_page(report).find("none were held back"), std::string::npos);
}

TEST(Page, DrawsTheFeaturesThatVaryMost) {
  Report report = example(2, {300});
  report.originals = torch::zeros({4, 300});
  report.originals.narrow(1, 150, 100).copy_(torch::randn({4, 100}));
  const json data = data_of(render_page(report));
  ASSERT_EQ(data["features"].size(), 100u);
  EXPECT_EQ(data["features"].front(), 150);
  EXPECT_EQ(data["features"].back(), 249);
}

TEST(Clusters, SortByMajorityThenPurityThenEmpty) {
  const auto confusion = torch::tensor({{0, 4}, {0, 0}, {3, 1}, {4, 0}, {1, 3}}, torch::kInt64);
  const auto majority = majorities(confusion);
  EXPECT_EQ(majority[2].label, 0);
  EXPECT_DOUBLE_EQ(majority[2].share, 0.75);
  EXPECT_EQ(majority[1].label, -1);
  EXPECT_EQ(by_majority({0, 1, 2, 3, 4}, majority), (std::vector<int64_t>{3, 2, 0, 4, 1}));
}

TEST(Clusters, LabelsKeepTheirOrderUntilThereAreTooMany) {
  EXPECT_EQ(labels_in_order(torch::tensor({4, 4, -1, 2, 4}, torch::kInt64)),
            (std::vector<int64_t>{2, 4}));
  const auto many = torch::cat({torch::arange(shown_clusters + 1), torch::tensor({7})});
  EXPECT_EQ(labels_in_order(many).front(), 7);
}

TEST_F(ReportFolder, PutsThePicturesBesideThePage) {
  write_report(example(40, picture()), folder_);
  const auto written = files();
  EXPECT_EQ(written.count("index.html"), 1u);
  EXPECT_EQ(std::count_if(
                written.begin(), written.end(),
                [](const std::string& name) { return name.find(".part") != std::string::npos; }),
            0);
#ifdef CLADE_WITH_PNG
  for (const char* name : {"clusters.png", "labels.png", "reconstructions.png", "samples.png",
                           "samples_uniform.png", "traversal_w.png", "variation_z1.png"}) {
    EXPECT_EQ(written.count(name), 1u) << name;
  }
#endif
}

TEST_F(ReportFolder, NamesFilesByTheirLatentWhereThereAreSeveral) {
  const auto notes = write_report(two_levels(picture()), folder_);
  const auto written = files();
  EXPECT_EQ(written.count("label_clusters_y1.csv") + written.count("label_clusters_y2.csv"), 2u);
  EXPECT_EQ(written.count("label_clusters.csv"), 0u);
#ifdef CLADE_WITH_PNG
  for (const std::string what : {"clusters", "labels", "samples_uniform"}) {
    EXPECT_EQ(written.count(what + "_y1.png") + written.count(what + "_y2.png"), 2u) << what;
    EXPECT_EQ(written.count(what + ".png"), 0u) << what;
  }
  EXPECT_EQ(written.count("samples.png"), 1u);
#endif
  if (notes.size() == 1 && notes[0].find("not installed") != std::string::npos) GTEST_SKIP();
  EXPECT_TRUE(notes.empty()) << notes[0];
  for (const std::string what : {"q_y", "q_y_given_label", "confusion"}) {
    EXPECT_EQ(written.count(what + "_y1.png") + written.count(what + "_y2.png"), 2u) << what;
  }
  EXPECT_EQ(written.count("latent_z1.png"), 1u);
}

TEST_F(ReportFolder, SaysWhenThereIsNoGnuplot) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder_.c_str(), 1);
  const auto notes = write_report(example(10, {5}), folder_);
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("gnuplot"), std::string::npos);
  EXPECT_EQ(files(), (std::set<std::string>{"index.html", "label_clusters.csv"}));
}

TEST_F(ReportFolder, GnuplotDrawsEveryChartAndRunsNothingElse) {
  Report report = example(10, {5});
  const auto trap = folder_ / "trap";
  const std::string hostile =
      "'; system('touch " + trap.string() + "')\n`touch " + trap.string() + "` #\\";
  report.label_names = {hostile, "50% %s"};
  report.curves[0].name = hostile;
  report.latents.push_back(report.latents[0]);
  report.latents[1].name = "../" + hostile;
  const auto notes = write_report(report, folder_);
  if (notes.size() == 1 && notes[0].find("not installed") != std::string::npos) GTEST_SKIP();
  EXPECT_TRUE(notes.empty()) << notes[0];
  const auto written = files();
  EXPECT_EQ(written.count("trap"), 0u);
  for (const char* name :
       {"curves.png", "q_y.png", "q_y_given_label.png", "confusion.png", "latent_z1.png"}) {
    EXPECT_EQ(written.count(name), 1u) << name;
  }
  EXPECT_EQ(written.size(), 8u);  // those above, the page, its table, and the second latent's
}

TEST_F(ReportFolder, APictureThatGnuplotLeavesHalfDrawnReplacesNone) {
  const auto pictures = folder_ / "pictures";
  std::filesystem::create_directories(pictures);
  write_atomically(pictures / "q_y.png", "the good one");
  // As on a full disk: the beginning of a PNG, and exit code 0.
  const StandIn gnuplot(folder_ / "tools", "gnuplot",
                        "printf '\\211PNG\\r\\n\\032\\n and so on'\n");
  const auto notes = write_plots(example(3, {28, 28}), pictures);
  EXPECT_GT(notes.size(), 2U);
  EXPECT_EQ(read_file(pictures / "q_y.png"), "the good one");
  const std::filesystem::directory_iterator left(pictures);
  EXPECT_EQ(std::distance(begin(left), end(left)), 1);
}

#ifdef CLADE_WITH_PNG
TEST_F(ReportFolder, APictureOfOneLabelHasItsColumn) {
  Report report = example(3, {5});
  report.clusterings[0].confusion = torch::tensor({4, 2, 1}, torch::kInt64).view({3, 1});
  const auto notes = write_report(report, folder_);
  if (notes.size() == 1 && notes[0].find("not installed") != std::string::npos) GTEST_SKIP();
  const auto pixels =
      decode_png(read_file(folder_ / "confusion.png"), "confusion").pixels.to(torch::kInt64);
  const auto full = torch::tensor({0x1f, 0x5f, 0x99}, torch::kInt64);  // of a cluster's points
  EXPECT_GT(pixels.view({-1, 3}).eq(full).all(1).sum().item<int64_t>(), 5000);
}
#endif

TEST_F(ReportFolder, NamesTakeNoMoreOfAPictureThanItHas) {
  Report report = example(3, {5});
  const std::string name(70, 'n');
  report.label_names = {name + "1", name + "2"};
  report.clusterings[0].classes = {name + "1", name + "2", "cluster 2"};
  const auto scripts = scripts_of(report, folder_);
  EXPECT_EQ(scripts.size(), 5u);
  for (const std::string& script : scripts) {
    EXPECT_EQ(script.find(std::string(26, 'n')), std::string::npos) << script.substr(0, 2000);
  }
  for (const char* title : {"each cluster holds", "Points of each cluster", "q(y | label)", "z1"}) {
    const std::string script = script_with(scripts, title);
    EXPECT_NE(script.find(std::string(25, 'n') + "…"), std::string::npos) << title;
  }
  EXPECT_EQ(shortened("setosa"), "setosa");
  EXPECT_EQ(shortened("äöüß", 3), "äöü…");
  EXPECT_EQ(shortened("日本語", 5), "日本…");  // of twice the width
}

TEST_F(ReportFolder, OfManyLabelsAPictureHasTheFirstAndSaysSo) {
  constexpr int64_t kLabels = 1500;
  Report report = example(3, {5});
  report.label_names.clear();
  report.clusterings[0].confusion = torch::ones({3, kLabels}, torch::kInt64);
  report.clusterings[0].given_label = torch::full({kLabels, 3}, 1 / 3.0);
  const auto scripts = scripts_of(report, folder_);
  const std::regex size(" size ([0-9]+),([0-9]+)");
  for (const std::string& script : scripts) {
    std::smatch found;
    ASSERT_TRUE(std::regex_search(script, found, size));
    for (const int side : {1, 2}) EXPECT_LT(std::stoi(found[side]), 5000);  // cairo's: 32,767
  }
  for (const char* title : {"Points of each cluster", "q(y | label)"}) {
    const std::string script = script_with(scripts, title);
    EXPECT_NE(script.find("the first 50 of 1500 labels"), std::string::npos) << title;
  }
  // Shares are of all labels all the same.
  const std::string confusion = script_with(scripts, "Points of each cluster");
  EXPECT_NE(confusion.find("\n49 0 0.00066666666666667 1 "), std::string::npos);
  EXPECT_EQ(confusion.find("\n50 0 "), std::string::npos);
}

TEST_F(ReportFolder, TicksOfClustersAreWholeNumbersOrNames) {
  const auto ticks = [&](const Report& report) {
    const std::string script = script_with(scripts_of(report, folder_), "q(y | label)");
    const size_t at = script.find("set xtics");
    return script.substr(at, script.find('\n', at) - at);
  };
  Report report = example(2, {5});
  EXPECT_EQ(ticks(report), "set xtics scale 0 ('0' 0, '1' 1)");
  report.clusterings[0].classes = {"hollow", "full"};
  EXPECT_EQ(ticks(report), "set xtics scale 0 rotate by 40 right ('hollow' 0, 'full' 1)");
  EXPECT_EQ(ticks(example(40, {5})), "set xtics scale 0 0,5");
  EXPECT_EQ(ticks(example(150, {5})), "set xtics scale 0 0,20");
}

TEST_F(ReportFolder, LettersThatNoFontHasAreNotDrawn) {
  Report report = example(3, {5});
  report.label_names = {"größer → ≤", "日本 1"};
  const auto of_labels = [&](bool fonts) {
    return script_with(scripts_of(report, folder_, fonts), "Points of each cluster");
  };
  for (const char* name : {"'größer → ≤'", "'日本 1'"}) {
    EXPECT_NE(of_labels(true).find(name), std::string::npos) << name;
  }
  for (const char* name : {"'größer → ≤'", "'?? 1'"}) {
    EXPECT_NE(of_labels(false).find(name), std::string::npos) << name;
  }
}

TEST_F(ReportFolder, DrawsHistogramsOfOneFeature) {
  const auto notes = write_report(example(3, {1}), folder_);
  if (notes.size() == 1 && notes[0].find("not installed") != std::string::npos) GTEST_SKIP();
  EXPECT_TRUE(notes.empty()) << notes[0];
  EXPECT_EQ(files().count("histograms.png"), 1u);
}

TEST_F(ReportFolder, NamesTheClustersOfEachLabel) {
  Report report = example(4, {5});
  report.clusterings[0].given_label = torch::tensor({{0.1, 0.6, 0.3, 0.0}, {0.0, 0.2, 0.4, 0.4}});
  report.label_names = {"a \"b\", c", "d"};
  write_report(report, folder_);
  EXPECT_EQ(read_file(folder_ / "label_clusters.csv"),
            "label,rank,cluster,probability,shared\n"
            "\"a \"\"b\"\", c\",1,1,0.6,0\n"
            "\"a \"\"b\"\", c\",2,2,0.3,1\n"
            "d,1,2,0.4,1\n"
            "d,2,3,0.4,0\n");
}

TEST_F(ReportFolder, ATableIsShownByItsColumnsInItsUnits) {
  Report report = example(2, {3});
  report.columns = {"age <years>", "height, cm", "income"};
  report.originals = torch::tensor({{31.0, 172.0, 1e5}, {47.0, 160.0, 2e4}, {5.0, 99.0, 0.0}});
  report.reconstructions = report.originals + 1;
  report.clusterings[0].contrasts = {
      {{1, -2.5, 160, 5, 172.5, 5}, {0, 12.25, 46, 3, 20, 1}, {2, 0.1, 2e4, 1, 1e4, 1}}, {}};
  write_report(report, folder_);
  const std::string page = read_file(folder_ / "index.html");
  EXPECT_EQ(unbalanced(markup(page)), "");
  // Strongest first, as they are given, with both means; the bars are full at four deviations.
  const std::regex row(
      "height, cm</th><td><span class=\"bar less\" style=\"--length:0.62\"></span></td><td>−2.5"
      "</td><td>160 ± 5</td><td>172.5 ± 5</td></tr>\\s*<tr><th scope=\"row\">age &lt;years&gt;</th>"
      "<td><span class=\"bar more\" style=\"--length:1\"></span></td><td>.12</td>");
  EXPECT_TRUE(std::regex_search(page, row));
  EXPECT_NE(page.find("31 → 32"), std::string::npos);
  const json data = data_of(page);
  ASSERT_EQ(data.at("feature_values").size(), 3u);
  EXPECT_EQ(data["feature_values"][2]["name"], "income");
  EXPECT_EQ(data["feature_values"][0]["real"], json({{31.0}, {47.0}, {5.0}}));
  EXPECT_EQ(count(page, "data-draw=\"feature\""), 3u);
  EXPECT_EQ(read_file(folder_ / "cluster_features.csv"),
            "cluster,rank,feature,difference,mean,deviation,mean_of_others,deviation_of_others\n"
            "0,1,\"height, cm\",-2.5,160,5,172.5,5\n0,2,age <years>,12.25,46,3,20,1\n"
            "0,3,income,0.1,20000,1,10000,1\n");
  // Far from zero, and of large deviations, of which a difference is no share.
  report.clusterings[0].contrasts = {
      {{1, -2.5, 1700000011.5, 18, 1700000028.5, 19}, {0, 0.5, 9e9, 4e7, 8.9e9, 2e7}}, {}};
  write_report(report, folder_);
  EXPECT_NE(read_file(folder_ / "cluster_features.csv")
                .find(",-2.5,1700000011.5,18,1700000028.5,19\n0,2,age <years>,0.5,9"),
            std::string::npos)
      << read_file(folder_ / "cluster_features.csv");
  report.columns.pop_back();
  EXPECT_THROW(write_report(report, folder_), Error);
}

/// A model of the registry with two units a layer, of four pixels.
TrainedModel model_of_pictures(const std::string& name) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.name = name;
  trained.model = find_model(name).make(*small_options(name), data_parent({2, 2}), generator);
  torch::NoGradGuard no_grad;
  for (auto& parameter : trained.model->parameters()) {
    parameter.add_(torch::empty_like(parameter).normal_(0, 0.5, generator));
  }
  trained.shape = {2, 2};
  trained.preprocessing.shift = torch::zeros({4});
  trained.preprocessing.scale = torch::ones({4});
  return trained;
}

TEST_F(ReportFolder, VariesOneLayerAfterTheOtherIfThereAreSeveral) {
  const auto variations = [&](const std::string& name, const torch::Tensor& x) {
    const TrainedModel trained = model_of_pictures(name);
    Dataset data;
    data.x = x;
    auto report = collect_report(trained, data, folder_ / "log.jsonl", json::object(), 1);
    trained.model->eval();
    for (const Traversed& one : report.variations) {
      EXPECT_TRUE(one.points.select(1, 0).equal(x));
      EXPECT_TRUE(torch::allclose(one.points.select(1, 1), trained.model->reconstruct(x), 1e-5));
      EXPECT_EQ(one.points.size(1), 12);
    }
    return report.variations;
  };
  auto generator = make_generator(2);
  const auto x = torch::empty({5, 4}).bernoulli_(0.5, generator);
  const auto ladder = variations("vlac", x);
  ASSERT_EQ(ladder.size(), 2u);
  EXPECT_EQ(ladder[0].name, "z1");
  EXPECT_EQ(ladder[1].name, "z2");
  EXPECT_TRUE(variations("cp_vae", x).empty());
  EXPECT_TRUE(variations("adgm", x).empty());
  // What lies below is held: z2 of this model reaches x through z1 alone.
  const auto above = variations("vae_l2", x);
  ASSERT_EQ(above.size(), 1u);
  EXPECT_EQ(above[0].name, "z1");
}

TEST_F(ReportFolder, DrawsEachComponentOfALevelWithTheOtherLevelsAtOneDraw) {
  TrainedModel trained = model_of_pictures("vlac");
  Model& model = *trained.model;
  torch::NoGradGuard no_grad;
  for (auto& parameter : model.named_parameters()) {
    const bool of_prior = parameter.key().rfind("p_z", 0) == 0;
    if (of_prior && parameter.key().find("log_variance") != std::string::npos) {
      parameter.value().fill_(-20);
    }
  }
  auto generator = make_generator(2);
  Dataset data;
  data.x = torch::empty({40, 4}).bernoulli_(0.5, generator);
  Report report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  ASSERT_EQ(report.clusterings.size(), 2u);
  model.eval();
  for (const Clustering& one : report.clusterings) {
    ASSERT_TRUE(one.of_level);
    const auto free = model.sample_means(500, {{one.name, torch::tensor(0)}}, generator);
    EXPECT_LT(one.samples[0].std(0).mean().item<double>(), 0.3 * free.std(0).mean().item<double>());
  }
  report.title = "ladder";
  write_report(report, folder_);
  for (const char* name : {"components_y1.png", "components_y2.png"}) {
    EXPECT_EQ(files().count(name), 1u);
  }
}

TEST_F(ReportFolder, ShowsWhereTheClustersStarted) {
  Report report = example(3, {3});
  Start start;
  start.codes = torch::stack({torch::arange(5.0), torch::zeros({5})}, 1);
  start.responsibilities = torch::one_hot(torch::tensor({2, 0, 1, 1, 0}), 3).to(torch::kFloat32);
  Dataset train;
  train.labels = torch::tensor({0, 1, 1, 0, 1});
  Start y1 = start, y2 = start;
  y1.latent = "y1";
  y2.latent = "y2";
  const auto both = start_scatters({y1, y2}, train, 2, 1);
  EXPECT_EQ(both.at(0).own, 0u);
  EXPECT_EQ(both.at(1).own, 1u);
  EXPECT_EQ(both.at(1).name, "start of y2");
  EXPECT_EQ(both.at(1).clusters.size(), 2u);
  report.start = start_scatters({start}, train, 1, 1);
  ASSERT_EQ(report.start.size(), 1u);
  // Each dot has its own cluster and label, in whatever order they are drawn: along one line.
  const auto place = report.start[0].points.select(1, 0);
  const auto row = std::get<1>(place.sort());
  const auto clusters = report.start[0].clusters[0].index_select(0, row);
  const auto expected = start.responsibilities.argmax(1);
  EXPECT_TRUE(clusters.equal(expected) || clusters.equal(expected.flip(0)));
  const auto labels = report.start[0].label.index_select(0, row);
  EXPECT_TRUE(labels.equal(train.labels) || labels.equal(train.labels.flip(0)));
  EXPECT_NEAR(report.start[0].explained[0], 1, 1e-12);  // along one line
  EXPECT_NEAR(report.start[0].explained[1], 0, 1e-12);
  EXPECT_TRUE(std::get<0>(place.sort()).allclose(torch::arange(-2.0, 3.0)));
  Start narrow = start;
  narrow.codes = start.codes.slice(1, 0, 1);  // has no second component
  const Scatter one = start_scatters({narrow}, train, 1, 1)[0];
  // As it is, and spread along an axis that says nothing.
  EXPECT_EQ(one.axes->at(1), "");
  EXPECT_TRUE(one.explained.empty());
  const auto [units, order] = one.points.select(1, 0).sort();
  EXPECT_TRUE(units.allclose(torch::arange(5.0, torch::kFloat64)));
  const auto spread = std::get<0>(one.points.select(1, 1).sort());
  EXPECT_GT(spread.diff().min().item<double>(), 0.1);
  EXPECT_TRUE(start_scatters({start}, train, 2, 1)[0].clusters.empty());
  EXPECT_TRUE(start_scatters({Start()}, train, 1, 1).empty());

  const std::string page = render_page(report);
  EXPECT_EQ(unbalanced(markup(page)), "");
  EXPECT_NE(page.find("Where the clusters started"), std::string::npos);
  const json data = data_of(page);
  EXPECT_EQ(data.at("latents").size(), 2u);
  EXPECT_EQ(data["latents"][1]["points"].size(), 5u);
  EXPECT_NE(page.find("data-argument=\"1\""), std::string::npos);
}

TEST_F(ReportFolder, CollectsATableInItsUnits) {
  auto generator = make_generator(1);
  TrainedModel trained;
  const auto model = std::make_shared<TwoLevels>(generator);
  trained.model = model;
  trained.shape = {TwoLevels::D};
  trained.preprocessing.scale = torch::full({TwoLevels::D}, 100.0);
  trained.preprocessing.shift = torch::full({TwoLevels::D}, 7.0);
  for (int64_t i = 0; i < TwoLevels::D; ++i) {
    trained.preprocessing.columns.push_back("c" + std::to_string(i));
  }
  Dataset data;
  data.x = torch::empty({40, TwoLevels::D}).bernoulli_(0.5, generator);
  const Report report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  EXPECT_TRUE(report.originals.allclose(100 * data.x + 7));
  // Draws, not means: the model's are bits.
  const auto bits = (report.samples - 7) / 100;
  EXPECT_TRUE(bits.eq(0).logical_or(bits.eq(1)).all().item<bool>());
  // The contrasts are those of the points in each cluster.
  const auto q = assignment(*model, data.x, 1)[0];
  const auto assigned = q.argmax(1);
  for (int64_t k = 0; k < q.size(1); ++k) {
    const auto own = report.originals.index_select(0, assigned.eq(k).nonzero().squeeze(1));
    for (const Contrast& one : report.clusterings[0].contrasts[static_cast<size_t>(k)]) {
      EXPECT_NEAR(one.mean, own.mean(0)[one.feature].item<double>(), 1e-3);
    }
  }
}

TEST(Charts, KeepTheDigitsThatTellNumbersApart) {
  const auto dates = torch::tensor({{20200101.0, 0.123456}, {20200131.0, 7.0}}, torch::kFloat64);
  EXPECT_EQ(numbers(dates), (json{{20200101.0, 0.12346}, {20200131.0, 7.0}}));
  EXPECT_EQ(numbers(torch::tensor({500123.25, 500123.5, std::nan("")}, torch::kFloat64)),
            (json{500123.25, 500123.5, nullptr}));
  EXPECT_EQ(numbers(torch::tensor({0.123456, 0.123456}, torch::kFloat64)), (json{0.1235, 0.1235}));
  EXPECT_EQ(number(-12345.678), json(-12345.7));
}

TEST_F(ReportFolder, ShowsPointsOfTwoFeaturesInTheirPlane) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.name = "cp_vae";
  trained.model = find_model("cp_vae").make(*small_options("cp_vae"), Parent{"x", 2}, generator);
  trained.shape = {2};
  trained.preprocessing.shift = torch::tensor({3.0, -1.0});
  trained.preprocessing.scale = torch::tensor({2.0, 10.0});
  Dataset data;
  data.x = torch::empty({40, 2}).bernoulli_(0.5, generator);
  Report report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  ASSERT_EQ(report.plane.size(), 2u);
  const auto raw = data.x * trained.preprocessing.scale + trained.preprocessing.shift;
  EXPECT_TRUE(torch::allclose(report.plane[0].points.to(torch::kFloat64), raw.to(torch::kFloat64)));
  EXPECT_EQ(report.plane[1].points.sizes(), raw.sizes());
  for (const Scatter& points : report.plane) {
    ASSERT_EQ(points.clusters.size(), 1u);
    EXPECT_EQ(points.clusters[0].size(0), 40);
  }
  std::string page = render_page(report);
  EXPECT_NE(page.find("Real and drawn points"), std::string::npos);
  EXPECT_EQ(data_of(page)["latents"][0]["axes"], (json{"first feature", "second feature"}));
  trained.preprocessing.columns = {"length", "width"};
  report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  page = render_page(report);
  EXPECT_EQ(data_of(page)["latents"][0]["axes"], (json{"length", "width"}));
  TrainedModel wider = model_of_pictures("cp_vae");
  wider.shape = {4};
  data.x = torch::zeros({40, 4});
  EXPECT_TRUE(collect_report(wider, data, folder_ / "none", json::object(), 1).plane.empty());
}

TEST_F(ReportFolder, DrawsAGridOverTheTwoUnitsOfTheTopLayer) {
  auto generator = make_generator(1);
  Dataset data;
  data.x = torch::empty({40, 4}).bernoulli_(0.5, generator);
  const auto collected = [&](const TrainedModel& trained) {
    return collect_report(trained, data, folder_ / "none", json::object(), 1);
  };
  // Of a VAE it is E[x|z] at the quantiles of a normal density, upwards and to the right.
  const TrainedModel vae = model_of_pictures("vae");
  const Report plane = collected(vae);
  ASSERT_EQ(plane.meshes.size(), 1u);
  const Mesh& mesh = plane.meshes[0];
  ASSERT_EQ(mesh.random.sizes(), (std::vector<int64_t>{15, 15, 4}));
  EXPECT_FALSE(mesh.given_cluster.defined());
  const auto quantile = [](int64_t i) {
    return std::sqrt(2.0) *
           torch::erfinv(torch::tensor(2 * (static_cast<double>(i) + 0.5) / 15 - 1)).item<double>();
  };
  for (const auto& [row, column] : {std::pair<int64_t, int64_t>{0, 0}, {0, 14}, {3, 9}, {14, 2}}) {
    const auto z = torch::tensor({quantile(column), quantile(14 - row)}, torch::kFloat32);
    const auto expected = vae.model->sample_means(1, {{"z", z}}, generator)[0];
    EXPECT_TRUE(mesh.random[row][column].allclose(expected, 0, 0.03)) << row << ", " << column;
  }
  EXPECT_EQ(plane.latents[0].axis, "unit");  // as they are, not turned
  for (const int64_t i : {0, 3, 14}) {       // lines over the dots at the tiles' places
    for (const int64_t unit : {0, 1}) {
      EXPECT_NEAR(plane.latents[0].grid[unit][i].item<double>(), quantile(i), 0.06) << i;
    }
  }
  EXPECT_EQ(data_of(render_page(plane))["latents"][0]["grid"][1].size(), 15u);

  // Where the layer is drawn given a cluster, its grid is that of the cluster.
  const TrainedModel clusters = model_of_pictures("cp_vae");
  const Report each = collected(clusters);
  ASSERT_EQ(each.meshes.size(), 1u);
  EXPECT_FALSE(each.meshes[0].random.defined());
  EXPECT_FALSE(each.latents[0].grid.defined());  // each cluster has another
  ASSERT_EQ(each.meshes[0].given_cluster.sizes(), (std::vector<int64_t>{3, 15, 15, 4}));
  for (int64_t k = 0; k < 3; ++k) {
    const Given held = {{"y", torch::tensor(k)}};
    const auto middle = clusters.model->draws("z", 20000, held, generator).mean(0);
    const auto expected =
        clusters.model->sample_means(1, {{"y", torch::tensor(k)}, {"z", middle}}, generator)[0];
    EXPECT_TRUE(each.meshes[0].given_cluster[k][7][7].allclose(expected, 0, 0.03)) << k;
  }
  // A cluster drawn below the layer, held or not.
  const Report both = collected(model_of_pictures("cagem"));
  EXPECT_EQ(both.meshes[0].layer, "z2");
  EXPECT_TRUE(both.meshes[0].random.defined());
  EXPECT_EQ(both.meshes[0].given_cluster.size(0), 3);
  const std::string page = render_page(both);
  EXPECT_NE(page.find("A grid over z2"), std::string::npos);
  EXPECT_EQ(count(page, "<h3>z2</h3>"), 1u);  // between the grids, and not once more
#ifdef CLADE_WITH_PNG
  write_report(both, folder_);
  EXPECT_EQ(files().count("mesh_z2.png"), 1u);
  EXPECT_EQ(files().count("mesh_z2_given_cluster.png"), 1u);
#endif
}

TEST_F(ReportFolder, ShowsEachDiscreteLatentOfAModelByItself) {
  auto generator = make_generator(1);
  const auto model = std::make_shared<TwoLevels>(generator);
  model->set_aggregated_posterior(torch::tensor({0.2, 0.3, 0.5}), 0);
  model->set_aggregated_posterior(torch::tensor({0.1, 0.2, 0.3, 0.4}), 1);
  TrainedModel trained = of_bits(model);
  Dataset data;
  data.x = torch::empty({40, TwoLevels::D}).bernoulli_(0.5, generator);
  data.labels = torch::arange(40).remainder(3);
  const json scores = {{"acc_hungarian", 0.5}, {"acc_majority", 0.75}, {"nmi", 0.25}};
  json metrics;
  metrics["test"] = {{"elbo", -1.0}, {"points", 40}, {"clustering", scores}};
  metrics["test"]["log_likelihood"]["importance_samples"] = 1;
  for (const char* name : {"y1", "y2"}) metrics["test"]["latents"][name]["clustering"] = scores;
  Report report = collect_report(trained, data, folder_ / "none", metrics, 1);
  ASSERT_EQ(report.clusterings.size(), 2u);
  for (const auto& [index, K] : {std::pair<size_t, int64_t>{0, 3}, {1, 4}}) {
    const Clustering& one = report.clusterings[index];
    EXPECT_EQ(one.name, model->discrete()[index].name);
    EXPECT_TRUE(torch::equal(one.share, model->aggregated_posterior(index)));
    EXPECT_EQ(one.samples.sizes(), (std::vector<int64_t>{K, 10, TwoLevels::D}));
    EXPECT_EQ(one.confusion.sum().item<int64_t>(), 40);
    EXPECT_EQ(one.given_label.sizes(), (std::vector<int64_t>{3, K}));
    // A cluster's tiles are drawn with it held and all else free.
    const auto mean = one.samples.mean(1);  // [K, D]
    for (int64_t k = 0; k < K; ++k) {
      const auto expected =
          model->sample_means(20000, {{one.name, torch::tensor(k)}}, generator);  // [n, D]
      const auto error = expected.std(0) / std::sqrt(10.0);
      EXPECT_TRUE(((mean[k] - expected.mean(0)).abs() < 5 * error + 0.02).all().item<bool>());
    }
  }
  ASSERT_EQ(report.latents.size(), 1u);
  EXPECT_EQ(report.latents[0].clusters.size(), 2u);
  EXPECT_EQ(report.headline.back().label, "NMI, y2");
  EXPECT_EQ(report.headline.size(), 7u);  // the bound, three scores each, as runs of 0.1.0 have
  report.title = "two levels";
  write_report(report, folder_);
  EXPECT_EQ(files().count("label_clusters_y2.csv"), 1u);
}

TEST_F(ReportFolder, CountsAllPoints) {
  auto generator = make_generator(1);
  TrainedModel trained = of_bits(std::make_shared<TwoLevels>(generator));
  trained.provenance = {{"labels", 3}};
  trained.label_names = {"a", "b", "c"};
  Dataset data;
  data.x = torch::empty({10500, TwoLevels::D}).bernoulli_(0.5, generator);
  data.labels = torch::zeros({10500}, torch::kInt64);
  data.labels.slice(0, 10400).fill_(2);  // the rarest come last
  data.label_names = trained.label_names;
  const auto counts = torch::tensor({10400, 0, 100}, torch::kInt64);
  data.rows = torch::arange(10500);
  const Report report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  for (const Clustering& one : report.clusterings) {
    EXPECT_TRUE(one.confusion.sum(0).equal(counts)) << one.name;
    EXPECT_NEAR(one.given_label[2].sum().item<double>(), 1, 1e-5) << one.name;
  }
  EXPECT_EQ(report.latents[0].points.size(0), 2000);  // which is as many dots as one tells apart
  const auto labels = held_back_shown(trained, data, data, 1);
  EXPECT_TRUE(labels.at(0).confusion.sum(1).equal(counts));
}

TEST_F(ReportFolder, DensitiesOverThePlaneAreOnesOfTheDataInTheirUnits) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.name = "cp_vae";
  trained.options = small_options("cp_vae");
  trained.options->likelihood = "gaussian";
  trained.model = find_model("cp_vae").make(*trained.options, Parent{"x", 2}, generator);
  trained.shape = {2};
  trained.preprocessing.shift = torch::tensor({3.0, -1.0});
  trained.preprocessing.scale = torch::tensor({2.0, 10.0});
  // Two groups far enough apart for all of the untrained model's density to lie between.
  Dataset data;
  data.x = torch::randn({200, 2}, generator) + 8 * (2 * (torch::arange(200) % 2) - 1).unsqueeze(1);
  EXPECT_TRUE(plane_densities(trained, data, data, 1).empty());  // no unit is known
  trained.preprocessing.log_volume = std::log(20.0);
  trained.preprocessing.columns = {"length", "width"};
  std::set<int64_t> totals;
  const auto planes = plane_densities(trained, data, data, 1,
                                      [&](int64_t, int64_t total) { totals.insert(total); });
  ASSERT_EQ(planes.size(), 1u);
  const PlaneDensities& plane = planes.front();
  EXPECT_EQ(plane.points, 200);
  ASSERT_EQ(plane.maps.size(), 2u);
  for (const PlaneDensity& map : plane.maps) {
    const double cell = ((map.high - map.low) / 100).prod().item<double>();
    EXPECT_NEAR(map.log_density.exp().sum().item<double>() * cell, 1, 0.05) << map.name;
    EXPECT_TRUE(std::isfinite(map.mean));
  }
  EXPECT_GT(plane.maps[1].mean, plane.maps[0].mean);  // one knows the data, the other does not
  // Whoever waits may stop it, among the rows of the density and the starts of the mixture.
  EXPECT_EQ(totals, (std::set<int64_t>{plane.maps[0].log_density.size(0), 3}));
  struct Stopped {};
  const auto stop = [](int64_t, int64_t) { throw Stopped(); };
  EXPECT_THROW(plane_densities(trained, data, data, 1, stop), Stopped);
  // Of many clusters there is no mixture: no picture is worth the time.
  trained.options = small_options("cp_vae", 31);
  trained.options->likelihood = "gaussian";
  trained.model = find_model("cp_vae").make(*trained.options, Parent{"x", 2}, generator);
  EXPECT_EQ(plane_densities(trained, data, data, 1).front().maps.size(), 1u);
  // The groups lie low and high in both features, nothing at the other corners.
  const auto dark = darkness(plane, 1);
  for (const auto& [row, column, at_least, at_most] :
       {std::tuple{22, 22, 0.5, 1.0}, {78, 78, 0.5, 1.0}, {22, 78, 0.0, 0.0}, {78, 22, 0.0, 0.0}}) {
    EXPECT_GE(dark[row][column].item<double>(), at_least) << row << " " << column;
    EXPECT_LE(dark[row][column].item<double>(), at_most) << row << " " << column;
  }
  Report report = example(2, {2});
  report.densities = planes;
  const std::string page = render_page(report);
  EXPECT_NE(page.find("<h2>Density</h2>"), std::string::npos);
  EXPECT_EQ(data_of(page)["densities"][1]["axes"], (json{"length", "width"}));
  EXPECT_EQ(data_of(page)["densities"][1]["darkness"][22][78], 0.0);
  EXPECT_GT(data_of(page)["densities"][1]["darkness"][22][22], 127.0);
}

TEST_F(ReportFolder, ShowsClustersAtZeroOfWhatElseShapesThem) {
  auto generator = make_generator(1);
  Dataset data;
  data.x = torch::empty({40, 4}).bernoulli_(0.5, generator);
  const TrainedModel trained = model_of_pictures("gmvae");
  Model& model = *trained.model;
  const int64_t K = model.clusters();
  const auto shares = torch::arange(1, K + 1) / (K * (K + 1) / 2.0);  // the last the strongest
  model.set_aggregated_posterior(shares, model.main_discrete());
  const Report report = collect_report(trained, data, folder_ / "none", json::object(), 1);
  ASSERT_EQ(report.at_zero.size(), 1u);
  const AtZero& zero = report.at_zero[0];
  EXPECT_EQ(zero.name, "w");
  ASSERT_EQ(zero.points.sizes(), (std::vector<int64_t>{K, 10, 4}));
  EXPECT_EQ(zero.clusters.front(), K - 1);
  for (int64_t row = 0; row < K; ++row) {
    const auto w = torch::zeros({2});
    const Given given = {{"y", torch::tensor(zero.clusters[static_cast<size_t>(row)])}, {"w", w}};
    const auto expected = model.sample_means(20000, given, generator);  // [n, D]
    const auto error = expected.std(0) / std::sqrt(10.0);
    const auto mean = zero.points[row].mean(0);
    EXPECT_TRUE(((mean - expected.mean(0)).abs() < 5 * error + 0.01).all().item<bool>()) << row;
  }
  const std::string page = render_page(report);
  EXPECT_EQ(count(page, "<h2>Clusters at w = 0</h2>"), 1u);
  EXPECT_EQ(unbalanced(markup(page)), "");
#ifdef CLADE_WITH_PNG
  write_report(report, folder_);
  EXPECT_EQ(files().count("clusters_at_w_0.png"), 1u);
#endif
  for (const char* other : {"cp_vae", "m2", "vlac", "vae"}) {  // z given y alone, or no y
    const auto of = collect_report(model_of_pictures(other), data, folder_ / "none", {}, 1);
    EXPECT_TRUE(of.at_zero.empty()) << other;
  }
}

TEST_F(ReportFolder, CardsHaveWhatWasMeasured) {
  auto generator = make_generator(1);
  TrainedModel trained = of_bits(std::make_shared<TwoLevels>(generator));
  Dataset data;
  data.x = torch::empty({40, TwoLevels::D}).bernoulli_(0.5, generator);
  json metrics;
  metrics["test"] = {{"elbo", -1.0},
                     {"points", 40},
                     {"bits_per_dimension", 3.2104},
                     {"log_likelihood",
                      {{"value", -0.5},
                       {"importance_samples", 5000},
                       {"few", {{"value", -0.75}, {"importance_samples", 10}}}}},
                     {"clusters", 5},
                     {"clusters_told_apart", 3.75},
                     {"clustering",
                      {{"acc_hungarian", 0.5},
                       {"acc_majority", 0.75},
                       {"acc_most_confident", 0.625},
                       {"nmi", 0.25},
                       {"ari", -0.125}}}};
  std::vector<std::string> cards;
  const auto& all = collect_report(trained, data, folder_ / "none", metrics, 1).headline;
  for (const Headline& card : all) cards.push_back(card.label + ": " + card.value);
  EXPECT_EQ(cards, (std::vector<std::string>{
                       "Bound: -1.00 nats", "Bits per dimension: 3.210",
                       "Log-likelihood, S = 10: -0.75 nats", "Log-likelihood, S = 5000: -0.50 nats",
                       "Accuracy, one-to-one: 50.0 %", "Accuracy, majority: 75.0 %",
                       "Accuracy, most confident: 62.5 %", "NMI: 0.250", "ARI: -0.125",
                       "Clusters told apart: 3.75"}));
}

TEST_F(ReportFolder, CollectsWhatStandsBesideOtherRuns) {
  auto generator = make_generator(1);
  const auto model = std::make_shared<TwoLevels>(generator);
  model->set_aggregated_posterior(torch::tensor({0.2, 0.3, 0.5}), 0);
  TrainedModel trained = of_bits(model);
  trained.preprocessing.shift.fill_(100);
  trained.preprocessing.scale.fill_(7);
  trained.preprocessing.columns.assign(TwoLevels::D, "age");
  Dataset data;
  data.x = torch::empty({40, TwoLevels::D}).bernoulli_(0.5, generator);
  data.labels = torch::arange(40).remainder(3);
  std::filesystem::create_directories(folder_);
  write_atomically(folder_ / "log.jsonl",
                   "{\"epoch\": 1, \"train\": {\"elbo\": -3}, \"validation\": {\"elbo\": -4}}\n");
  const Report report = collect_compared(trained, data, folder_ / "log.jsonl", 1);
  ASSERT_EQ(report.clusterings.size(), 2u);
  EXPECT_EQ(report.clusterings[0].name, "y1");
  EXPECT_TRUE(torch::equal(report.clusterings[0].share, model->aggregated_posterior(0)));
  ASSERT_EQ(report.latents.size(), 1u);
  EXPECT_TRUE(torch::equal(report.latents[0].label, data.labels));
  const auto q = cluster_probabilities(*model, data.x, generator);
  for (const size_t l : {0u, 1u}) {
    EXPECT_TRUE(torch::equal(report.latents[0].clusters[l], q[l].argmax(1)));
  }
  ASSERT_EQ(report.curves.size(), 1u);
  EXPECT_EQ(report.curves[0].validation, std::vector<double>{-4});
  EXPECT_EQ(report.originals.size(0), 18);
  EXPECT_TRUE(torch::equal(report.originals, 100 + 7 * data.x.slice(0, 0, 18)));
  EXPECT_GE(report.samples.min().item<double>(), 100);  // means of bits
  EXPECT_LE(report.samples.max().item<double>(), 107);
  EXPECT_EQ(report.columns, trained.preprocessing.columns);
}

TEST_F(ReportFolder, RefusesShapesThatDoNotFit) {
  const auto refused = [&](const Report& report, const std::string& named) {
    try {
      write_report(report, folder_);
      ADD_FAILURE() << named << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
    }
  };
  Report report = example(4, {5});
  report.clusterings[0].samples = torch::zeros({3, 3, 5});
  refused(report, "samples of y is [3, 3, 5] and should be [4, -1, 5]");
  report = example(4, {5});
  report.clusterings[0].share = torch::ones({1});
  refused(report, "y has no share of two clusters");
  report = example(4, {5});
  report.latents[0].clusters.push_back(report.latents[0].clusters[0]);
  refused(report, "z1 has clusters of 2 discrete latents, the report 1");
  report = example(4, {5});
  report.start = {report.latents[0]};
  report.start[0].name = "start";
  report.start[0].clusters.push_back(report.start[0].clusters[0]);
  refused(report, "start has clusters of 2 discrete latents, the report 1");
  report = example(4, {5});
  report.reconstructions = torch::zeros({3, 5});
  refused(report, "reconstructions");
  report = example(4, {5});
  report.curves[1].train.pop_back();
  refused(report, "KL(z)");
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(ReportFolder, RelaxedTrainingAndExactValidationAreCurvesApart) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.name = "cp_vae";
  trained.model =
      find_model("cp_vae").make(*small_options("cp_vae", 3, "gumbel"), Parent{"x", 4}, generator);
  trained.shape = {4};
  trained.preprocessing.shift = torch::zeros({4});
  trained.preprocessing.scale = torch::ones({4});
  Dataset data;
  data.x = torch::empty({20, 4}).bernoulli_(0.5, generator);
  // Of the first epoch as versions before the two had names of their own wrote it.
  const auto line = [](int epoch, const char* name, double relaxed, double exact) {
    return json{{"epoch", epoch},
                {"train", {{name, -relaxed}, {"terms", {{"KL(y)", relaxed}}}}},
                {"validation", {{"elbo", -exact}, {"terms", {{"KL(y)", exact}}}}},
                {"figures", {{"effective clusters", exact}}}}
               .dump() +
           "\n";
  };
  std::filesystem::create_directories(folder_);
  write_atomically(folder_ / "log.jsonl", line(1, "elbo", 1, 3) + line(2, "relaxed_elbo", 2, 4));
  const auto curves =
      collect_report(trained, data, folder_ / "log.jsonl", json::object(), 1).curves;
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> by_name;
  for (const Curve& curve : curves) by_name[curve.name] = {curve.train, curve.validation};
  using Values = std::vector<double>;
  EXPECT_EQ(by_name.size(), 5u);
  EXPECT_EQ(by_name["effective clusters"], (std::pair<Values, Values>{{}, {3, 4}}));
  for (const Curve& curve : curves) {
    EXPECT_EQ(curve.of_bound, curve.name != "effective clusters") << curve.name;
  }
  EXPECT_EQ(by_name["bound"], (std::pair<Values, Values>{{}, {-3, -4}}));
  EXPECT_EQ(by_name["bound, relaxed"], (std::pair<Values, Values>{{-1, -2}, {}}));
  EXPECT_EQ(by_name["KL(y)"], (std::pair<Values, Values>{{}, {3, 4}}));
  EXPECT_EQ(by_name["KL(y), relaxed"], (std::pair<Values, Values>{{1, 2}, {}}));
}

TEST_F(ReportFolder, TheLooserBoundOfTrainingHasCurvesApartAndAFloorItsLine) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.name = "gmvae";
  const auto options = small_options("gmvae", 3);
  from_json({{"information_floor", 0.5}}, *options);
  trained.model = find_model("gmvae").make(*options, Parent{"x", 4}, generator);
  trained.shape = {4};
  trained.preprocessing.shift = torch::zeros({4});
  trained.preprocessing.scale = torch::ones({4});
  Dataset data;
  data.x = torch::empty({20, 4}).bernoulli_(0.5, generator);
  std::filesystem::create_directories(folder_);
  std::string log;
  for (const int epoch : {1, 2}) {
    log += json{{"epoch", epoch},
                {"train", {{"looser_elbo", -5}, {"terms", {{"KL(y)", 0.7}, {"KL(w)", 1}}}}},
                {"validation", {{"elbo", -4}, {"terms", {{"KL(y)", 0.6}, {"KL(w)", 1}}}}}}
               .dump() +
           "\n";
  }
  write_atomically(folder_ / "log.jsonl", log);
  Report report = collect_report(trained, data, folder_ / "log.jsonl", json::object(), 1);
  std::map<std::string, Curve> by_name;
  for (const Curve& curve : report.curves) by_name[curve.name] = curve;
  EXPECT_EQ(by_name.at("bound").validation, std::vector<double>(2, -4));
  EXPECT_TRUE(by_name.at("bound").train.empty());
  EXPECT_EQ(by_name.at("bound, looser bound").train, std::vector<double>(2, -5));
  EXPECT_EQ(by_name.at("KL(y)").floor, 0.5);
  EXPECT_EQ(by_name.at("KL(y), looser bound").floor, 0.5);
  EXPECT_EQ(by_name.at("KL(w), looser bound").floor, 0);
  report.title = "floor";
  const json curves = data_of(render_page(report)).at("curves");
  EXPECT_EQ(std::count_if(curves.begin(), curves.end(),
                          [](const json& curve) { return curve.contains("floor"); }),
            2);
}

}  // namespace
}  // namespace clade
