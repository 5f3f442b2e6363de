#pragma once
#include "clade/models/model.h"

namespace clade {

/// Sets evaluation mode for as long as it lives.
class EvaluationMode {
 public:
  explicit EvaluationMode(Model& model) : model_(model), was_training_(model.is_training()) {
    model_.eval();
  }
  ~EvaluationMode() { model_.train(was_training_); }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  Model& model_;
  bool was_training_;
  torch::NoGradGuard no_grad_;
};

}  // namespace clade
