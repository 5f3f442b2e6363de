#pragma once
#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clade/core/options.h"
#include "clade/models/bound.h"
#include "clade/models/information.h"
#include "clade/models/trace.h"
#include "clade/nets/conditional.h"

namespace clade {

/// A latent that takes one of finitely many values: which cluster.
struct Discrete {
  std::string name;  ///< "y"; or "y2", "y3", from the data up.
  int64_t clusters;  ///< K
  /// The component of a mixture p(z): known through z alone, no latent of infer's own.
  bool is_component = false;
  /// The continuous latent whose p(z | y) it shapes; "": the one generated last.
  std::string layer = "";
};

/// The discrete latents of a model whose only clusters are the components of its p(z).
std::vector<Discrete> components_of(const PriorOptions& prior);

/// A latent as a list of them shows it.
struct LatentInfo {
  std::string name;
  bool is_cluster;
  int64_t size;                     ///< d, or K.
  bool is_standard_normal = false;  ///< Whether it is drawn from N(0, I), whatever the others are.
};

/// S draws of the summands of log p(x, latents) − log q(latents | x), each [S, B], under the names
/// of the bound's terms: their elbo() is log w. In training they may tell clusters apart.
using Draws = std::function<Bound(int64_t samples, Generator& generator)>;

/// How importance weights are drawn.
struct WeightOptions {
  /// Sums every cluster inside the weight, log Σ_y p(x, y, z_y) / q(z_y | x, y), in place of one
  /// draw of it: a tighter bound, at K times the cost. The weight is then one term.
  bool sum_clusters = false;
  /// If defined, [S, B]: for doubly reparameterised gradients (Tucker et al. 2019). log q(z) then
  /// passes no gradient to q's parameters at a given draw, and the gradient that comes through a
  /// draw is multiplied by this tensor's value at the backward pass, so that it may be filled in
  /// after the weights are drawn.
  torch::Tensor path_scale = {};
};

/// The posterior of one continuous layer.
struct LayerPosterior {
  std::string name;          ///< "z", "z1", "z2", from the data up.
  torch::Tensor mean;        // [B, d] at the most probable cluster
  torch::Tensor divergence;  // [B, d] KL per unit, in nats, expected over clusters
  torch::Tensor shift;       // [B, d] mean of q less that of p, in deviations of p, over clusters
};

/// What names the class of a point, in a model that learns classes from labels: class and cluster
/// have the same number.
struct Classifier {
  std::string name;             ///< "q(y|x)" or "p(y|x)".
  torch::Tensor probabilities;  // [B, C]
};

/// r(y | x) of points, [B, K] each: what the clusters of discrete latents, by their names, are told
/// to be.
using Responsibilities = std::map<std::string, torch::Tensor>;

/// What the points of each cluster have in common, by responsibilities.
struct ClusterMoments {
  torch::Tensor weight;    // [K] how many points, or parts of them, it holds
  torch::Tensor x;         // [K, D] their mean
  torch::Tensor mean;      // [K, d] of the latent they lie in
  torch::Tensor variance;  // [K, d] of its draws about that mean
};

/// Whose clusters a guided bound takes its expectation over.
enum class Guidance {
  told,  ///< Those of the responsibilities.
  held,  ///< Those of q(y | x), which the term "hold" ties to the responsibilities.
};

/// What every model's settings share.
struct ModelOptions : Options, LikelihoodOptions {
  /// Gives settings whose defaults have changed the ones that 0.1.0 had: what a run folder says
  /// nothing of.
  virtual void take_former_defaults() {}

  double least_deviation = 0;  ///< Under a density; see LikelihoodImpl::limit().

  /// The shared settings, to which a model adds its own.
  std::vector<Option> options() override;
};

/// A deep generative model with continuous and possibly discrete latents. A model writes its two
/// factorisations, once each, as `infer` and `generate` (see Trace); everything else is derived
/// from them here, the same way for all. A model knows nothing of files, optimisers or pictures.
/// Draws come from the generator that each call is given.
///
/// In training mode expectations over clusters follow the model's estimator; in evaluation mode
/// they are always sums over all of them, so that a reported bound is an honest one.
///
/// One thread at a time may use a model, of const functions too. A program with several threads
/// loads it once for each.
class Model : public torch::nn::Module {
 public:
  /// Draws of continuous latents that the probabilities of clusters and classes are means over.
  static constexpr int64_t kClassifierDraws = 100;

