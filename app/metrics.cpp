#include "app/metrics.h"

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

/// A line a figure, a column a split.
void print_table(const json& metrics) {
  std::string header;
  std::vector<std::vector<clade::Figure>> splits;
  const auto add = [](const std::string& text, std::string& line) {
    char padded[48];
    std::snprintf(padded, sizeof padded, "%14s", text.c_str());
    line += padded;
  };
  for (const auto& [split, figures] : metrics.items()) {
    add(clade::one_line(split), header);
    splits.push_back(clade::figures_of(figures, split));
    for (clade::Figure& figure : splits.back()) {
      if (figure.detail) figure.name.insert(0, "  ");
    }
  }
  std::printf("%-36s%s\n", "nats per point", header.c_str());
  const clade::FigureTable table = clade::side_by_side(splits);
  for (const std::string& row : table.rows) {
    std::string line;
    for (size_t i = 0; i < splits.size(); ++i) add(table.cell(row, i, "-"), line);
    std::printf("%-36s%s\n", row.c_str(), line.c_str());
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
