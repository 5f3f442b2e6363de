#include "clade/report/collect.h"

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>

#include "clade/clustering/principal_components.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/core/run_files.h"
#include "clade/data/dataset.h"
#include "clade/evaluation/clustering_scores.h"
#include "clade/evaluation/contrasts.h"
#include "clade/evaluation/label_posteriors.h"
#include "clade/evaluation/metrics.h"
#include "clade/evaluation/posteriors.h"
#include "clade/models/evaluation_mode.h"
#include "clade/models/traversal.h"
#include "clade/report/charts.h"
#include "clade/report/clusters.h"
#include "clade/report/scatters.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr int64_t kMostPoints = 10000;    // whose place among the latents is looked at
constexpr int64_t kScatterPoints = 2000;  // shown there
constexpr int64_t kTiles = 10;            // samples, and real points, of a cluster
constexpr int64_t kSamples = 100;
constexpr int64_t kComparedImages = 40;
constexpr int64_t kReconstructions = 18;
// A histogram wants more, and of one number each they cost nothing.
constexpr int64_t kHistogramTiles = 1000;
constexpr int64_t kHistogramSamples = 5000;
constexpr int64_t kTableSamples = 1000;
constexpr int64_t kContrasts = 20;  // of a cluster
constexpr size_t kTraversalRows = 5;
constexpr int64_t kVariedPoints = 6, kVariations = 10;
constexpr double kSeenVariation = 0.05;  // of a pixel, its deviation over the draws
constexpr int64_t kMisnamed = 40;
constexpr int64_t kMeshSide = 15;
constexpr int64_t kMeshDraws = 20000;  // whose quantiles are taken for the prior's
constexpr size_t kMeshClusters = 10;

/// The epochs of a log; of restarts, those of the one that went on, whose epochs are the last.
std::vector<json> read_epochs(const std::filesystem::path& log) {
  std::vector<json> epochs;
  std::istringstream lines(read_file(log));
  for (std::string text; std::getline(lines, text);) {
    json line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line.is_object() && line.contains("train")) epochs.push_back(std::move(line));
  }
  if (epochs.empty()) return epochs;
  const auto restart_of = [](const json& line) {
    const auto restart = line.find("restart");
    return restart != line.end() && restart->is_number_integer() ? restart->get<int64_t>() : 0;
  };
  const int64_t went_on = restart_of(epochs.back());
  std::erase_if(epochs, [&](const json& line) { return restart_of(line) != went_on; });
  return epochs;
}

/// Where training descends what validation does not measure, a bound of relaxed clusters or a
/// looser one, its terms have curves of their own. `relaxes`: it drew relaxed clusters.
std::vector<Curve> read_curves(const std::filesystem::path& log, bool relaxes) {
  std::vector<Curve> curves;
  if (!std::filesystem::exists(log)) return curves;
  const auto add = [&](const std::string& name, double epoch, double train, double validation,
                       bool of_bound = true) {
    auto found = std::find_if(curves.begin(), curves.end(),
                              [&](const Curve& curve) { return curve.name == name; });
    if (found == curves.end()) found = curves.insert(found, Curve{name, {}, {}, {}, of_bound});
    found->epochs.push_back(epoch);
    found->train.push_back(train);
    found->validation.push_back(validation);
  };
  for (const json& line : read_epochs(log)) {
    const auto number = [&](const json::json_pointer& at) {  // a gap for what is damaged
      return line.contains(at) && line.at(at).is_number() ? line.at(at).get<double>()
                                                          : std::nan("");
    };
    using Pointer = json::json_pointer;
    const double epoch = number(Pointer("/epoch"));
    if (std::isnan(epoch)) continue;
    const Pointer relaxed("/train/relaxed_elbo"), looser("/train/looser_elbo");
    const std::string apart = relaxes ? ", relaxed" : line.contains(looser) ? ", looser bound" : "";
    const auto both = [&](const std::string& name, double train, double validation) {
      add(name, epoch, apart.empty() ? train : std::nan(""), validation);
      if (!apart.empty()) add(name + apart, epoch, train, std::nan(""));
    };
    // Once such a figure had the name of the exact one.
    both("bound",
         number(line.contains(relaxed)  ? relaxed
                : line.contains(looser) ? looser
                                        : Pointer("/train/elbo")),
         number(Pointer("/validation/elbo")));
    const Pointer figures("/figures");
    if (line.contains(figures) && line.at(figures).is_object()) {
      for (const auto& item : line.at(figures).items()) {
        add(item.key(), epoch, std::nan(""), number(figures / item.key()), /*of_bound=*/false);
      }
    }
    const Pointer terms("/train/terms");
    if (!line.contains(terms) || !line.at(terms).is_object()) continue;
    for (const auto& item : line.at(terms).items()) {
      both(item.key(), number(terms / item.key()),
           number(Pointer("/validation/terms") / item.key()));
    }
  }
  for (Curve& curve : curves) {
    if (!any_known(curve.train)) curve.train.clear();
    if (!any_known(curve.validation)) curve.validation.clear();
  }
  return curves;
}

