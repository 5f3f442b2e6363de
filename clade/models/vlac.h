#pragma once
#include <string>
#include <vector>

#include "clade/models/estimator.h"
#include "clade/models/model.h"
#include "clade/nets/conditional.h"
#include "clade/nets/prior.h"

namespace clade {

/// Defaults: two levels of dense layers, for points of any kind. Those of the paper's SVHN rows
/// (Willetts, Roberts & Holmes 2019) are in experiments/vlac.
struct VlacOptions : ModelOptions {
  bool mixtures = true;  ///< Not a setting: vlae has none.
  std::vector<int64_t> clusters = {10, 10};
  std::vector<int64_t> latents = {5, 5};
  std::string posterior = "network";  ///< Of y_l; or "closed_form".
  int64_t fade_in = 0;                ///< Epochs a level below the top; 0: all are there at once.
  /// Its layers are those of a level each, separated by spaces.
  TrunkOptions trunk{"dense", {"500", "500"}, "leaky_relu", true};
  PriorOptions prior;  ///< Of p(z_l | y_l), as far as of_given_y() goes.
  EstimatorOptions estimator;

  std::vector<Option> options() override;
  void validate_together() const override;

  size_t levels() const { return latents.size(); }

  /// K of level l, from 0.
  int64_t clusters_of(size_t level) const { return mixtures ? clusters[level] : 1; }

  /// What leads from level l − 1, or x, to level l, from 0.
  TrunkOptions trunk_of(size_t level) const;
};

/// VLAC (Willetts, Roberts & Holmes 2019), a ladder of levels that each may divide the points into
/// clusters of their own; L levels, y_l of K_l clusters, K_l = 1 for a level without any:
///   p(x, y, z) = p(x | z) Π_l p(z_l | y_l) p(y_l),  p(y_l) = 1/K_l,  p(z_l) = N(0, I) if K_l = 1
///     z̃_L = f_L(z_L),  z̃_l = f_l(z_l, z̃_{l+1}),  x ~ p(x | f_0(z̃_1))                 (eqs. 1–3)
///   q(y, z | x) = Π_l q(y_l | h_l) q(z_l | h_l, y_l),  h_1 = g_1(x),  h_l = g_l(h_{l−1}, y_{l−1})
///                                                                                    (eqs. 6–8)
/// h_l knows the clusters below, and so does q(y_l | h_l): the paper's q(y_l | x) is its
/// expectation over those. f_0 and f_1 are the layers of p(x | z). If level l is convolutional, z_l
/// becomes a map first, which is convolved beside z̃_{l+1} (as in VLAE's code). Of one level it is
/// gm_dgm; if every K_l is 1 it is vlae, the variational ladder autoencoder (Zhao, Song & Ermon
/// 2017).
class Vlac : public Model {
 public:
  using Options = VlacOptions;

  Vlac(const VlacOptions& options, const Parent& x, Generator& generator);

  void begin_epoch(int64_t epoch) override;
  int64_t whole_after() const override;
  bool has_independent_levels() const override { return true; }
  bool shares_parameters() const override { return closed_form; }

 protected:
  void infer(Trace& q, const torch::Tensor& x) override;
  void generate(Trace& p) override;

 private:
  struct Level {
    std::string y, z;  ///< Names.
    int64_t clusters, latent;
    Trunk g{nullptr};
    CategoricalConditional q_y_given_h{nullptr};  // of more than one cluster
    GaussianConditional q_z_given_h_y{nullptr};   // or q(z | h)
    GaussianPerCluster p_z_given_y{nullptr};      // of more than one cluster
    Trunk map_of_z{nullptr};                      // of convolutional levels below the top
    Trunk f{nullptr};                             // but for the first level, which has p(x | z)
  };

  Level upward(size_t level, const VlacOptions& options, const Parents& below,
               Generator& generator);
  Parent code_of(size_t level, const VlacOptions& options, const std::vector<Parent>& h,
                 Generator& generator);

  /// net(parents), once if they are a function of x alone: level l's first parent is, if no level
  /// below l has clusters.
  template <class Net>
  auto known(Trace& q, Net& net, const std::vector<torch::Tensor>& parents, size_t level) const {
    const bool of_x = level <= first_clusters && parents.size() == 1;
    return of_x ? q.once(net, parents.front()) : net->given(parents);
  }

  GaussianMixture prior_of(Level& level) const;
  void infer_in_closed_form(Trace& q, const torch::Tensor& x);

  bool closed_form;
  int64_t fade_in;
  torch::Tensor presence;     // [L], what z_l reaches x by; undefined if all are there at once
  std::vector<Level> levels;  // from the data up
  size_t first_clusters = 0;  // the first level with more than one
  Likelihood p_x_given_z{nullptr};
};

}  // namespace clade
