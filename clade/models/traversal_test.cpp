#include "clade/models/traversal.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clade/core/error.h"
#include "clade/models/small_models_for_tests.h"

namespace clade {
namespace {

std::shared_ptr<Model> small(const std::string& name, int64_t latent) {
  const auto options = small_options(name);
  for (Option& option : options->options()) {
    if (option.name.rfind("latent", 0) == 0) *std::get<int64_t*>(option.value) = latent;
  }
  auto generator = make_generator(3);
  auto model = find_model(name).make(*options, Parent{"x", 4}, generator);
  torch::NoGradGuard no_grad;  // far from where a small network is all but linear
  for (auto& parameter : model->parameters()) parameter.mul_(2);
  model->eval();
  return model;
}

bool alike(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::allclose(a, b, 1e-5, 1e-6);
}

TEST(Traversal, MovesOneLatentThroughZeroAndNothingElse) {
  const auto model = small("gmvae", 5);
  std::vector<Given> rows;
  for (int64_t k = 0; k < 3; ++k) rows.push_back({{"y", torch::tensor(k)}});
  const auto sheet = traversal(*model, "w", rows, 5, 1);
  ASSERT_EQ(sheet.sizes(), (std::vector<int64_t>{3, 5, 4}));
  for (int64_t k = 0; k < 3; ++k) {
    // In the middle is what w = 0 gives of the very same draws.
    auto at_zero = rows[static_cast<size_t>(k)];
    at_zero["w"] = torch::zeros({});
    auto same = make_generator(derive_seed(1, "row " + std::to_string(k)));
    EXPECT_TRUE(alike(sheet[k][2], model->sample_means(1, at_zero, same)[0]));
    EXPECT_FALSE(alike(sheet[k][0], sheet[k][4]));
  }
  EXPECT_FALSE(alike(sheet[0], sheet[1]));
  // One z that stays leaves w nothing to say.
  const auto still = traversal(*model, "w", {{{"z", torch::ones({})}}}, 5, 1);
  EXPECT_TRUE(alike(still[0], still[0][0].expand_as(still[0])));
}

TEST(Traversal, TwoUnitsMakeAMeshWhoseSecondUnitRises) {
  const auto model = small("vae", 2);
  const auto sheet = traversal(*model, "z", {{}}, 3, 1);
  ASSERT_EQ(sheet.sizes(), (std::vector<int64_t>{3, 3, 4}));
  auto any = make_generator(1);  // x is a function of z alone
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t column = 0; column < 3; ++column) {
      const auto z = torch::tensor(
          {2.0 * static_cast<double>(column - 1), 2.0 * static_cast<double>(1 - row)});
      EXPECT_TRUE(alike(sheet[row][column], model->sample_means(1, {{"z", z}}, any)[0]));
    }
  }
}

TEST(Traversal, RefusesWhatHasNoPathOfItsOwn) {
  const auto says = [](Model& model, const std::string& latent, const Given& given,
                       const std::string& part) {
    try {
      traversal(model, latent, {given}, 5, 1);
      FAIL();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  const auto gmvae = small("gmvae", 2), mog = small("mog", 2);
  says(*gmvae, "z", {}, "move w");
  says(*gmvae, "y", {}, "move w");
  says(*gmvae, "v", {}, "no latent \"v\"");
  says(*gmvae, "w", {{"w", torch::zeros({})}}, "both move and be given");
  says(*mog, "z", {}, "no latent of this model is");
}

}  // namespace
}  // namespace clade