/// Says which terms training charges a least amount for (GMVAE, figure 3).
void add_floors(Model& model, const Dataset& data, std::vector<Curve>& curves) {
  auto any = make_generator(0, data.x.device());
  for (const Term& term : model.bound(data.x.slice(0, 0, 1), any).terms) {
    for (Curve& curve : curves) {
      const bool own = curve.name == term.name || curve.name.rfind(term.name + ", ", 0) == 0;
      if (own) curve.floor = term.floor;
    }
  }
}

/// What people are shown of the model: means, or where a histogram is drawn of them, draws.
torch::Tensor drawn(Model& model, int64_t n, const Given& given, bool histogram,
                    Generator& generator) {
  const auto p_x = model.generations(n, given, generator);
  return histogram ? p_x->sample(generator) : p_x->mean();
}

/// What the discrete latent in place `l` has to show. q_y: [N, K].
Clustering clustering_of(Model& model, size_t l, const Dataset& data, const torch::Tensor& q_y,
                         Generator& generator) {
  const std::string& name = model.discrete()[l].name;
  const int64_t K = model.discrete()[l].clusters;
  const bool histogram = data.features() == 1;
  const int64_t tiles = std::min(histogram ? kHistogramTiles : kTiles, data.size());
  Clustering one;
  one.name = name;
  one.confidence = std::get<0>(q_y.max(1)).mean().item<double>();
  one.share = model.aggregated_posterior(l);
  const auto assigned = q_y.argmax(1);
  // Of a ladder, whose levels are independent, only this one differs from tile to tile.
  Given given;
  one.of_level = !model.discrete()[l].layer.empty();
  if (one.of_level) {
    given = model.others_at_one_draw({{name, torch::tensor(0)}}, generator);
  }
  std::vector<torch::Tensor> samples, points, confidence;
  for (int64_t k = 0; k < K; ++k) {
    given[name] = torch::tensor(k);
    samples.push_back(drawn(model, tiles, given, histogram, generator));
    const auto own =
        torch::where(assigned == k, q_y.select(1, k), torch::full({}, -1.0, q_y.options()));
    const auto [best, index] = own.topk(tiles);
    points.push_back(data.x.index_select(0, index));
    confidence.push_back(best.masked_fill(best < 0, std::nan("")));
  }
  one.samples = torch::stack(samples);
  one.points = torch::stack(points);
  one.point_confidence = torch::stack(confidence);
  if (data.labelled()) {
    one.confusion = confusion(assigned, data.labels, K, data.labels.max().item<int64_t>() + 1);
    one.given_label = posterior_given_label(q_y, data.labels);
  }
  if (all_alike(model.cluster_weights(l, generator))) return one;
  const auto all = one.samples.flatten(0, 1);  // [K·tiles, D]
  const auto chosen =
      random_rows(histogram ? kHistogramSamples : kSamples, all.size(0), all.device(), generator);
  one.samples_uniform = all.index_select(0, chosen);
  return one;
}

