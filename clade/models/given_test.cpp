#include "clade/models/given.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/two_levels_for_tests.h"

namespace clade {
namespace {

TEST(Given, IsReadAndRefusedInOneLine) {
  auto generator = make_generator(1);
  TwoLevels model(generator);
  const auto read = parse_given({"y2=3", "z=.5,-1e-1"}, model);
  EXPECT_EQ(read.at("y2").item<int64_t>(), 3);
  EXPECT_TRUE(torch::allclose(read.at("z"), torch::tensor({0.5, -0.1}, torch::kFloat64)));
  const auto refused = [&](const std::vector<std::string>& words, const std::string& said) {
    try {
      parse_given(words, model);
      ADD_FAILURE() << words.front() << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), said);
    }
  };
  refused({"y2"}, "\"y2\" has no value; write NAME=VALUE, for example y=3");
  refused({"y22=1"}, "the model has no latent \"y22\"; did you mean y2? known: y1, y2 or z");
  refused({"w=1"}, "the model has no latent \"w\"; known: y1, y2 or z");
  refused({"y2=4"}, "cluster 4 does not exist: y2 has clusters 0 to 3");
  refused({"y2=-1"}, "cluster -1 does not exist: y2 has clusters 0 to 3");
  refused({"y2=1.5"}, "\"1.5\" in y2=1.5 is no cluster; give its number, from 0");
  refused({"z=1,2,3"}, "the latent z has 2 units; give one number for all or one for each, not 3");
  refused({"z=1,x"}, "\"x\" in z=1,x is no number");
  refused({"z=0,1e40"}, "\"1e40\" in z=0,1e40 is not finite in 32 bits; give another number");
  refused({"z=nan"}, "\"nan\" in z=nan is not finite in 32 bits; give another number");
  refused({"z="}, "\"\" in z= is no number");
  refused({"y1=1", "y1=2"}, "the latent y1 is given twice");
}

}  // namespace
}  // namespace clade
