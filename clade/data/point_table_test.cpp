#include "clade/data/point_table.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <sstream>

namespace clade {
namespace {

Dataset three_points() {
  Dataset points;
  points.x = torch::zeros({3, 2});
  points.rows = torch::tensor({4, 0, 7}, torch::kInt64);
  return points;
}

std::string written(const PointTable& table) {
  std::ostringstream out;
  table.write(out);
  return std::move(out).str();
}

TEST(PointTable, BeginsWithWhatJoinsItToTheInput) {
  Dataset points = three_points();
  EXPECT_EQ(written(PointTable(points)), "index\n4\n0\n7\n");
  points.names = {"patient, id", {"p 1", "=\"2\"", "3"}};
  points.labels = torch::tensor({int64_t{1}, kUnknownLabel, int64_t{0}});
  points.label_names = {"well", "ill; or so"};
  EXPECT_EQ(written(PointTable(points)),
            "index,\"patient, id\",label\n"
            "4,p 1,\"ill; or so\"\n"
            "0,\"=\"\"2\"\"\",\n"
            "7,3,well\n");
}

TEST(PointTable, KeepsItsOwnTitlesWhateverThePointsNamesAreCalled) {
  for (const auto& [title, header] : {std::pair{"index", "index,index.1,cluster"},
                                      {"cluster", "index,cluster.1,cluster"},
                                      {"id", "index,id,cluster"}}) {
    Dataset points = three_points();
    points.names = {title, {"a", "b", "c"}};
    PointTable table(points);
    table.add("cluster", torch::tensor({1, 2, 3}));
    EXPECT_EQ(written(table), std::string(header) + "\n4,a,1\n0,b,2\n7,c,3\n");
  }
}

TEST(PointTable, NamesNumberedThings) {
  EXPECT_EQ(clade::names_of(torch::tensor({int64_t{1}, kUnknownLabel, int64_t{0}}), {"a", "b"}),
            (std::vector<std::string>{"b", "", "a"}));
}

TEST(PointTable, WritesWholeNumbersAndSixDigitsOfOthers) {
  PointTable table(three_points());
  table.add("cluster", torch::tensor({2, 10, 0}, torch::kInt64));
  table.add("odd", torch::tensor({true, false, true}));
  table.add("p", torch::tensor({1.0, 1.0 / 3, 1e-9}, torch::kFloat32));
  EXPECT_EQ(written(table), "index,cluster,odd,p\n4,2,1,1\n0,10,0,0.333333\n7,0,1,1e-09\n");
  EXPECT_EQ(table.points(), 3);
}

}  // namespace
}  // namespace clade
