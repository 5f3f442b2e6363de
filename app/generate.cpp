#include <algorithm>
#include <charconv>
#include <cmath>
#include <ostream>

#include "app/commands.h"
#include "app/open.h"
#include "app/say.h"
#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"
#include "clade/data/dataset.h"
#include "clade/data/word_features.h"
#include "clade/formats/npy.h"
#include "clade/formats/numbers.h"
#include "clade/formats/png.h"
#include "clade/models/given.h"
#include "clade/models/traversal.h"
#include "clade/report/sheet.h"
#include "clade/run/draws.h"

namespace fs = std::filesystem;

namespace {

struct GenerateArguments {
  std::string run, out, device;
  std::string cluster;
  std::vector<std::string> given;
  std::string grid;
  std::optional<uint64_t> seed;
  bool random = false, means = false;
  bool fix_others = false, vary_others = false;  // if neither, fixed on a ladder given a cluster
  int64_t count = 0;
};

constexpr int64_t kRandomCount = 100;
constexpr int64_t kClusterCount = 10;

// Tiles in a sheet as square as the count allows; cells left over stay empty.
torch::Tensor as_square(const torch::Tensor& points) {  // [n, D] -> [rows, columns, D]
  const int64_t n = points.size(0);
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n))));
  const int64_t rows = (n + columns - 1) / columns;
  const auto empty =
      torch::full({rows * columns - n, points.size(1)}, std::nan(""), points.options());
  return torch::cat({points, empty}).view({rows, columns, points.size(1)});
}

bool names_cluster(const clade::Given& given, const clade::Model& model) {
  return std::any_of(given.begin(), given.end(), [&](const auto& latent) {
    return model.find_discrete(latent.first) != nullptr;
  });
}

// NAME=CLASS as NAME=NUMBER if the clusters of that latent are classes; else as it is. Of classes
// that are numbers, "2.0" is "2", and no number is that of a cluster.
std::string with_number_of_class(const std::string& word, const clade::TrainedModel& trained) {
  const auto classes = trained.classes();
  if (classes.empty()) return word;
  const std::string latent = trained.model->discrete().front().name + "=";
  if (!word.starts_with(latent)) return word;
  const std::string name = word.substr(latent.size());
  const auto number = clade::parse_number(name);
  auto found = std::find(classes.begin(), classes.end(), name);
  if (found == classes.end() && number) {
    found = std::find_if(classes.begin(), classes.end(), [&](const std::string& one) {
      return clade::parse_number(one) == number;
    });
  }
  if (found != classes.end()) return latent + std::to_string(found - classes.begin());
  const bool numbered = std::any_of(classes.begin(), classes.end(), [](const std::string& one) {
    return clade::parse_number(one).has_value();
  });
  if (number && !numbered) return word;
  throw clade::ConfigError(
      "\"" + name + "\" in " + word + " is no class; " +
      (number ? "classes are " + clade::quoted(classes) : clade::suggest(name, classes)));
}

clade::Given parsed(std::vector<std::string> words, const clade::TrainedModel& trained) {
  for (std::string& word : words) word = with_number_of_class(word, trained);
  return clade::parse_given(words, *trained.model);
}

// What --cluster, short for the main discrete latent, and --given hold fixed.
clade::Given latents_given(const GenerateArguments& arguments, const clade::TrainedModel& trained) {
  const clade::Model& model = *trained.model;
  auto given = parsed(arguments.given, trained);
  if (arguments.random && names_cluster(given, model)) {
    throw clade::ConfigError("--random draws every cluster; leave it out, or the cluster given");
  }
  if (arguments.cluster.empty()) return given;
  if (model.clusters() == 1) {
    throw clade::ConfigError(trained.name + " has no clusters; leave --cluster out");
  }
  const std::string name = model.discrete()[model.main_discrete()].name;
  if (given.count(name) > 0) {
    throw clade::ConfigError("--cluster is short for --given " + name +
                             "=NUMBER, which is there too; leave one out");
  }
  given.merge(parsed({name + "=" + arguments.cluster}, trained));
  return given;
}

// What each row of a sheet holds fixed: a cluster, and what is given; or that alone, in one row.
std::vector<clade::Given> rows_of(const clade::Model& model, const clade::Given& given,
                                  bool each_cluster) {
  if (!each_cluster) return {given};
  std::vector<clade::Given> rows;
  for (int64_t k = 0; k < model.clusters(); ++k) {
    rows.push_back(model.given_cluster(k));
    rows.back().insert(given.begin(), given.end());
  }
  return rows;
}