/// A grid over the units of the layer that is generated first of the continuous ones, if those are
/// two. `strongest`: clusters of the first clustering, to hold. Its lines, if they are the same for
/// all clusters, are drawn over the layer among those `seen`.
std::vector<Mesh> meshes_of(Model& model, std::vector<int64_t> strongest, Generator& generator,
                            std::vector<Scatter>& seen) {
  const auto& latents = model.latents();
  const auto layer = std::find_if(latents.begin(), latents.end(),
                                  [](const LatentInfo& latent) { return !latent.is_cluster; });
  if (layer == latents.end() || layer->size != 2) return {};
  const bool first = layer == latents.begin();
  const auto at = ((torch::arange(kMeshSide, torch::kFloat64) + 0.5) / kMeshSide);
  const auto lines_over = [&](const Given& given) {  // -> [2, side], rising
    const auto z = model.draws(layer->name, kMeshDraws, given, generator).to(torch::kFloat64);
    return torch::quantile(z, at.to(z.device()), 0).to(torch::kFloat32).t();
  };
  const auto grid_of = [](const torch::Tensor& lines) {  // -> [side², 2], from the top left
    return torch::stack(
        {lines[0].repeat({kMeshSide}), lines[1].flip(0).repeat_interleave(kMeshSide)}, 1);
  };
  const auto generated = [&](Given given, const torch::Tensor& grid) {  // -> [side, side, D]
    given[layer->name] = grid;
    return model.sample_means(grid.size(0), given, generator).view({kMeshSide, kMeshSide, -1});
  };
  Mesh mesh;
  mesh.layer = layer->name;
  torch::Tensor over_all;
  if (first) {
    const auto lines = lines_over({});
    over_all = grid_of(lines);
    for (Scatter& scatter : seen) {
      if (scatter.name == layer->name) scatter.grid = lines;
    }
    mesh.random = generated({}, over_all);
  }
  if (strongest.empty()) return {mesh};
  const size_t l = model.clusterings().front();
  if (model.discrete()[l].is_component) return {mesh};
  strongest.resize(std::min<size_t>(strongest.size(), kMeshClusters));
  std::sort(strongest.begin(), strongest.end());
  std::vector<torch::Tensor> of_clusters;
  for (const int64_t k : strongest) {
    const Given held = {{model.discrete()[l].name, torch::tensor(k)}};
    of_clusters.push_back(generated(held, first ? over_all : grid_of(lines_over(held))));
  }
  mesh.given_cluster = torch::stack(of_clusters);
  mesh.clusters = strongest;
  return {mesh};
}

/// Figures with a sentence to them; of classes learned from labels their errors, in place of what
/// their clusters are measured by.
std::vector<Headline> headlines(const json& metrics) {
  std::vector<Headline> all;
  const auto split = metrics.find(measured_split(metrics));
  if (split == metrics.end()) return all;
  const bool classes = split->contains("classification");
  for (const Figure& figure : figures_of(*split, split.key())) {
    if (figure.says.empty() || (classes && figure.of_clusters)) continue;
    std::string label = figure.name;
    label[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(label[0])));
    all.push_back({label, figure.said(), figure.says});
  }
  return all;
}

/// Gives what is shown of points that are no images the units of the data.
void restore_units(const Preprocessing& how, Report& report) {
  const auto restore = [&](torch::Tensor& points) {  // [..., D]
    if (points.defined()) points = how.restore(points.cpu());
  };
  for (torch::Tensor* points : {&report.samples, &report.originals, &report.reconstructions}) {
    restore(*points);
  }
  for (Clustering& one : report.clusterings) {
    for (torch::Tensor* points : {&one.samples, &one.points, &one.samples_uniform}) {
      restore(*points);
    }
  }
}

