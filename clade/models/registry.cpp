#include "clade/models/registry.h"

#include "clade/core/error.h"
#include "clade/core/words.h"
#include "clade/models/adgm.h"
#include "clade/models/cagem.h"
#include "clade/models/clustered_vae.h"
#include "clade/models/gmvae.h"
#include "clade/models/hvae.h"
#include "clade/models/lvae.h"
#include "clade/models/vae.h"
#include "clade/models/vae_l2.h"
#include "clade/models/vlac.h"

namespace clade {
namespace {

/// `preset` changes the defaults of the class's settings to those of the model called `name`.
template <class M>
ModelEntry entry(const std::string& name, const std::string& summary,
                 const std::function<void(typename M::Options&)>& preset = {}) {
  return {name, summary,
          [preset] {
            auto options = std::make_shared<typename M::Options>();
            if (preset) preset(*options);
            return options;
          },
          [](const ModelOptions& options, const Parent& x, Generator& generator) {
            return std::make_shared<M>(dynamic_cast<const typename M::Options&>(options), x,
                                       generator);
          }};
}

ModelEntry clustered(const std::string& name, const std::string& summary,
                     const ClusterFactors& given_y) {
  return entry<ClusteredVae>(name, summary,
                             [given_y](auto& options) { options.given_y = given_y; });
}

ModelEntry with_labels(ModelEntry entry) {
  entry.takes_labels = true;
  return entry;
}

ModelEntry held_by(double hold, ModelEntry entry) {
  entry.hold = hold;
  return entry;
}

ModelEntry without_convolutions(ModelEntry entry) {
  entry.convolutions = false;
  return entry;
}

template <class M>
ModelEntry with_prior(const std::string& name, const std::string& summary,
                      const std::string& prior) {
  return entry<M>(name, summary, [prior](auto& options) { options.prior.kind = prior; });
}

}  // namespace

const std::vector<ModelEntry>& models() {
  static const std::vector<ModelEntry> all = {
      entry<Vae>("vae", "one continuous layer, no cluster (the baseline)"),
      with_prior<Vae>("mog", "vae with a mixture of Gaussians as p(z)", "mixture"),
      with_prior<Vae>("vampprior", "vae with the posteriors of learned inputs as p(z)",
                      "vampprior"),
      clustered("cp_vae", "one continuous layer, one learned prior per cluster",
                {.prior = true, .posterior = true, .decoder = true}),
      clustered("indq", "cp_vae whose q(z|x) does not know the cluster",
                {.prior = true, .posterior = false, .decoder = true}),
      clustered("indp", "cp_vae whose p(z) does not know the cluster",
                {.prior = false, .posterior = true, .decoder = true}),
      clustered("indqp", "cp_vae with the cluster in its decoder alone",
                {.prior = false, .posterior = false, .decoder = true}),
      clustered("gm_dgm", "cp_vae whose decoder does not know the cluster",
                {.prior = true, .posterior = true, .decoder = false}),
      with_labels(entry<ClusteredVae>("m2", "indp that learns its clusters from some labels",
                                      [](auto& options) {
                                        options.given_y = {
                                            .prior = false, .posterior = true, .decoder = true};
                                        options.labels = true;
                                      })),
      with_labels(
          entry<Adgm>("adgm", "m2 with an auxiliary variable, which makes its posterior richer")),
      entry<VaeL2>("vae_l2", "two continuous layers, inferred from the data up"),
      without_convolutions(
          entry<Lvae>("lvae", "a ladder of continuous layers, inferred from the top down")),
      without_convolutions(entry<Hvae>("hvae", "two continuous layers, no cluster")),
      without_convolutions(with_prior<Hvae>("hvp", "hvae with a vampprior as p(z2)", "vampprior")),
      held_by(1, entry<Gmvae>("gmvae", "clusters in z, all of them shaped by a style w")),
      without_convolutions(
          entry<Vlac>("vlae", "a ladder of continuous layers, independent in p(z), no cluster",
                      [](auto& options) { options.mixtures = false; })),
      without_convolutions(entry<Vlac>(
          "vlac", "vlae with clusters on its levels: several clusterings of the same data")),
      with_labels(
          entry<Cagem>("cagem", "two continuous layers, the cluster chosen by the upper one")),
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

std::shared_ptr<ModelOptions> options_of_run(const std::string& name) {
  auto options = find_model(name).options();
  options->take_former_defaults();
  return options;
}

}  // namespace clade
