#include "clade/training/start.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/clustering/matching.h"
#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/formats/safetensors.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kStartAdvice = "train the run anew";
constexpr const char* kResponsibilities = "responsibilities";
constexpr const char* kCodes = "codes";

constexpr double kAgreement = 0.9;  // of labels with the clusters that hold them

}  // namespace

std::string said_of_empty(const torch::Tensor& responsibilities) {
  const int64_t K = responsibilities.size(1);
  const auto held = torch::bincount(responsibilities.argmax(1).flatten(), {}, K);
  const auto empty = held.eq(0).sum().item<int64_t>();
  return empty == 0 ? "" : "; " + std::to_string(empty) + " of them hold no point";
}

void number_by_labels(Start& start, const Dataset& train, const Dataset& labelled) {
  const int64_t K = start.clusters(), known = labelled.size();
  const auto rows = torch::max(train.rows.max(), labelled.rows.max()).item<int64_t>() + 1;
  auto place = torch::full({rows}, -1, torch::kInt64);  // among the training points
  place.index_put_({train.rows}, torch::arange(train.size(), torch::kInt64));
  const auto points = place.index_select(0, labelled.rows);  // [N_l]
  const auto labels = labelled.labels.cpu();
  const auto cluster = start.responsibilities.index_select(0, points).argmax(1);
  const auto counts = torch::bincount(cluster * K + labels, {}, K * K).view({K, K});
  const auto label = torch::tensor(best_matching(counts), torch::kInt64);  // of each cluster
  const auto agree = label.index_select(0, cluster).eq(labels).sum().item<int64_t>();
  auto numbered = torch::empty_like(start.responsibilities);
  numbered.index_copy_(1, label, start.responsibilities);
  numbered.index_copy_(0, points, torch::one_hot(labels, K).to(numbered.dtype()));
  start.responsibilities = numbered;
  start.used = static_cast<double>(agree) >= kAgreement * static_cast<double>(known);
  start.said += "; " + std::to_string(agree) + " of " + std::to_string(known) +
                " labels agree with them" +
                (start.used ? "" : ", too few: classes are learned from the labels alone");
}

std::string said_of(const std::vector<Start>& starts) {
  std::string said;
  for (const Start& start : starts) {
    if (!said.empty()) said += "; ";
    said += start.latent.empty() ? start.said : start.latent + ": " + start.said;
  }
  return said;
}

void write_starts(const std::filesystem::path& folder, const std::vector<Start>& starts) {
  TensorFile file;
  json metadata;
  for (const Start& start : starts) {
    const std::string prefix = start.latent.empty() ? "" : start.latent + ".";
    file.tensors[prefix + kResponsibilities] = start.responsibilities;
    if (start.codes.defined()) file.tensors[prefix + kCodes] = start.codes;
    json& own = start.latent.empty() ? metadata : metadata[start.latent];
    own = start.made_by;
    own["said"] = start.said;
    if (!start.used) own["used"] = false;
  }
  file.metadata = json_text(metadata);
  write_safetensors(folder / run_files::kStart, file);
}

bool has_start(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / run_files::kStart);
}

std::vector<Start> read_starts(const std::filesystem::path& folder) {
  const auto path = folder / run_files::kStart;
  if (!has_start(folder)) {
    throw Error(folder.string() + " has lost its " + run_files::kStart +
                ", the clusters it was started from; train it anew");
  }
  const TensorFile file = read_safetensors(path);
  const json metadata = parse_json(file.metadata, path.string() + ": what made it", kStartAdvice);
  const Error damaged(path.string() + " is damaged: it has no responsibilities; " + kStartAdvice);
  std::vector<Start> starts;
  for (const auto& [name, tensor] : file.tensors) {
    if (!name.ends_with(kResponsibilities)) continue;
    if (tensor.dim() != 2) throw damaged;
    const std::string prefix =
        name.substr(0, name.size() - std::string_view(kResponsibilities).size());
    Start start;
    start.latent = prefix.substr(0, prefix.rfind('.'));
    start.responsibilities = tensor;
    take_json(path, kStartAdvice, [&] {
      start.made_by = start.latent.empty() ? metadata : metadata.at(start.latent);
      start.said = start.made_by.value("said", "");
      start.used = start.made_by.value("used", true);
      start.made_by.erase("used");
      return start.made_by.erase("said");
    });
    if (const auto codes = file.tensors.find(prefix + kCodes); codes != file.tensors.end()) {
      start.codes = codes->second;
    }
    starts.push_back(std::move(start));
  }
  if (starts.empty()) throw damaged;
  return starts;
}

}  // namespace clade