/// Points of one unit, [N, 1], as they are. Upwards multiples of the golden ratio spread them
/// evenly.
Scatter strip(const std::string& name, const torch::Tensor& x) {
  const auto place = torch::arange(x.size(0), torch::kFloat64) * 0.6180339887498949;
  Scatter scatter;
  scatter.name = name;
  scatter.points = torch::cat({x.cpu(), place.frac().unsqueeze(1)}, 1);
  scatter.axis = "unit";
  scatter.axes = {"its one unit; upwards dots are only spread", ""};
  return scatter;
}

/// Points, [N, d], along their first two principal components, with the shares of the variance. A
/// component that does not exist is 0.
Scatter seen_in_two_dimensions(const std::string& name, const torch::Tensor& x) {
  if (x.size(1) == 1) return strip(name, x);
  auto unused = make_generator(0);  // few dimensions are taken apart exactly
  const PrincipalComponents pca = principal_components(x, 2, unused);
  const auto variance = pca.deviations.square();  // [P], P being 2 at most
  const double degrees = std::max<double>(1, static_cast<double>(x.size(0)) - 1);
  const double total = (x.to(torch::kFloat64) - pca.mean).square().sum().item<double>() / degrees;
  const int64_t missing = 2 - variance.size(0);
  Scatter scatter;
  scatter.name = name;
  scatter.points = torch::constant_pad_nd(pca.project(x), {0, missing});
  for (int64_t i = 0; i < 2; ++i) {
    const bool there = i < variance.size(0);
    scatter.explained.push_back(there ? variance[i].item<double>() / std::max(total, 1e-30) : 0);
  }
  return scatter;
}

/// What each latent does that is drawn from N(0, I): in a row for each of the strongest clusters,
/// or for some draws of all else.
std::vector<Traversed> traversals_of(Model& model, uint64_t seed) {
  std::vector<Given> rows(model.latents().size() > 1 ? kTraversalRows : 1);
  if (model.clusters() > 1) {
    rows.clear();
    for (const int64_t k : strongest_first(model.aggregated_posterior(model.main_discrete()))) {
      if (static_cast<int64_t>(rows.size()) < shown_clusters)
        rows.push_back(model.given_cluster(k));
    }
  }
  std::vector<Traversed> all;
  for (const LatentInfo& latent : model.latents()) {
    if (!latent.is_standard_normal) continue;
    all.push_back({latent.name, traversal(model, latent.name, rows, kTraversalSteps, seed)});
  }
  return all;
}

/// The main clusters, strongest first, at zero of each latent drawn from N(0, I) that p(z | y)
/// depends on beside y: one generated before z. Nothing if z is drawn given y alone.
std::vector<AtZero> clusters_at_zero(Model& model, Generator& generator) {
  const size_t main = model.main_discrete();
  if (model.clusters() == 1) return {};
  const Discrete& y = model.discrete()[main];
  if (y.is_component || !y.layer.empty()) return {};  // whose z is drawn given y alone
  const auto& latents = model.latents();
  const auto shaped = std::find_if(latents.rbegin(), latents.rend(),
                                   [](const LatentInfo& latent) { return !latent.is_cluster; });
  auto strongest = strongest_first(model.aggregated_posterior(main));
  strongest.resize(std::min(strongest.size(), static_cast<size_t>(shown_clusters)));
  const auto clusterings = model.clusterings();
  const auto place = static_cast<size_t>(std::find(clusterings.begin(), clusterings.end(), main) -
                                         clusterings.begin());
  std::vector<AtZero> all;
  for (const LatentInfo& latent : latents) {
    if (!latent.is_standard_normal || latent.name == shaped->name) continue;
    std::vector<torch::Tensor> rows;
    for (const int64_t k : strongest) {
      Given given = model.given_cluster(k);
      given[latent.name] = torch::zeros({latent.size});
      rows.push_back(model.sample_means(kTiles, given, generator));
    }
    all.push_back({latent.name, place, strongest, torch::stack(rows)});
  }
  return all;
}

