#pragma once
#include "clade/core/joined.h"
#include "clade/models/model.h"
#include "clade/nets/conditional.h"

namespace clade {

/// What the models with one continuous layer share. Defaults: CP-VAE, section 6 (Lavda et al.
/// 2020).
struct OneLayerOptions : ModelOptions {
  int64_t latent = 40;
  TrunkOptions trunk{"gated", {"300", "300"}, "relu", false};

  std::vector<Option> options() override;
  void validate_together() const override;
};

}  // namespace clade
