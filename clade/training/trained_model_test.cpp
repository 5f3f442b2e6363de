#include "clade/training/trained_model.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/models/two_levels_for_tests.h"

namespace clade {
namespace {

TEST(TrainedModel, KeepsTheStoredPosteriorOfEachDiscreteLatent) {
  auto generator = make_generator(1);
  TwoLevels saved(generator), loaded(generator);
  const auto first = torch::tensor({0.2, 0.3, 0.5});
  const auto second = torch::tensor({0.1, 0.2, 0.3, 0.4});
  saved.set_aggregated_posterior(first, 0);
  saved.set_aggregated_posterior(second, 1);
  const auto path = std::filesystem::path(testing::TempDir()) / "clade_two_levels.safetensors";
  TensorFile file;
  file.tensors = state_of(saved);
  write_safetensors(path, file);
  load_state(loaded, read_safetensors(path).tensors, path.string());
  std::filesystem::remove(path);
  EXPECT_TRUE(torch::equal(loaded.aggregated_posterior(0), first));
  EXPECT_TRUE(torch::equal(loaded.aggregated_posterior(1), second));
}

TEST(TrainedModel, CallsNoClusterAsAClassIsCalled) {
  auto generator = make_generator(1);
  TrainedModel trained;
  trained.model = std::make_shared<TwoLevels>(generator);  // three clusters, then four
  trained.label_names = {"cluster 2"};
  EXPECT_TRUE(trained.classes().empty());
  trained.provenance["labels"] = "some";
  EXPECT_EQ(trained.classes(),
            (std::vector<std::string>{"cluster 2", "cluster 1", "unnamed cluster 2"}));
}

}  // namespace
}  // namespace clade