/// Of models with several layers, each of them drawn anew for some points while the others stay
/// where the points have them (VLAC, figure 2): [points, 2 + draws, D], the points and their
/// reconstructions first. Without layers that change nothing then.
std::vector<Traversed> variations_of(Model& model, const torch::Tensor& points,
                                     Generator& generator) {
  const auto x = points.slice(0, 0, kVariedPoints);
  auto layers = model.encode(x, generator);
  std::erase_if(layers, [&](const LayerPosterior& layer) {  // auxiliary ones generate nothing
    const auto& all = model.latents();
    return std::none_of(all.begin(), all.end(),
                        [&](const LatentInfo& latent) { return latent.name == layer.name; });
  });
  if (layers.size() < 2) return {};
  const auto reconstructed = model.reconstruct(x);
  std::vector<Traversed> all;
  for (const LayerPosterior& varied : layers) {
    Given others;
    for (const LayerPosterior& layer : layers) {
      if (layer.name != varied.name) others[layer.name] = layer.mean;
    }
    std::vector<torch::Tensor> columns = {x, reconstructed};
    for (int64_t draw = 0; draw < kVariations; ++draw) {
      columns.push_back(model.sample_means(x.size(0), others, generator));
    }
    const auto drawn = torch::stack(columns, 1);
    // A layer that others are generated from is the less seen the more these say; that of a ladder
    // is shown whatever it does.
    const auto spread = drawn.slice(1, 2).std(1).max().item<double>();
    if (model.has_independent_levels() || spread > kSeenVariation) {
      all.push_back({varied.name, drawn});
    }
  }
  return all;
}

/// Points of two features, and as many drawn from the model, in the data's units.
std::vector<Scatter> plane_of(const TrainedModel& trained, const Dataset& data,
                              const std::vector<Scatter>& latents, Generator& generator) {
  Model& model = *trained.model;
  const auto real = data.x.slice(0, 0, kScatterPoints);
  const auto drawn = model.generations(real.size(0), {}, generator)->sample(generator);
  std::vector<Scatter> plane;
  for (const auto& [name, x] : {std::pair{"real points", real}, std::pair{"drawn points", drawn}}) {
    Scatter scatter;
    scatter.name = name;
    scatter.points = trained.preprocessing.restore(x.cpu());
    scatter.axis = "feature";
    scatter.axes = plane_axes(trained.preprocessing.columns);
    plane.push_back(std::move(scatter));
  }
  if (!latents.empty()) {  // coloured as they are there
    plane[0].clusters = latents.front().clusters;
    plane[0].label = latents.front().label;
  }
  const auto q_y = model.cluster_probabilities(drawn, generator);
  for (const size_t l : model.clusterings()) plane[1].clusters.push_back(q_y[l].argmax(1));
  return plane;
}

/// The posterior means of a layer; two units need no turning.
Scatter seen(const LayerSummary& layer) {
  if (layer.means.size(1) != 2) return seen_in_two_dimensions(layer.name, layer.means);
  Scatter scatter;
  scatter.name = layer.name;
  scatter.points = layer.means;
  scatter.axis = "unit";
  return scatter;
}

/// What people are shown of a model, not chosen, and as many real points as go with it: means of
/// p(x | latents), or of one feature thousands of draws.
void add_samples(Model& model, const Dataset& data, Generator& generator, Report& report) {
  const bool histogram = data.features() == 1;
  report.samples = drawn(model, histogram ? kHistogramSamples : kSamples, {}, histogram, generator);
  report.originals = data.x.slice(0, 0, histogram ? kHistogramSamples : kReconstructions);
}

