#include "clade/report/compare.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/core/files.h"

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
  made.shape = {16};
#ifdef CLADE_WITH_PNG
  made.shape = {4, 4};
#endif
  made.samples = torch::rand({25, 16});
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
  const std::string csv = read_file(folder_ / "comparison.csv");
  EXPECT_NE(csv.find("\nvae,-88.50,,"), std::string::npos) << csv;
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

TEST_F(Comparison, DrawsWhatIsNoImage) {
  ComparedRun numbers = run("vae", -1), rows = run("mog", -2);
  numbers.shape = {1};
  numbers.samples = torch::rand({300, 1});
  numbers.originals = torch::rand({200, 1});
  rows.shape = {3};
  rows.samples = torch::rand({20, 3});
  write_comparison({numbers, rows}, folder_);
  const std::string page = read_file(folder_ / "index.html");
  for (const char* place : {"data-draw=\"compared\" data-argument=\"0\"",
                            "data-draw=\"compared\" data-argument=\"1\""}) {
    EXPECT_NE(page.find(place), std::string::npos) << place;
  }
  const std::string begin = "id=\"report-data\">";
  const size_t at = page.find(begin) + begin.size();
  const auto data = nlohmann::json::parse(page.substr(at, page.find("</script>", at) - at));
  EXPECT_EQ(data["runs"][0]["samples"].size(), 300u);  // a histogram is of all
  EXPECT_EQ(data["runs"][0]["originals"].size(), 200u);
  EXPECT_EQ(data["runs"][1]["features"], (std::vector<int>{0, 1, 2}));
  EXPECT_FALSE(data["runs"][1].contains("originals"));
}

TEST_F(Comparison, WantsNamesThatDiffer) {
  EXPECT_THROW(write_comparison({run("vae", -1), run("vae", -2)}, folder_), Error);
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

}  // namespace
}  // namespace clade