  /// `discrete`: in the order of infer; empty for none.
  explicit Model(std::vector<Discrete> discrete = {}, const EstimatorOptions& estimator = {});

  /// From the data up.
  const std::vector<Discrete>& discrete() const { return discrete_; }
  const Discrete* find_discrete(const std::string& name) const;  ///< Null if there is none.

  /// Whether infer states clusters, which those of a mixture p(z) are not.
  bool infers_clusters() const;

  /// Whether training draws relaxed clusters, so that what it descends is no bound.
  bool relaxes() const { return infers_clusters() && estimator_.relaxes(); }

  /// Whether training draws some of the clusters it does not sum.
  bool samples_clusters() const { return infers_clusters() && estimator_.samples(); }

  /// Whether batch norms count pairs of a point and a cluster by q(y | x).
  bool weighs_statistics() const { return estimator_.weighs_statistics(); }

  torch::Device device() const { return like().device(); }

  /// Every latent from which x is generated, in the order in which they are: auxiliary ones are
  /// none of them.
  const std::vector<LatentInfo>& latents();

  /// Those of discrete() that divide points, by their place there: of more than one cluster.
  std::vector<size_t> clusterings() const;

  /// Which of discrete() is meant where one must be: the largest, of equals the last, which in a
  /// ladder is the top level's.
  size_t main_discrete() const;
  /// The clusters K of that one; 1 for a model without.
  int64_t clusters() const;

  /// How often a bound decodes each data point: what its memory grows with.
  int64_t decodings() const;

  /// The evidence lower bound of x, [B, D], a term for the data and one for each latent. A latent's
  /// KL has its closed form exactly if everything generated before it was also inferred before it,
  /// and p is a Gaussian or categorical; else it is log q − log p of the draw. Terms are [B], or
  /// [S, B] for `samples` S > 0.
  Bound bound(const torch::Tensor& x, Generator& generator, int64_t samples = 0);

  /// What draws the importance weights of x, [B, D]: the mean of log w over draws is the ELBO, its
  /// log-mean-exp the importance-weighted bound F_S (Burda et al. 2016). What depends on x alone is
  /// computed once, at the first draw. It refers to the model. Clusters are drawn, without a
  /// gradient. In training mode they follow the estimator instead, so that q(y | x) has one:
  ///   exact   clusters that x alone decides are told apart (Bound::share), for the bound
  ///           Σ_y q(y | x) log 1/S Σ_s p(x, y, z_s) / (q(y | x) q(z_s | x, y)), which draws of z
  ///           bring from the ELBO to log p(x) − KL(q(y | x) ‖ p(y | x)). Of others the expectation
  ///           stands in each log w.
  ///   gumbel  one relaxed draw.
  /// sum_and_sample is biased inside the logarithm.
  Draws log_weights(const torch::Tensor& x, const WeightOptions& how = {});

  /// The bound with a relaxed draw of the cluster in place of the sum: no bound on log p(x), but
  /// what some publish. Nothing if the model's estimator relaxes nothing.
  std::optional<Bound> relaxed_bound(const torch::Tensor& x, Generator& generator);

  /// The bound with the KL of one latent in closed form although a cluster generated before it is
  /// inferred from its draw, as if the cluster followed another draw: below the bound, but what a
  /// paper trains on (GMVAE's eq. 4). Nothing for models without such a latent.
  std::optional<Bound> looser_bound(const torch::Tensor& x, Generator& generator);

  /// Whether in training mode bound() is looser_bound().
  virtual bool trains_on_looser_bound() const { return false; }

  /// Whether q(y | …) is p(y | latents) by Bayes' rule and no network of its own. An importance
  /// weight is then the same whichever cluster is drawn.
  virtual bool clusters_follow_from_latents() const { return false; }

  /// Whether p and q have parameters in common, as with a vampprior as p(z).
  virtual bool shares_parameters() const;

  /// Whether levels of latents have nothing to do with each other in p: what a cluster of one says
  /// shows if the others stay as they are.
  virtual bool has_independent_levels() const { return false; }

  /// Whether training can use labels (see labelled_bound).
  virtual bool takes_labels() const { return false; }

  /// What labelled points add to the objective: the bound of log p(x, y) with y, int64 [B], known,
  /// and −log q(y|x) as a classification term (Kingma et al. 2014), unless a model says otherwise.
  /// Label and cluster are the same number. For models that take labels.
  virtual Bound labelled_bound(const torch::Tensor& x, const torch::Tensor& y,
                               Generator& generator);

