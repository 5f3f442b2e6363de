#include "clade/distributions/likelihood_kinds.h"

namespace clade {

const std::vector<std::string>& likelihoods() {
  static const std::vector<std::string> names = {
      "bernoulli", "gaussian", "laplace", "discretised_logistic", "poisson", "negative_binomial"};
  return names;
}

bool is_bounded(const std::string& kind) {
  return kind == "bernoulli" || kind == "discretised_logistic";
}

bool is_density(const std::string& kind) {
  return kind == "gaussian" || kind == "laplace";
}

bool is_of_counts(const std::string& kind) {
  return kind == "poisson" || kind == "negative_binomial";
}

}  // namespace clade