// Those held fixed that have no part in x: in GMVAE z alone has, so that beside it y and w have
// none.
std::vector<std::string> without_effect(const clade::TrainedRun& run, const clade::Given& held) {
  constexpr int64_t kDraws = 8;
  clade::Model& model = *run.trained.model;
  const auto means = [&](const clade::Given& given) {
    auto generator = clade::make_generator(run.seed(), run.device);
    return model.generations(kDraws, given, generator)->mean();
  };
  std::vector<std::string> names;
  if (held.empty()) return names;
  const auto mean = means(held);
  for (const auto& [name, value] : held) {
    auto other = held;
    const auto* y = model.find_discrete(name);
    // Of a large value one more would be the same number.
    const auto opposite = torch::where(value.eq(0), torch::ones_like(value), -value);
    other[name] = y == nullptr ? opposite : (value + 1) % y->clusters;
    if (means(other).equal(mean)) names.push_back(name);
  }
  return names;
}

// Whole numbers as such, others in the shortest text that is them and no other of their type.
template <class Number>
void write_number(std::ostream& out, Number value) {
  constexpr double kMostWhole = 0x1p53;
  char text[64];
  const bool whole = value == std::round(value) && std::abs(value) < kMostWhole;
  const auto end =
      whole ? std::to_chars(std::begin(text), std::end(text), static_cast<int64_t>(value)).ptr
            : std::to_chars(std::begin(text), std::end(text), value).ptr;
  out.write(text, end - text);
}

template <class Number>
void write_rows(std::ostream& out, const torch::Tensor& rows,  // [n, D]
                const std::vector<clade::TableColumn>& columns) {
  const auto numbers = rows.accessor<Number, 2>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    for (const clade::TableColumn& column : columns) {
      if (&column != &columns.front()) out << ',';
      if (column.words.empty()) {
        write_number(out, numbers[i][column.feature]);
      } else {
        out << clade::csv_text(column.word_of(rows[i]));
      }
    }
    out << '\n';
  }
}

// A table that is read as the data were. raw: [n, D]
void write_csv(const fs::path& path, const torch::Tensor& raw,
               const std::vector<clade::TableColumn>& columns) {
  clade::write_atomically(path, [&](std::ostream& out) {
    for (const clade::TableColumn& column : columns) {
      out << (&column == &columns.front() ? "" : ",") << clade::csv_text(column.name);
    }
    out << '\n';
    if (raw.scalar_type() == torch::kFloat64) {
      write_rows<double>(out, raw, columns);
    } else {
      write_rows<float>(out, raw, columns);
    }
  });
}

// In the units of the data that were read, and as those are. points: [n, D]
void write_points(const fs::path& path, const torch::Tensor& points,
                  const clade::TrainedModel& trained, bool means) {
  const clade::AsDataAre drawn = clade::as_data_are(trained, points, means);
  notes(drawn.notes);
  const torch::Tensor& raw = drawn.values;
  if (path.extension() == ".csv") {
    write_csv(path, raw, clade::table_columns(trained.preprocessing, raw.size(1)));
    return;
  }
  std::vector<int64_t> shape = trained.shape;
  shape.insert(shape.begin(), raw.size(0));
  clade::write_npy(path, raw.reshape(shape));
}

// What is drawn: a row of points for each cluster, or one for whatever is held fixed.
struct Asked {
  std::vector<clade::Given> rows;  // what each holds fixed
  clade::Given held;               // by who asks, in the first
  bool each_cluster = false;
};

void require_drawable(const GenerateArguments& arguments, const clade::Model& model,
                      bool each_cluster) {
  if (arguments.grid.empty()) return;
  if (model.find_discrete(arguments.grid) != nullptr) {
    throw clade::ConfigError("--grid is " + arguments.grid +
                             ", whose clusters lie along no path; give a continuous latent, which "
                             "moves in a row for each of them");
  }
  if (each_cluster && arguments.count > 0) {
    throw clade::ConfigError(
        "--grid has a row for each cluster, and --count is not for those; leave it out, or give "
        "--random, or a cluster");
  }
}

Asked asked_for(const GenerateArguments& arguments, const clade::TrainedRun& run,
                clade::Generator& generator) {
  clade::Model& model = *run.trained.model;
  auto given = latents_given(arguments, run.trained);
  Asked asked;
  asked.each_cluster = !arguments.random && model.clusters() > 1 && !names_cluster(given, model);
  require_drawable(arguments, model, asked.each_cluster);
  if (!given.empty()) {
    asked.held = rows_of(model, given, asked.each_cluster).front();
    if (!arguments.grid.empty()) {
      asked.held.merge(clade::parse_given({arguments.grid + "=0"}, model));
    }
  }
  const bool of_one_level = model.has_independent_levels() && names_cluster(given, model);
  if (arguments.fix_others || (of_one_level && !arguments.vary_others)) {
    const auto varied = rows_of(model, given, asked.each_cluster).front();
    auto others = model.others_at_one_draw(varied, generator);
    others.erase(arguments.grid);  // which moves
    given.merge(others);
  }
  asked.rows = rows_of(model, given, asked.each_cluster);
  if (!arguments.grid.empty() && !asked.each_cluster) {
    asked.rows.resize(static_cast<size_t>(std::max<int64_t>(arguments.count, 1)), given);
  }
  return asked;
}

