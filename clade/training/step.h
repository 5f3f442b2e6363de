#pragma once
#include <optional>
#include <string>
#include <vector>

#include "clade/data/dataset.h"
#include "clade/models/mean_bound.h"
#include "clade/ops/precision.h"
#include "clade/training/adam.h"
#include "clade/training/objective.h"
#include "clade/training/schedule.h"
#include "clade/training/step_graph.h"

namespace clade {

/// What the steps of an epoch say about themselves, kept on the model's device so that no step
/// waits for a value: the sum of every term and of the gradient's norm, and when one of them first
/// was NaN or infinite. Terms of labelled points stand behind those of all points.
class StepWatch {
 public:
  /// A term of the bound, or the gradient, was not finite at this step, from 1.
  struct Failure {
    std::string what;
    int64_t step;
  };

  /// Takes down one step. labelled: what labelled points add, without terms if there are none;
  /// norm: [], of the gradient; step: [] int64; `points` in its batch.
  void record(const Bound& bound, const Bound& labelled, const torch::Tensor& norm,
              const torch::Tensor& step, int64_t points);

  /// Begins a new epoch.
  void clear();

  /// Begins anew: other terms follow.
  void forget();

  std::optional<Failure> failure() const;

  /// The epoch's means over its `points`; of labelled points, nothing if there were none.
  MeanBound means(int64_t points) const;
  std::optional<MeanBound> labelled_means(int64_t points) const;

  // For checkpoints within an epoch.
  const torch::Tensor& totals() const { return totals_; }    // [terms + 1] float64, the norm last
  const std::vector<Term>& terms() const { return terms_; }  ///< Without their values.
  const std::vector<Term>& labelled_terms() const { return labelled_terms_; }
  void restore(std::vector<Term> terms, std::vector<Term> labelled_terms,
               const torch::Tensor& totals);

 private:
  void begin(const torch::Tensor& totals);

  std::vector<Term> terms_, labelled_terms_;
  torch::Tensor totals_;        // [terms + 1] sums over points, the norm last
  torch::Tensor first_failed_;  // [terms + 1] int64, the first step at which it was not finite
};

/// How training takes the gradient of the importance-weighted bound, or that it does not.
enum class Objective { elbo, iwae, doubly_reparameterised_iwae };

/// One step of training: presents a batch, takes the bound, makes the objective of it, and moves
/// the parameters down its gradient. It waits for no value, so that a CUDA graph can hold it.
class TrainingStep {
 public:
  /// Keeps references to the model and the data, which are on the same device. The model's
  /// parameters become views of one tensor (see FlatParameters).
  TrainingStep(Model& model, const Splits& data, const TrainOptions& options,
               const Generator& generator);

  /// To be called before an epoch's first step, and after a resume: what the next steps have in
  /// common.
  void begin_epoch(const Weights& weights);

  /// From now on guides the clusters of the training points by these, [N, K] on their device (see
  /// Model::guided_bound), on the elbo; none: as the model infers them, on the objective.
  void guide(const Responsibilities& responsibilities, Guidance guidance = Guidance::told);
  bool is_guided() const { return !responsibilities_.empty(); }

  /// Whether every latent's clusters are told, so that the estimator draws none.
  bool is_told() const;

  /// rows: [b] int64, of the training data.
  void take(const torch::Tensor& rows, double learning_rate);

  /// Whether labelled points add to the steps.
  bool learns_labels() const { return labelled_batch_ > 0; }

  Adam& adam() { return adam_; }
  const Adam& adam() const { return adam_; }
  StepWatch& watch() { return watch_; }

  /// Why there is no CUDA graph although one was asked for, or empty.
  const std::string& not_captured() const { return graph_.fallback(); }

 private:
  void step_on(const torch::Tensor& rows);
  Objective objective() const { return is_guided() ? Objective::elbo : objective_; }
  Bound terms_of(const torch::Tensor& x, const torch::Tensor& rows);
  Bound labelled_terms();
  void take_gradient(const Bound& bound, const Bound& labelled);
  torch::Tensor descend();

  Model& model_;
  const Splits& data_;
  Generator generator_;
  Precision precision_;
  Objective objective_;
  int64_t samples_;
  int64_t labelled_batch_;  // 0: no labels to learn from
  bool over_norms_;         // Adam on gradients over their norms
  double clip_norm_;        // 0: none
  FlatParameters parameters_;
  Adam adam_;
  Weights weights_;
  Responsibilities responsibilities_;  // [N, K]; none: no step is guided
  Guidance guidance_ = Guidance::told;
  StepWatch watch_;
  torch::Tensor path_scale_;  // [samples, b] of the present step; undefined: standard gradients

  // What a captured step reads anew each time.
  torch::Tensor rows_;         // [batch] int64
  torch::Tensor step_number_;  // [] int64, from 1
  StepGraph graph_;
};

}  // namespace clade
