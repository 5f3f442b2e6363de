#include "clade/models/one_layer.h"

namespace clade {

std::vector<Option> OneLayerOptions::options() {
  return joined({ModelOptions::options(),
                 {{"latent", &latent, at_least(1), "size of the continuous latent z"}},
                 trunk.options()});
}

void OneLayerOptions::validate_together() const {
  trunk.validate();
}

}  // namespace clade