  /// q(y | x) of each of discrete(), or of the prior's component: [B, D] -> [B, K_l]. What depends
  /// on draws of a continuous latent is their mean over `draws`, ten or less or a multiple of ten.
  /// One of ones for a model without clusters.
  std::vector<torch::Tensor> cluster_probabilities(const torch::Tensor& x, Generator& generator,
                                                   int64_t draws = kClassifierDraws);

  /// The classifiers in a model that takes labels: q(y|x), as cluster_probabilities() has it; and
  /// last, if p(y | …) depends on latents, p(y|x), its mean over a hundred draws of those from q.
  std::vector<Classifier> classifiers(const torch::Tensor& x, Generator& generator);  // [B, D]

  /// Every continuous layer, from the data up. x: [B, D].
  std::vector<LayerPosterior> encode(const torch::Tensor& x, Generator& generator);

  /// E[x | latents] at the posterior means of x's most probable cluster: [B, D] -> [B, D].
  torch::Tensor reconstruct(const torch::Tensor& x);

  /// Throws Error for a name or cluster in `given` that does not exist, or a value that does not
  /// fit its latent.
  void check(const Given& given);

  /// p(x | latents), [n, D], for n draws of the latents from the generative model. Of the latents
  /// held fixed in `given`, continuous ones are set and clusters conditioned on: what is generated
  /// before them is resampled by how probable it makes those clusters. Throws as check() does.
  std::unique_ptr<Distribution> generations(int64_t n, const Given& given, Generator& generator);

  /// Such draws of a continuous latent, [n, d].
  torch::Tensor draws(const std::string& latent, int64_t n, const Given& given,
                      Generator& generator);

  /// E[x | latents] of such draws, what people look at: [n, D].
  torch::Tensor sample_means(int64_t n, const Given& given, Generator& generator) {
    return generations(n, given, generator)->mean();
  }

  /// One draw, [1] or [1, d], of every latent that `given` neither holds nor, by a cluster of it,
  /// shapes: what stays the same where only that is to vary.
  Given others_at_one_draw(const Given& given, Generator& generator);

  /// One of the main discrete latent's clusters as a Given; nothing held for nothing.
  Given given_cluster(std::optional<int64_t> cluster) const;

  /// The probability with which `generations` picks each cluster of a discrete latent if none is
  /// given, [K]: uniform for a mixture prior; q(y) of the training data if p(y) is fixed and
  /// uniform; else the mean of p(y | …) over draws.
  torch::Tensor cluster_weights(size_t latent, Generator& generator);

  /// The KL of the latents over x, [N, D], taken apart; nothing unless the model has one continuous
  /// latent, above it one cluster at most, and no auxiliary one.
  std::optional<Information> information(const torch::Tensor& x, Generator& generator);

  /// Called once for a new model or one about to be loaded: see LikelihoodImpl::limit().
  void limit_likelihood(const torch::Tensor& constant, double least_deviation);

  /// See LikelihoodImpl.
  std::optional<int64_t> features_at_least_deviation() const;

  /// A bound on log p(x) and beside it a term "hold", the sum of −Σ_k r_k log q(y_k | x) over the
  /// latents that have responsibilities r, that is none. Told, the bound has r in place of their
  /// q(y | x): E_r by one draw of r a point (and sample), which has no parameters and so leaves the
  /// gradient unbiased, at the cost of one cluster. Held, it is bound(). Components of a mixture
  /// p(z) need no posterior: their bound is the plain one, and their hold −Σ_k r_k log p(k | z) at
  /// the draw of z. (E_r in the bound would be the same once more: log p(z) less
  /// −KL(r ‖ 1/K) + E_r log p(z | k) is KL(r ‖ p(k | z)).) Throws Error for a name that is no
  /// discrete latent's.
  Bound guided_bound(const torch::Tensor& x, const Responsibilities& responsibilities,
                     Generator& generator, int64_t samples = 0, Guidance guidance = Guidance::told);

  /// q(z | x, y) of the continuous latent that a discrete one, by its name, divides, [B, d]. What
  /// `clusters`, int64 [B] each, has not is at its most probable, or at its mean.
  DiagonalGaussian layer_posterior(const std::string& cluster, const torch::Tensor& x,
                                   const Given& clusters, Generator& generator);

