#pragma once
#include <any>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "clade/models/estimator.h"
#include "clade/nets/batch_norm.h"
#include "clade/nets/prior.h"

namespace clade {

/// A model is stated once, as two short programs over a Trace. `infer` names the latents in the
/// order of q(latents | x), `generate` in that of p(x, latents), each with its distribution given
/// what came before:
///
///     void Hvae::infer(Trace& q, const torch::Tensor& x) {
///       const auto z2 = q.latent("z2", q_z2_given_x(x));
///       q.latent("z1", q_z1_given_x_z2(x, z2));
///     }
///     void Hvae::generate(Trace& p) {
///       const auto z2 = p.latent("z2", p_z2);
///       const auto z1 = p.latent("z1", p_z1_given_z2(z2));
///       p.data("x|z1,z2", p_x_given_z1_z2(z1, z2));
///     }
///
/// The kind of Trace decides which value a program goes on with: a draw, a value held fixed, or
/// what another Trace took. Bounds, importance weights, posteriors and generations are read off the
/// sites afterwards (see Model).

/// p(y) = 1/K, not learned. Generation draws y from the aggregated posterior q(y) instead, which in
/// a trained model may differ from 1/K.
struct UniformClusters {
  int64_t clusters;
  bool warms_up = false;  ///< Whether KL warm-up weighs KL(y).
  double floor = 0;       ///< Training charges at least this for KL(y); see Term.
};

/// A latent as one program has it.
struct Site {
  std::string name;
  std::variant<DiagonalGaussian, GaussianMixture, Categorical> distribution;
  bool uniform = false;   ///< Stated as UniformClusters.
  bool warms_up = true;   ///< Whether KL warm-up weighs its divergence.
  double floor = 0;       ///< Of its divergence in training; see Term.
  torch::Tensor value{};  // [..., B, d]; of a cluster int64 [..., B], or relaxed [..., B, K]

  bool is_cluster() const { return std::holds_alternative<Categorical>(distribution); }
  const Categorical& clusters() const { return std::get<Categorical>(distribution); }
  int64_t size() const;                                   ///< d, or K.
  torch::Tensor log_prob(const torch::Tensor& of) const;  // [..., B]
};

/// What networks make of x alone, kept from one run of a program to the next.
struct OnceResult {
  torch::Tensor x;
  std::any value;
};
using OnceCache = std::unordered_map<const torch::nn::Module*, OnceResult>;

class Trace {
 public:
  /// `like`: type and device of the model's numbers. `cache` outlives the Trace; without it
  /// `once` computes anew.
  explicit Trace(torch::TensorOptions like, OnceCache* cache = nullptr)
      : like_(std::move(like)), cache_(cache) {}
  virtual ~Trace() = default;
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// A continuous latent: its value, [..., B, d]. A Prior is read once however often it is asked.
  torch::Tensor latent(const std::string& name, const DiagonalGaussian& given);
  torch::Tensor latent(const std::string& name, const GaussianMixture& prior);
  torch::Tensor latent(const std::string& name, const StandardNormal& prior);
  torch::Tensor latent(const std::string& name, Prior& prior);

  /// A discrete latent: its value, int64 [..., B] or relaxed [..., B, K]. `warms_up`: whether KL
  /// warm-up weighs its divergence, which generate says.
  torch::Tensor cluster(const std::string& name, const Categorical& given, bool warms_up = true);
  torch::Tensor cluster(const std::string& name, const UniformClusters& prior);

  /// p(x | latents), with which most programs end. `given` names its factor, "x|y,z1". Returns x,
  /// [B, D], for auxiliary latents, which p states after x (see Adgm). Generations end here: an
  /// auxiliary latent has no part in them.
  torch::Tensor data(const std::string& given, std::unique_ptr<Distribution> p_x);

  /// net(x) for an x that no draw has a part in: computed once however many samples are drawn.
  /// Throws Error if the same network is asked about another x.
  template <class Network>
  auto once(Network& net, const torch::Tensor& x) {
    return cached(net.get(), x, [&] { return net(x); });
  }

  /// net(value) of a latent that both programs ask about: computed once if one of them replays the
  /// other's draws.
  template <class Network>
  auto shared(Network& net, const torch::Tensor& value) {
    OnceResult& result = (*shared_)[net.get()];
    if (!value.is_same(result.x)) result = {value, net(value)};
    return std::any_cast<decltype(net(value))>(result.value);
  }

  const std::vector<Site>& sites() const { return sites_; }
  const Site* find(const std::string& name) const;
  const Site& at(const std::string& name) const;  ///< Throws Error if there is none.
  const std::string& data_name() const { return data_name_; }
  const Distribution& p_x() const { return *p_x_; }
  std::unique_ptr<Distribution> take_p_x() { return std::move(p_x_); }
  const torch::TensorOptions& like() const { return like_; }

 protected:
  struct Reached {};  ///< Thrown where a program ends before its last line.

  virtual torch::Tensor value_of(const Site& site) = 0;
  void share_with(const Trace& other) { shared_ = other.shared_; }

  /// What `data` returns; throws Reached if x is not known.
  virtual torch::Tensor x() const { throw Reached(); }

 private:
  friend class Model;

  /// Ends the program, by throwing Reached, as soon as the latent of this name is stated: before
  /// its value is drawn.
  void stop_at(const std::string& name) { last_ = name; }

