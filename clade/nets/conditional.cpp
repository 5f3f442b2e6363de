#include "clade/nets/conditional.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "clade/core/error.h"
#include "clade/distributions/bernoulli.h"
#include "clade/distributions/counts.h"
#include "clade/distributions/discretised_logistic.h"
#include "clade/distributions/laplace.h"
#include "clade/distributions/likelihood_kinds.h"
#include "clade/distributions/partial_density.h"
#include "clade/nets/least_deviation.h"
#include "clade/ops/linear.h"

namespace clade {
namespace {

// What the heads of a conditional read: the last hidden layer, or the parents themselves.
Parents head_parents(const Trunk& trunk, const Parents& parents) {
  if (trunk.is_empty()) return parents;
  return {trunk->output()};
}

std::vector<torch::Tensor> head_inputs(Trunk& trunk, const std::vector<torch::Tensor>& parents) {
  if (trunk.is_empty()) return parents;
  return {trunk->given(parents)};
}

bool are_maps(const Parents& parents) {
  return std::all_of(parents.begin(), parents.end(),
                     [](const Parent& parent) { return !parent.shape.empty(); });
}

// Of a logistic distribution over [0, 1]: from a few levels wide to wider than all of them. A tenth
// of a level, the least, has all its probability in one.
constexpr double kFirstLogScale = -2.3;
constexpr double kMinLogScale = -8;
constexpr double kMaxLogScale = 1;

// Of counts: rates up to e^13, more than is counted; and α of a negative binomial from a Poisson
// distribution, but for a thousandth, to one that is mostly zeros.
constexpr double kMaxLogRate = 13;
constexpr double kMinLogAlpha = -7;
constexpr double kMaxLogAlpha = 7;

// Of "fixed". Squares over variances stay in the range of float32 by far; but of log Γ(n + 1/α) and
// log Γ(1/α), of which the difference counts, it has no digits left below a thousandth.
constexpr double kLeastFixed = 1e-9, kMostFixed = 1e9;
constexpr double kLeastFixedAlpha = 1e-3, kMostFixedAlpha = 1e3;

const std::vector<std::string>& scales() {
  static const std::vector<std::string> names = {"learned", "network", "fixed"};
  return names;
}

/// log σ² of a density is this times its spread, but for a constant: the spread of a Gaussian is
/// log σ², that of a Laplace distribution log b, and its variance 2 b².
double power_of_spread(const std::string& kind) {
  return kind == "laplace" ? 2 : 1;
}

/// The spread of a density that has these deviations, [D].
torch::Tensor spread_of(const torch::Tensor& deviations, const std::string& kind) {
  const auto log_variance = deviations.log() * 2;
  return kind == "laplace" ? (log_variance - std::numbers::ln2) / 2 : log_variance;
}

/// mean: [..., D], spread: [D] or [..., D].
std::unique_ptr<Distribution> density_of(const std::string& kind, const torch::Tensor& mean,
                                         const torch::Tensor& spread) {
  if (kind == "laplace") return std::make_unique<Laplace>(mean, spread);
  return std::make_unique<DiagonalGaussian>(mean, spread);
}

constexpr LogVarianceRange kNoRange{-std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<double>::infinity()};

/// Where a spread that is learned is clamped.
LogVarianceRange spread_range(const std::string& kind) {
  if (kind == "discretised_logistic") return {kMinLogScale, kMaxLogScale};
  if (kind == "negative_binomial") return {kMinLogAlpha, kMaxLogAlpha};
  const double power = power_of_spread(kind);
  return {kFreeLogVariances.low / power, kFreeLogVariances.high / power};
}

/// Where a learned spread begins: log-variance of a Gaussian, log-scale of the other kinds.
double first_spread(const std::string& kind) {
  return kind == "discretised_logistic" ? kFirstLogScale : 0;
}

}  // namespace

GaussianConditionalImpl::GaussianConditionalImpl(const Parents& parents, const TrunkOptions& trunk,
                                                 int64_t features, const LogVarianceRange& range,
                                                 Generator& generator, const JoinInit& init)
    : range_(range) {
  if (!trunk.layers.empty()) trunk_ = register_module("trunk", Trunk(parents, trunk, generator));
  const auto inputs = head_parents(trunk_, parents);
  mean_ = register_module("mean", Join(inputs, features, generator, init));
  log_variance_ = register_module("log_variance", Join(inputs, features, generator, init));
}

DiagonalGaussian GaussianConditionalImpl::given(const std::vector<torch::Tensor>& parents) {
  const auto inputs = head_inputs(trunk_, parents);
  return {mean_(inputs), log_variance_(inputs).clamp(range_.low, range_.high)};
}

MixtureConditionalImpl::MixtureConditionalImpl(const Parent& parent, const TrunkOptions& trunk,
                                               int64_t components, int64_t features,
                                               const LogVarianceRange& range, double spread,
                                               Generator& generator)
    : parent_(parent.width), components_(components), features_(features), range_(range) {
  if (!trunk.layers.empty())
    trunk_ = register_module("trunk", Trunk(Parents{parent}, trunk, generator));
  const auto inputs = head_parents(trunk_, {parent});
  // Glorot's for one component, over √features: a nat between components, however many features.
  // Of Glorot's size itself they are further apart than a draw can bridge, and the first to come
  // near the points has them all, for good.
  const int64_t fans = inputs.front().width + features;
  const JoinInit close{std::sqrt(2 / static_cast<double>(fans * features)), 0};
  mean_ = register_module("mean", Join(inputs, components * features, generator, close));
  log_variance_ =
      register_module("log_variance", Join(inputs, components * features, generator, close));
  torch::NoGradGuard no_grad;
  mean_->named_parameters()["bias"].normal_(0, spread, generator);
}

GaussianMixture MixtureConditionalImpl::given(const std::vector<torch::Tensor>& parents) {
  const auto inputs = head_inputs(trunk_, parents);
  const auto streams = [this](const torch::Tensor& all) {
    return all.unflatten(-1, {components_, features_});
  };
  return GaussianMixture(
      {streams(mean_(inputs)), streams(log_variance_(inputs)).clamp(range_.low, range_.high)});
}

void MixtureConditionalImpl::start_from(const torch::Tensor& weight, const torch::Tensor& mean,
                                        const torch::Tensor& variance) {
  if (mean.size(0) != components_ || mean.size(1) != features_) return;
  torch::NoGradGuard no_grad;
  const auto held = weight.gt(0).unsqueeze(-1);  // [K, 1]
  const auto like = mean_->named_parameters()["bias"].options();
  const auto at_zero = head_inputs(trunk_, {torch::zeros({parent_}, like)});
  const auto move = [&](Join& head, const torch::Tensor& to) {  // [K, d]
    const auto apart = to.to(like) - head(at_zero).to(like).view_as(to);
    head->named_parameters()["bias"].add_(apart.where(held, torch::zeros_like(apart)).flatten());
  };
  move(mean_, mean);
  move(log_variance_, variance.log().clamp(range_.low, range_.high));
}

CategoricalConditionalImpl::CategoricalConditionalImpl(const Parents& parents,
                                                       const TrunkOptions& trunk, int64_t clusters,
                                                       Generator& generator, const JoinInit& init) {
  if (!trunk.layers.empty()) trunk_ = register_module("trunk", Trunk(parents, trunk, generator));
  logits_ =
      register_module("logits", Join(head_parents(trunk_, parents), clusters, generator, init));
}

Categorical CategoricalConditionalImpl::given(const std::vector<torch::Tensor>& parents) {
  return Categorical(logits_(head_inputs(trunk_, parents)));
}

std::vector<Option> LikelihoodOptions::likelihood_options() {
  return {
      {"likelihood", &likelihood, any_of(likelihoods()),
       "p(x | ...): bernoulli for bits and grey levels, gaussian or laplace for real values, "
       "discretised_logistic (256 levels) for colour images, negative_binomial or poisson for "
       "counts"},
      {"scale", &scale, any_of(scales()),
       "deviation of a gaussian, scale of a laplace or discretised_logistic likelihood, alpha of a "
       "negative_binomial, whose variance is mean + alpha mean^2: learned (one a feature), network "
       "(one for each feature of each point, from the network that makes the mean) or fixed"},
      {"fixed_scale", &fixed_scale, between(kLeastFixed, kMostFixed),
       "the one of model.scale = \"fixed\", in units of x; of a negative_binomial from 0.001 to "
       "1000"}};
}

LikelihoodImpl::LikelihoodImpl(const LikelihoodOptions& options, const Parents& parents,
                               const TrunkOptions& trunk, const Parent& x, Generator& generator,
                               const JoinInit& init)
    : kind_(options.likelihood), features_(x.width) {
  const bool has_spread = kind_ != "bernoulli" && kind_ != "poisson";
  if (!has_spread && options.scale != "learned") {
    throw ConfigError("model.scale is \"" + options.scale + "\", and a " + kind_ +
                      " likelihood has none: leave it out, or set model.likelihood");
  }
  const Mirror mirror = mirrored(trunk.layers, x);
  TrunkOptions own = trunk;
  own.layers = are_maps(parents) ? mirror.of_maps : mirror.hidden;
  if (!own.layers.empty()) trunk_ = register_module("trunk", Trunk(parents, own, generator));
  const auto head = [&](const std::string& name) {
    return register_module(name, Join(head_parents(trunk_, parents), mirror.last, generator, init));
  };
  output_ = head(is_bounded(kind_) ? "logits" : is_of_counts(kind_) ? "log_mean" : "mean");
  if (!has_spread) return;
  spread_range_ = spread_range(kind_);
  const std::string name = kind_ == "gaussian" ? "log_variance" : "log_scale";
  if (options.scale == "network") {
    spread_of_x_ = head(name);
  } else if (options.scale == "fixed") {
    if (kind_ == "negative_binomial") {
      between(kLeastFixedAlpha, kMostFixedAlpha).check("model.fixed_scale", options.fixed_scale);
    }
    spread_range_ = kNoRange;
    const double log_scale = std::log(options.fixed_scale);
    spread_ = register_buffer(
        name, torch::full({x.width}, kind_ == "gaussian" ? 2 * log_scale : log_scale));
  } else {
    spread_ = register_parameter(name, torch::full({x.width}, first_spread(kind_)));
  }
}

torch::Tensor LikelihoodImpl::spread(const std::vector<torch::Tensor>& inputs) {
  return clamped(spread_of_x_.is_empty() ? spread_ : spread_of_x_(inputs) + first_spread(kind_));
}

torch::Tensor LikelihoodImpl::clamped(const torch::Tensor& spread) const {
  return spread.clamp(spread_range_.low, spread_range_.high);
}

std::unique_ptr<Distribution> LikelihoodImpl::given(const std::vector<torch::Tensor>& parents) {
  const auto inputs = head_inputs(trunk_, parents);
  if (is_density(kind_)) return density(output_(inputs), limited(spread(inputs)));
  if (kind_ == "discretised_logistic") {
    return std::make_unique<DiscretisedLogistic>(output_(inputs).sigmoid(), spread(inputs));
  }
  if (is_of_counts(kind_)) {
    const auto log_mean = output_(inputs).clamp_max(kMaxLogRate);
    if (kind_ == "poisson") return std::make_unique<Poisson>(log_mean);
    return std::make_unique<NegativeBinomial>(log_mean, spread(inputs));
  }
  // Logits are a step's largest tensors. If they are kept for a backward pass they stay in the type
  // of the activations.
  const auto type = torch::GradMode::is_enabled() ? activation_type() : torch::kFloat32;
  return std::make_unique<Bernoulli>(output_(inputs, type));
}

// The variance and the least one add up, as those of independent noise do: unlike a clamp this
// leaves a gradient that leads away from the least one again.
torch::Tensor LikelihoodImpl::limited(const torch::Tensor& spread) const {
  if (!least_spread_.defined()) return spread;
  const double power = power_of_spread(kind_);
  return torch::logaddexp(spread * power, least_spread_ * power) / power;
}

std::unique_ptr<Distribution> LikelihoodImpl::density(const torch::Tensor& mean,
                                                      const torch::Tensor& spread) const {
  if (varying_.defined()) {
    return std::make_unique<PartialDensity>(
        density_of(kind_, mean.index_select(-1, varying_), spread.index_select(-1, varying_)),
        varying_, constant_);
  }
  return density_of(kind_, mean, spread);
}

void LikelihoodImpl::limit(const torch::Tensor& constant, double least_deviation) {
  if (!is_density(kind_)) return;
  const bool fixed = spread_.defined() && !spread_.requires_grad();
  if (least_deviation > 0 && !fixed) {
    least_deviation_ = least_deviation;
    least_spread_ = register_buffer(kind_ == "gaussian" ? "least_log_variance" : "least_log_scale",
                                    spread_of(torch::full({features_}, least_deviation), kind_));
    spread_range_.low = kNoRange.low;  // a clamp below the least one would end the gradient
  }
  if (!constant.defined()) return;
  constant_ = register_buffer("constant", constant.to(torch::kFloat32));
  varying_ = register_buffer("varying", constant.isnan().nonzero().squeeze(1));
}

void LikelihoodImpl::start_from(const torch::Tensor& x) {
  if (is_of_counts(kind_)) {
    torch::NoGradGuard no_grad;
    auto sum = torch::ones({features_}, x.options());  // as if there were one count more
    for (const auto& rows : x.split(1000)) sum += rows.expm1().sum(0);
    auto bias = output_->named_parameters()["bias"];  // of a convolution one a channel
    bias.copy_((sum.view({-1, bias.numel()}).mean(0) / x.size(0)).log());
    return;
  }
  if (!least_spread_.defined()) return;
  const auto least = least_deviations(x, least_deviation_);  // [D], 0 of a constant
  const double of_constant = std::exp(kFreeLogVariances.low / 2);
  least_spread_.copy_(spread_of(least.masked_fill(least.eq(0), of_constant), kind_));
}

std::optional<int64_t> LikelihoodImpl::features_at_least_deviation() const {
  if (!least_spread_.defined() || !spread_.defined()) return std::nullopt;
  torch::NoGradGuard no_grad;
  const double tenth_above = 2 * std::log(1.1) / power_of_spread(kind_);
  const auto at_least = limited(clamped(spread_)) < least_spread_ + tenth_above;  // [D]
  return (varying_.defined() ? at_least.index_select(0, varying_) : at_least).sum().item<int64_t>();
}

GaussianPerClusterImpl::GaussianPerClusterImpl(int64_t clusters, int64_t features,
                                               const LogVarianceRange& range, double spread,
                                               bool trainable, Generator& generator)
    : range_(range) {
  const auto means = torch::empty({clusters, features}).normal_(0, spread, generator);
  mean_ = register_parameter("mean", means, trainable);
  log_variance_ = register_parameter("log_variance", torch::zeros({clusters, features}), trainable);
}

DiagonalGaussian GaussianPerClusterImpl::forward(const torch::Tensor& y) {
  return {mix_rows(y, mean_), mix_rows(y, log_variance_).clamp(range_.low, range_.high)};
}

void GaussianPerClusterImpl::start_from(const torch::Tensor& weight, const torch::Tensor& mean,
                                        const torch::Tensor& variance) {
  if (mean.sizes() != mean_.sizes()) return;
  torch::NoGradGuard no_grad;
  const auto held = weight.gt(0).unsqueeze(-1);  // [K, 1]
  mean_.copy_(torch::where(held, mean.to(mean_.dtype()), mean_));
  const auto log_variance = variance.log().to(mean_.dtype()).clamp(range_.low, range_.high);
  log_variance_.copy_(torch::where(held, log_variance, log_variance_));
}

DiagonalGaussian GaussianPerClusterImpl::all() const {
  return {mean_, log_variance_.clamp(range_.low, range_.high)};
}

}  // namespace clade