  /// E[x | z] with that latent z at the mean of its layer_posterior(), over some values of all
  /// `others`: what it alone says of a point. [B, D] -> [B, D].
  torch::Tensor layer_alone(const std::string& cluster, const torch::Tensor& x,
                            const Given& clusters, const std::vector<Given>& others,
                            Generator& generator);

  /// Gives learned p(z | y_k) of that discrete latent, or the components of p(z), these moments of
  /// the points they are to hold. A cluster of no weight, and a prior of other sizes, stays as it
  /// is.
  void start_clusters(const std::string& cluster, const ClusterMoments& moments);

  /// Called once with the training points [N, D], before the first step of a new model.
  void start_from(const torch::Tensor& x, Generator& generator);

  /// Called before each epoch of training, from 0; temperature schedules live here.
  virtual void begin_epoch(int64_t epoch) { estimator_.begin_epoch(epoch); }

  /// After how many epochs of training all of the model takes part: before, it is not worth
  /// keeping.
  virtual int64_t whole_after() const { return 0; }

  /// q(y), the mean of q(y | x) over the training data, [K]: stored with a trained model for each
  /// of discrete(). Uniform until it is set.
  const torch::Tensor& aggregated_posterior(size_t latent = 0) const;
  void set_aggregated_posterior(const torch::Tensor& q_y, size_t latent = 0);  // [K]

 protected:
  /// q(latents | x), in the order of inference. x: [B, D].
  virtual void infer(Trace& q, const torch::Tensor& x) = 0;

  /// p(x, latents), from the top down. Auxiliary latents come after x.
  virtual void generate(Trace& p) = 0;

  /// The latent of looser_bound(); "" for none.
  virtual std::string averaged_latent() const { return ""; }

 private:
  void check_discrete() const;
  torch::TensorOptions like() const { return aggregated_posteriors_.front().options(); }
  Posterior posterior(Clusters clusters, int64_t samples, Generator& generator,
                      OnceCache* cache = nullptr) const;
  /// Runs infer, until `last` is stated if that is given.
  void run(Posterior& q, const torch::Tensor& x, const std::string& last = "");
  void run(Trace& p, const std::string& last = "");
  /// Runs generate until it has stated what q has.
  void run_latents(Replay& p, const Posterior& q);
  std::map<std::string, torch::Tensor> aggregated_posteriors() const;
  /// What bound() passes for `averaged`.
  std::string averaged_in_bound() const {
    return is_training() && trains_on_looser_bound() ? averaged_latent() : "";
  }
  /// `averaged`: a latent whose KL is taken in closed form in any case.
  Bound bound_over(Posterior& q, const torch::Tensor& x, const std::string& averaged = "");
  Bound bound_over(const Trace& p, const Posterior& q, const torch::Tensor& x,
                   const std::string& averaged = "") const;
  /// The continuous latent that a cluster shapes.
  const std::string& layer_of(const Discrete& cluster);
  const Discrete& discrete_called(const std::string& name) const;
  torch::Tensor log_cluster_given(const Discrete& cluster, const Trace& p, const Posterior& q);
  Bound weights_over(Posterior& q, const torch::Tensor& x, const WeightOptions& how,
                     OnceCache* cache);
  torch::Tensor component_probabilities_of(const torch::Tensor& x, Generator& generator,
                                           int64_t draws);
  std::vector<torch::Tensor> inferred_probabilities(const torch::Tensor& x, Generator& generator,
                                                    int64_t draws);
  std::unique_ptr<Ancestral> generated(int64_t n, const Given& given, Generator& generator);
  void condition(Given& held, const std::string& last, int64_t n, Generator& generator);
  Given conditioned(const Given& held, const std::string& last, int64_t n, Generator& generator);
  bool is_a_row_a_point(const std::string& name, const torch::Tensor& value, int64_t n) const;
  torch::Tensor log_mean_posterior(const Posterior& q, const torch::Tensor& x, OnceCache& cache);

  std::vector<Discrete> discrete_;
  Estimator estimator_;
  std::vector<LatentInfo> latents_;                   // once they have been asked for
  std::vector<torch::Tensor> aggregated_posteriors_;  // buffers, [K] each; one of [1] for none
};

/// Whether clusters of these weights, [K], are drawn alike.
bool all_alike(const torch::Tensor& weights);

}  // namespace clade
