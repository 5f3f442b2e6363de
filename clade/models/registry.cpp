#include "clade/models/registry.h"

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/models/cagem.h"
#include "clade/models/cp_vae.h"
#include "clade/models/vae.h"

namespace clade {
namespace {

template <class M>
ModelEntry entry() {
  return {M::kName, M::kSummary, [] { return std::make_shared<typename M::Options>(); },
          [](const ModelOptions& options, int64_t features, Generator& generator) {
            return std::make_shared<M>(dynamic_cast<const typename M::Options&>(options), features,
                                       generator);
          }};
}

}  // namespace

const std::vector<ModelEntry>& models() {
  static const std::vector<ModelEntry> all = {
      entry<Vae>(),
      entry<CpVae>(),
      entry<Cagem>(),
  };
  return all;
}

const ModelEntry& find_model(const std::string& name) {
  std::vector<std::string> names;
  for (const ModelEntry& model : models()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  throw ConfigError("there is no model \"" + name + "\"; " + suggest(name, names));
}

}  // namespace clade