/// Where `data` lie in the continuous layers. q_y: their assignment, and perhaps that of points
/// after them, [N, K_l] of each discrete latent.
std::vector<Scatter> latents_of(Model& model, const Dataset& data,
                                const std::vector<torch::Tensor>& q_y, Generator& generator) {
  std::vector<Scatter> latents;
  for (const LayerSummary& layer : layers_of(model, data.x, generator)) {
    Scatter scatter = seen(layer);
    scatter.points = scatter.points.slice(0, 0, kScatterPoints);
    for (const size_t l : model.clusterings()) {
      if (model.discrete()[l].layer == layer.name) scatter.own = scatter.clusters.size();
      scatter.clusters.push_back(q_y[l].argmax(1).slice(0, 0, kScatterPoints));
    }
    if (data.labelled()) scatter.label = data.labels.slice(0, 0, kScatterPoints);
    latents.push_back(std::move(scatter));
  }
  return latents;
}

/// The first points of `data`, without what they are called.
Dataset some(const Dataset& data, int64_t most) {
  Dataset shown = data;
  shown.rows = torch::Tensor();
  shown.names = {};
  shown.index = {};
  shown.x = data.x.slice(0, 0, most);
  if (data.labelled()) shown.labels = data.labels.slice(0, 0, most);
  return shown;
}

}  // namespace

std::vector<HeldBack> held_back_shown(const TrainedModel& trained, const Dataset& learned,
                                      const Dataset& held_back, uint64_t seed) {
  HeldBack shown;
  shown.classes = trained.classes();
  if (shown.classes.empty() || learned.size() == 0) return {};
  const auto C = static_cast<int64_t>(learned.label_names.size());
  const auto K = static_cast<int64_t>(shown.classes.size());
  shown.learned = torch::bincount(learned.labels.cpu(), {}, C);
  if (held_back.size() == 0) return {shown};
  const auto labels = held_back.labels.cpu();
  const auto q_y = assignment(*trained.model, held_back.x, seed).front().cpu();  // [n, K]
  const auto [probability, cluster] = q_y.max(1);
  shown.confusion = confusion(cluster, labels, K, C).t();
  const auto wrong = cluster.ne(labels).nonzero().squeeze(1);  // [m]
  const auto surest = wrong.index_select(
      0, probability.index_select(0, wrong).argsort(0, /*descending=*/true).slice(0, 0, kMisnamed));
  for (int64_t i = 0; i < surest.size(0); ++i) {
    const auto point = surest[i].item<int64_t>();
    const auto& names = held_back.names.names;
    shown.misnamed.push_back({names.empty()
                                  ? "row " + std::to_string(held_back.rows[point].item<int64_t>())
                                  : names.at(static_cast<size_t>(point)),
                              labels[point].item<int64_t>(), cluster[point].item<int64_t>(),
                              probability[point].item<double>()});
  }
  shown.points = held_back.x.index_select(0, surest.to(held_back.x.device()));
  return {shown};
}

std::vector<Scatter> start_scatters(const std::vector<Start>& starts, const Dataset& train,
                                    size_t clusterings, uint64_t seed) {
  std::vector<Scatter> scatters;
  for (const Start& start : starts) {
    if (!start.codes.defined()) continue;
    auto generator = make_generator(derive_seed(seed, "start shown"));
    const auto rows =
        torch::randperm(start.codes.size(0), generator, torch::kInt64).slice(0, 0, kScatterPoints);
    const std::string name = start.latent.empty() ? "start" : "start of " + start.latent;
    Scatter scatter = seen_in_two_dimensions(name, start.codes);
    scatter.points = scatter.points.index_select(0, rows);
    // If one discrete latent alone of several started from a cluster, colours would be another's.
    for (const Start& each : starts) {
      if (starts.size() != clusterings) break;
      if (each.latent == start.latent) scatter.own = scatter.clusters.size();
      scatter.clusters.push_back(each.responsibilities.argmax(1).index_select(0, rows));
    }
    if (train.labelled()) scatter.label = train.labels.cpu().index_select(0, rows);
    scatters.push_back(std::move(scatter));
  }
  return scatters;
}

