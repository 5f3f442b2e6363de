#include "clade/models/one_layer.h"

#include "clade/core/require.h"

namespace clade {

std::vector<Option> OneLayerOptions::options() {
  return joined({ModelOptions::options(),
                 {{"latent", &latent, "size of the continuous latent z"}},
                 trunk.options()});
}

void OneLayerOptions::validate() const {
  ModelOptions::validate();
  require_at_least("model.latent", static_cast<double>(latent), 1);
  trunk.validate();
}

}  // namespace clade
