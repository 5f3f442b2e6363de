#include "app/metrics.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "app/interrupt.h"
#include "clade/core/json_file.h"
#include "clade/core/progress.h"
#include "clade/core/words.h"
#include "clade/evaluation/metrics.h"

using nlohmann::json;

namespace {

/// What a column is called: other points than the run's by their file or set alone.
std::string column_of(const std::string& split) {
  const std::string data = "data ";
  if (!split.starts_with(data)) return split;
  return clade::one_line(std::filesystem::path(split.substr(data.size())).filename().string());
}

/// A line a figure, a column a split.
void print_table(const json& metrics) {
  constexpr size_t kNames = 36, kColumn = 14;
  std::vector<std::string> headers;
  std::vector<std::vector<clade::Figure>> splits;
  for (const auto& [split, figures] : metrics.items()) {
    headers.push_back(column_of(split));
    splits.push_back(clade::figures_of(figures, split));
    for (clade::Figure& figure : splits.back()) {
      if (figure.detail) figure.name.insert(0, "  ");
    }
  }
  const auto print = [&](const std::string& name, const auto& cell_of) {
    std::string line = name;
    line.resize(std::max(kNames, line.size()), ' ');
    for (size_t i = 0; i < headers.size(); ++i) {
      const std::string cell = cell_of(i);
      const size_t width = std::max(kColumn, headers[i].size() + 2);
      line += std::string(width - std::min(width, cell.size()), ' ') + cell;
    }
    std::printf("%s\n", line.c_str());
  };
  print("bounds in nats per point", [&](size_t i) { return headers[i]; });
  const clade::FigureTable table = clade::side_by_side(splits);
  for (const std::string& row : table.rows) {
    print(row, [&](size_t i) { return table.cell(row, i, "-"); });
  }
}

}  // namespace

void print_metrics(const json& metrics, const std::filesystem::path& file) {
  clade::take_json(file, "delete it and measure again: clade evaluate RUN",
                   [&] { print_table(metrics); });
}

clade::SplitProgress measuring(const std::string& advice) {
  const auto line = std::make_shared<clade::ProgressLine>();
  return [line, advice](const std::string& split, int64_t done, int64_t total) {
    line->show(split + ", points", done, total);
    StopOnInterrupt::check("stopped after measuring " + std::to_string(done) + " of " +
                           std::to_string(total) + " points (" + split + ")" + advice);
  };
}