  template <class F>
  auto cached(const torch::nn::Module* module, const torch::Tensor& x, const F& compute)
      -> decltype(compute()) {
    if (cache_ == nullptr) return compute();
    OnceResult& result = (*cache_)[module];
    if (!result.value.has_value()) result = {x, compute()};
    check_same(result.x, x);
    return std::any_cast<decltype(compute())>(result.value);
  }
  static void check_same(const torch::Tensor& x, const torch::Tensor& now);
  torch::Tensor add(Site site);

  torch::TensorOptions like_;
  OnceCache* cache_;
  std::shared_ptr<OnceCache> shared_ = std::make_shared<OnceCache>();
  std::string last_;
  std::vector<Site> sites_;
  std::string data_name_;
  std::unique_ptr<Distribution> p_x_;
};

/// Which clusters a Posterior goes on with.
enum class Clusters {
  estimated,       ///< As the model's estimator has it.
  every,           ///< Every one, along a new leading dimension.
  every_at_means,  ///< Every one, and the means of the continuous latents with it.
  drawn,           ///< One draw a point and sample.
  likeliest,       ///< The most probable, and the means of the continuous latents with it.
};

/// Runs `infer`: draws the latents from q. Sizes are [K_l … K_1, S, B, d]: each enumerated cluster
/// takes a new dimension to the left of all before it, the samples S stand next to the batch.
class Posterior : public Trace {
 public:
  /// `samples` 0: one draw without a dimension of its own.
  Posterior(Clusters clusters, const Estimator& estimator, int64_t samples, Generator& generator,
            torch::TensorOptions like, OnceCache* cache = nullptr);

  /// Holds a latent at values that are known: labels.
  void observe(const std::string& name, const torch::Tensor& value) { observed_[name] = value; }
  bool is_observed(const std::string& name) const { return observed_.count(name) > 0; }

  /// E over the clusters of f, nested where there are several; [B], or [S, B] with samples. f:
  /// [K…, (S,) B] with `trailing` more dimensions behind.
  torch::Tensor expectation(const torch::Tensor& f, int64_t trailing = 0) const {
    return expectation_from(0, f, trailing);
  }

  /// The same over those clusters alone that draws have a part in: [K…, S, B] for the others, which
  /// are in share_of_x().
  torch::Tensor expectation_over_drawn(const torch::Tensor& f) const;

  /// q of the enumerated clusters that x alone decides, [K…, 1, B]; undefined if there are none.
  /// For samples S > 0.
  torch::Tensor share_of_x() const;

  /// S; 0 for one draw without a dimension of its own.
  int64_t samples() const { return samples_; }

  /// How many leading dimensions are clusters.
  int64_t enumerated() const { return static_cast<int64_t>(enumerated_.size()); }

 protected:
  torch::Tensor value_of(const Site& site) override;

 private:
  torch::Tensor draw(const Categorical& q_y);
  torch::Tensor enumerate(const Categorical& q_y);
  torch::Tensor expectation_from(size_t first, torch::Tensor f, int64_t trailing) const;
  size_t decided_by_x() const;

  Clusters clusters_;
  const Estimator& estimator_;
  int64_t samples_;
  Generator& generator_;
  std::map<std::string, torch::Tensor> observed_;
  std::vector<ClusterDraws> enumerated_;  // weights [C, (K…, S,) B], in the order of infer
  torch::Tensor share_;                   // their product: what a point with its clusters weighs
  std::optional<ShareScope> statistics_;  // of batch norms from here on
};

/// Runs a program over values that are known, "x" among them: scores what another Trace drew.
class Replay : public Trace {
 public:
  using Values = std::map<std::string, torch::Tensor>;
  Replay(Values values, torch::TensorOptions like, OnceCache* cache = nullptr)
      : Trace(std::move(like), cache), values_(std::move(values)) {}

  /// Over what `drawn` drew for x, [B, D]; or over `values` in its place.
  Replay(const Trace& drawn, const torch::Tensor& x, OnceCache* cache = nullptr);
  Replay(const Trace& drawn, Values values, OnceCache* cache = nullptr);

 protected:
  torch::Tensor value_of(const Site& site) override;
  torch::Tensor x() const override { return values_.at("x"); }

 private:
  Values values_;
};

/// What a Trace drew for x, [B, D], by name, and x.
Replay::Values values_of(const Trace& trace, const torch::Tensor& x);

/// Latents held fixed, by name: a cluster's number, int64 [] or [n]; a value, or values that
/// broadcast to [n, d]. "component", int64 [], is that of a mixture p(z).
using Given = std::map<std::string, torch::Tensor>;

/// Runs `generate` from the top: n draws of the latents from p, some held fixed.
class Ancestral : public Trace {
 public:
  /// `q_y`: what clusters with a fixed uniform p(y) are drawn from, [K] by name.
  Ancestral(int64_t n, Given given, std::map<std::string, torch::Tensor> q_y, Generator& generator,
            torch::TensorOptions like);

  /// A value held, as this site takes it: [n], or [n, d].
  torch::Tensor held(const Site& site, const torch::Tensor& value) const;

 protected:
  torch::Tensor value_of(const Site& site) override;

 private:
  int64_t n_;
  Given given_;
  std::map<std::string, torch::Tensor> q_y_;
  Generator& generator_;
};

}  // namespace clade