torch::Tensor draw_sheet(const GenerateArguments& arguments, const clade::TrainedRun& run,
                         const Asked& asked, bool means,
                         clade::Generator& generator) {  // [rows, columns, D]
  if (!arguments.grid.empty()) {
    const auto sheet =
        clade::traversal(*run.trained.model, arguments.grid, asked.rows, clade::kTraversalSteps,
                         arguments.seed.value_or(run.seed()));
    clade::require_finite_points(sheet);
    return sheet;
  }
  const int64_t count = arguments.count > 0  ? arguments.count
                        : asked.each_cluster ? kClusterCount
                                             : kRandomCount;
  std::vector<torch::Tensor> points;
  for (const clade::Given& row : asked.rows) {
    points.push_back(clade::draw(run.trained, count, row, means, generator));
  }
  return torch::stack(points);
}

void generate(const GenerateArguments& arguments) {
  const fs::path out = arguments.out;
  const std::string kind = out.extension();
  if (kind != ".png" && kind != ".npy" && kind != ".csv") {
    throw clade::ConfigError("--out is " + arguments.out +
                             "; its name must end in .png, .npy or .csv");
  }
  clade::require_place_for(out);
  const clade::TrainedRun run = open_to_use(arguments.run, arguments.device);
  require_own_file(run, arguments.out);
  if (kind == ".png" && !clade::is_image(run.trained.shape)) {
    throw clade::ConfigError(
        "the model's points are not images; give --out a name in .npy or .csv");
  }

  const torch::NoGradGuard no_grad;
  auto generator = clade::make_generator(
      clade::derive_seed(arguments.seed.value_or(run.seed()), "generate"), run.device);
  const bool in_grid = !arguments.grid.empty();
  const bool means = arguments.means || kind == ".png" || in_grid;
  const Asked asked = asked_for(arguments, run, generator);
  const auto sheet = draw_sheet(arguments, run, asked, means, generator);
  if (kind == ".png") {
    const bool in_rows = asked.each_cluster || in_grid;
    clade::write_png(out,
                     clade::make_sheet(in_rows ? sheet : as_square(sheet[0]), run.trained.shape));
  } else {
    write_points(out, sheet.cpu().flatten(0, 1), run.trained, means);
  }
  for (const std::string& name : without_effect(run, asked.held)) {
    note(name + " changes nothing of the points drawn" +
         (asked.held.size() > 1 ? ", beside what else is given" : ""));
  }
  const std::string order = asked.each_cluster ? ", " + std::to_string(sheet.size(1)) +
                                                     " of each cluster, one cluster after another"
                                               : "";
  say(std::to_string(sheet.size(0) * sheet.size(1)) + " points" + order + ": " + out.string());
}

}  // namespace

void add_generate(CLI::App& app) {
  auto* command = app.add_subcommand("generate", "draw new points, from a cluster or from all");
  auto arguments = std::make_shared<GenerateArguments>();
  take_run(*command, arguments->run);
  auto* cluster =
      command->add_option("--cluster", arguments->cluster,
                          "only from this cluster of the largest discrete latent: its number, from "
                          "0, or a class's name");
  command
      ->add_option(
          "--given", arguments->given,
          "a latent held fixed, NAME=VALUE: a cluster or class, or one number for all units "
          "or one for each; again for another")
      ->allow_extra_args(false);
  command->add_option(
      "--grid", arguments->grid,
      "NAME of a latent with p = N(0, I): each row moves it from low to high and keeps all else "
      "(a row a cluster; with --random or one cluster --count rows); with --count 1 a latent of "
      "two units becomes a plane. Writes means");
  auto* fix_others =
      command->add_flag("--fix-others", arguments->fix_others,
                        "draw latents that are not given once for all points, so that only the "
                        "layer of a given cluster varies (the default on a ladder, vlac)");
  command
      ->add_flag("--vary-others", arguments->vary_others,
                 "draw latents that are not given anew for each point")
      ->excludes(fix_others);
  command
      ->add_flag("--random", arguments->random,
                 "from the whole model; without a cluster or this, from each cluster")
      ->excludes(cluster);
  command->add_option("--count", arguments->count, "how many (of each cluster)")->check(counts());
  command->add_option("--seed", arguments->seed, "another draw")->check(seeds());
  command
      ->add_option("--out", arguments->out,
                   "a .png sheet of means (images), or points in the data's units: .npy, or .csv "
                   "with the table's columns")
      ->required();
  command->add_flag("--means", arguments->means,
                    "the mean of p(x|z) of each point in place of a draw from it: what a .png "
                    "shows, but less spread out than data are");
  take_device(*command, arguments->device);
  command->footer(
      "Examples:\n"
      "  clade generate runs/cp_vae-fashion-mnist-1 --out clusters.png\n"
      "  clade generate runs/cp_vae-points-1 --cluster 3 --count 500 --out more.csv\n"
      "  clade generate runs/cagem-mnist-1 --given y=7 --given z2=0 --out sevens.png\n"
      "  clade generate runs/gmvae-mnist-1 --grid w --out styles.png");
  command->callback([arguments] { generate(*arguments); });
}