Report collect_report(const TrainedModel& trained, const Dataset& data,
                      const std::filesystem::path& log, const json& metrics, uint64_t seed) {
  Model& model = *trained.model;
  const EvaluationMode evaluation(model);
  Generator generator = make_generator(derive_seed(seed, "report"), data.x.device());
  Report report;
  report.shape = trained.shape;
  report.columns = trained.preprocessing.columns;
  report.label_names = data.label_names;
  report.headline = take_json(log.parent_path() / run_files::kMetrics,
                              "delete it and measure again: clade evaluate RUN",
                              [&] { return headlines(metrics); });
  report.curves = read_curves(log, model.relaxes());
  add_floors(model, data, report.curves);
  const auto q_y = assignment(model, data.x, seed);  // [N, K_l]
  for (const size_t l : model.clusterings()) {
    report.clusterings.push_back(clustering_of(model, l, data, q_y[l], generator));
    if (l == 0) report.clusterings.back().classes = trained.classes();
  }
  if (report.columns.empty()) {
    add_samples(model, data, generator, report);
  } else {
    report.samples = model.generations(kTableSamples, {}, generator)->sample(generator);
    report.originals = data.x.slice(0, 0, kTableSamples);
  }
  report.reconstructions = model.reconstruct(report.originals);
  report.latents = latents_of(model, some(data, kMostPoints), q_y, generator);
  if (is_image(report.shape)) {
    report.traversals = traversals_of(model, derive_seed(seed, "traversals"));
    auto apart = make_generator(derive_seed(seed, "variations"), data.x.device());
    report.variations = variations_of(model, data.x, apart);
    const auto strongest = report.clusterings.empty()
                               ? std::vector<int64_t>()
                               : strongest_first(report.clusterings.front().share);
    auto zero = make_generator(derive_seed(seed, "clusters at zero"), data.x.device());
    report.at_zero = clusters_at_zero(model, zero);
    report.meshes = meshes_of(model, strongest, generator, report.latents);
    return report;
  }
  if (data.features() == 2) report.plane = plane_of(trained, data, report.latents, generator);
  restore_units(trained.preprocessing, report);
  const auto points = trained.preprocessing.restore(data.x.cpu());
  for (size_t i = 0; i < report.clusterings.size(); ++i) {
    const auto cluster = q_y[model.clusterings()[i]].argmax(1).cpu();
    report.clusterings[i].contrasts =
        contrasts(points, cluster, model.discrete()[model.clusterings()[i]].clusters, kContrasts);
  }
  return report;
}

Report collect_compared(const TrainedModel& trained, const std::filesystem::path& log,
                        uint64_t seed) {
  Model& model = *trained.model;
  const EvaluationMode evaluation(model);
  Generator generator = make_generator(derive_seed(seed, "comparison"), model.device());
  Report report;
  report.shape = trained.shape;
  report.curves = read_curves(log, model.relaxes());
  report.samples = model.sample_means(kComparedImages, {}, generator);
  return report;
}

Report collect_compared(const TrainedModel& trained, const Dataset& data,
                        const std::filesystem::path& log, uint64_t seed) {
  Model& model = *trained.model;
  const EvaluationMode evaluation(model);
  Generator generator = make_generator(derive_seed(seed, "compared latents"), model.device());
  Report report = collect_compared(trained, log, seed);
  if (!is_image(report.shape)) {
    add_samples(model, data, generator, report);
    restore_units(trained.preprocessing, report);
  }
  report.columns = trained.preprocessing.columns;
  report.label_names = data.label_names;
  const Dataset shown = some(data, kScatterPoints);
  const auto q_y = assignment(model, shown.x, seed);  // [N, K_l]
  for (const size_t l : model.clusterings()) {
    Clustering one;
    one.name = model.discrete()[l].name;
    one.share = model.aggregated_posterior(l);
    if (l == 0) one.classes = trained.classes();
    report.clusterings.push_back(std::move(one));
  }
  report.latents = latents_of(model, shown, q_y, generator);
  if (data.features() == 2) report.plane = plane_of(trained, shown, report.latents, generator);
  return report;
}

}  // namespace clade
