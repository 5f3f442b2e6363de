#include "clade/models/given.h"

#include <torch/torch.h>

#include <cmath>
#include <sstream>

#include "clade/core/error.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

std::vector<double> numbers_in(const std::string& text, const std::string& word) {
  std::vector<double> numbers;
  std::istringstream cells(text + ",");
  for (std::string cell; std::getline(cells, cell, ',');) {
    const auto number = parse_number(cell);
    if (!number) throw Error("\"" + cell + "\" in " + word + " is no number");
    // Models compute in float, in which 1e40 is infinite.
    if (!std::isfinite(static_cast<float>(*number))) {
      throw Error("\"" + cell + "\" in " + word + " is not finite in 32 bits; give another number");
    }
    numbers.push_back(*number);
  }
  return numbers;
}

torch::Tensor cluster_in(const std::string& text, const std::string& word) {
  const auto number = parse_number(text);
  if (!number || *number != std::floor(*number) || std::abs(*number) > 1e9) {
    throw Error("\"" + text + "\" in " + word + " is no cluster; give its number, from 0");
  }
  return torch::tensor(static_cast<int64_t>(*number));
}

}  // namespace

Given parse_given(const std::vector<std::string>& words, Model& model) {
  Given given;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw Error("\"" + word + "\" has no value; write NAME=VALUE, for example y=3");
    }
    const std::string name = word.substr(0, equals), text = word.substr(equals + 1);
    const auto value = model.find_discrete(name) != nullptr
                           ? cluster_in(text, word)
                           : torch::tensor(numbers_in(text, word), torch::kFloat64);
    if (!given.emplace(name, value).second) throw Error("the latent " + name + " is given twice");
  }
  model.check(given);
  return given;
}

}  // namespace clade
