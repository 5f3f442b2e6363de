#include "clade/training/found_clusters.h"

#include <torch/torch.h>

#include <algorithm>

#include "clade/core/random.h"
#include "clade/models/evaluation_mode.h"
#include "clade/training/start_clusters.h"
#include "clade/training/start_features.h"
#include "clade/training/start_file.h"

namespace clade {
namespace {

// Clusters are told here, so that a point is one row to every network.
constexpr int64_t kRowsAtATime = 1000;

// Values of all other latents, over which one level is seen alone.
constexpr size_t kOthers = 10;

/// Finds the clusters of one started latent after another, each by the same random numbers.
class ClusterFinder {
 public:
  ClusterFinder(Model& model, const Splits& data, const TrainOptions& options, uint64_t seed)
      : model_(model),
        data_(data),
        options_(options),
        seed_(derive_seed(seed, "clusters")),
        latents_(started_latents(model, options)) {}

  const std::vector<std::string>& latents() const { return latents_; }
  Start clusters_of(const Discrete& latent, const StartProgress& progress);

 private:
  Clustered clustered_for(const std::string& latent, const StartProgress& progress);
  template <class Make>
  torch::Tensor of_all_points(Generator& generator, const StartProgress& progress,
                              const Make& make);
  torch::Tensor codes(const std::string& latent, Generator& generator,
                      const StartProgress& progress);
  torch::Tensor pictures(const std::string& latent, Generator& generator,
                         const StartProgress& progress);

  Model& model_;
  const Splits& data_;
  const TrainOptions& options_;
  uint64_t seed_;
  std::vector<std::string> latents_;
};

Start ClusterFinder::clusters_of(const Discrete& latent, const StartProgress& progress) {
  if (options_.start == "file") {
    return start_from_file(options_.start_file, data_, latent.clusters, seed_, progress);
  }
  const auto [values, said_of] = clustered_for(latent.name, progress);
  return options_.start == "autoencoder"
             ? start_from_codes(values, said_of, latent.clusters, seed_, progress)
             : start_from_neighbours(values, said_of, latent.clusters, seed_, progress);
}

Clustered ClusterFinder::clustered_for(const std::string& latent, const StartProgress& progress) {
  auto generator = make_generator(seed_, data_.train.x.device());
  if (options_.start == "neighbours") {
    return layout_features(data_, options_.start_features, generator);
  }
  const std::string epochs = std::to_string(options_.clusters_found_at()) + " epochs";
  if (options_.start == "autoencoder" || latents_.size() == 1) {
    return {codes(latent, generator, progress), "the latents of an autoencoder of " + epochs};
  }
  return {principal_features(pictures(latent, generator, progress), generator),
          "what its level alone says after " + epochs};
}

/// make(x, clusters) of all training points, [B, D] and [B] each -> [B, d]; in all [N, d]. Any
/// clusters do: so far they were told at random, and nothing depends on them.
template <class Make>
torch::Tensor ClusterFinder::of_all_points(Generator& generator, const StartProgress& progress,
                                           const Make& make) {
  const EvaluationMode evaluation(model_);
  const int64_t n = data_.train.size();
  std::vector<torch::Tensor> all;
  int64_t done = 0;
  for (const auto& rows : data_.train.x.split(kRowsAtATime)) {
    if (progress) progress("codes of the points", done, n);
    done += rows.size(0);
    const auto x = present(rows, data_.preprocessing.binarise, generator);
    Given any;
    for (const std::string& latent : latents_) {
      any[latent] = torch::zeros({x.size(0)}, torch::dtype(torch::kInt64).device(x.device()));
    }
    all.push_back(make(x, any));
  }
  return torch::cat(all);
}

/// The means of the posteriors in what the latent's clusters divide, [N, d].
torch::Tensor ClusterFinder::codes(const std::string& latent, Generator& generator,
                                   const StartProgress& progress) {
  return of_all_points(generator, progress, [&](const torch::Tensor& x, const Given& clusters) {
    return model_.layer_posterior(latent, x, clusters, generator).mean();
  });
}

/// Those codes as the data they make whatever the other latents are, [N, D]: distances between
/// codes say little, since a KL at work makes one Gaussian of them, and those between pictures are
/// of what is seen.
torch::Tensor ClusterFinder::pictures(const std::string& latent, Generator& generator,
                                      const StartProgress& progress) {
  const EvaluationMode evaluation(model_);
  std::vector<Given> others(kOthers);
  for (Given& one : others) {
    one = model_.others_at_one_draw({{latent, torch::tensor(int64_t{0})}}, generator);
  }
  return of_all_points(generator, progress, [&](const torch::Tensor& x, const Given& clusters) {
    return model_.layer_alone(latent, x, clusters, others, generator);
  });
}

}  // namespace

std::vector<std::string> started_latents(const Model& model, const TrainOptions& options) {
  const std::vector<Discrete>& all = model.discrete();
  if (options.clusters_found_at() == 0) return {all[model.main_discrete()].name};
  std::vector<std::string> names;
  for (const size_t l : model.clusterings()) names.push_back(all[l].name);
  return names;
}

std::vector<Start> found_clusters(Model& model, const Splits& data, const TrainOptions& options,
                                  uint64_t seed, const StartProgress& progress) {
  ClusterFinder finder(model, data, options, seed);
  const bool several = finder.latents().size() > 1;
  std::vector<Start> starts;
  for (const std::string& latent : finder.latents()) {
    const auto of_latent = [&](const std::string& what, int64_t done, int64_t total) {
      if (progress) progress(several ? latent + ", " + what : what, done, total);
    };
    Start start = finder.clusters_of(*model.find_discrete(latent), of_latent);
    start.made_by["kind"] = options.start;
    if (several) {
      start.latent = latent;
    } else if (model.clusterings().size() > 1) {
      start.said = latent + " alone: " + start.said;
    }
    starts.push_back(std::move(start));
  }
  return starts;
}

ClusterMoments moments_of_clusters(Model& model, const Splits& data, const std::string& latent,
                                   const Responsibilities& responsibilities, uint64_t seed) {
  const EvaluationMode evaluation(model);
  auto generator = make_generator(derive_seed(seed, "moments"), data.train.x.device());
  const int64_t n = data.train.size();
  torch::Tensor weight, x_sum, sum, squares;  // [K], [K, D], [K, d], [K, d] float64
  for (int64_t begin = 0; begin < n; begin += kRowsAtATime) {
    const int64_t end = std::min(n, begin + kRowsAtATime);
    Given clusters;  // [B] each
    for (const auto& [name, r] : responsibilities) {
      clusters[name] = r.slice(0, begin, end).argmax(1);
    }
    const auto rows = data.train.x.slice(0, begin, end);  // [B, D]
    const auto x = present(rows, data.preprocessing.binarise, generator);
    const auto q = model.layer_posterior(latent, x, clusters, generator);
    const auto r = responsibilities.at(latent).slice(0, begin, end);  // [B, K]
    const auto add = [&](torch::Tensor& total, const torch::Tensor& of_points) {
      const auto part = r.t().to(torch::kFloat64).matmul(of_points.to(torch::kFloat64));
      total = total.defined() ? total + part : part;
    };
    add(weight, torch::ones({end - begin}, r.options()));
    add(x_sum, rows);
    add(sum, q.mean());
    add(squares, q.mean().square() + q.log_variance().exp());
  }
  const auto divided = [&](const torch::Tensor& total) { return total / weight.unsqueeze(1); };
  const auto mean = divided(sum);
  return {weight, divided(x_sum), mean, divided(squares) - mean.square()};
}

}  // namespace clade
