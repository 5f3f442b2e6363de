#include "clade/data/word_features.h"

#include <torch/torch.h>

namespace clade {
namespace {

int64_t count_of(const std::vector<std::string>& words) {
  return static_cast<int64_t>(words.size());
}

}  // namespace

const std::string& TableColumn::word_of(const torch::Tensor& raw) const {
  const auto shares = raw.slice(0, feature, feature + count_of(words));
  return words[static_cast<size_t>(shares.argmax().item<int64_t>())];
}

std::vector<TableColumn> table_columns(const Preprocessing& how, int64_t D) {
  std::vector<TableColumn> columns;
  auto words = how.table.encoded.begin();
  for (int64_t feature = 0; feature < D; ++feature) {
    if (words != how.table.encoded.end() && words->first == feature) {
      const std::string name =
          how.columns.empty() ? "x" + std::to_string(columns.size()) : words->column;
      columns.push_back({name, feature, words->words});
      feature += count_of(words->words) - 1;
      ++words;
      continue;
    }
    columns.push_back({how.columns.empty() ? "x" + std::to_string(columns.size())
                                           : how.columns[static_cast<size_t>(feature)],
                       feature,
                       {}});
  }
  return columns;
}

torch::Tensor with_words_drawn(const torch::Tensor& x, const torch::Tensor& means,
                               const Preprocessing& how, Generator& generator) {
  if (how.table.encoded.empty()) return x;
  constexpr double kLeast = 1e-9;  // of what is to be a probability: not all may be 0
  const auto shares = how.restore(means.cpu()).clamp_min(kLeast);  // [n, D]
  auto raw = torch::zeros_like(shares);
  for (const WordFeatures& words : how.table.encoded) {
    const int64_t end = words.first + count_of(words.words);
    const auto word = shares.slice(1, words.first, end)
                          .to(x.device())
                          .multinomial(1, /*replacement=*/false, generator)
                          .cpu();  // [n, 1]
    raw.slice(1, words.first, end).scatter_(1, word, 1);
  }
  const auto read = how.apply(raw).to(x.device());
  auto drawn = x.clone();
  for (const WordFeatures& words : how.table.encoded) {
    const int64_t end = words.first + count_of(words.words);
    drawn.slice(1, words.first, end).copy_(read.slice(1, words.first, end));
  }
  return drawn;
}

}  // namespace clade
