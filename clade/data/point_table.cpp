#include "clade/data/point_table.h"

#include <torch/torch.h>

#include <ostream>

#include "clade/core/words.h"

namespace clade {
std::vector<std::string> names_of(const torch::Tensor& numbers,
                                  const std::vector<std::string>& names) {
  const auto here = numbers.cpu().contiguous();
  std::vector<std::string> texts;
  for (int64_t i = 0; i < here.size(0); ++i) {
    const int64_t number = here.data_ptr<int64_t>()[i];
    texts.push_back(number == kUnknownLabel ? "" : names.at(static_cast<size_t>(number)));
  }
  return texts;
}

PointTable::PointTable(const Dataset& points) : points_(points.size()) {
  add("index", points.rows);
  if (!points.names.names.empty()) add(points.names.title, points.names.names);
  if (points.labelled()) add("label", names_of(points.labels, points.label_names));
}

void PointTable::add(const std::string& title, const torch::Tensor& numbers) {
  const auto type = numbers.is_floating_point() ? torch::kFloat64 : torch::kInt64;
  add(Column{title, numbers.to(torch::kCPU, type).contiguous(), {}});
}

void PointTable::add(const std::string& title, std::vector<std::string> texts) {
  add(Column{title, {}, std::move(texts)});
}

void PointTable::add(Column added) {
  // Our own columns keep their names, whatever the data call that of the points' names.
  for (Column& column : columns_) {
    if (column.title == added.title) (column.title == "index" ? added : column).title += ".1";
  }
  columns_.push_back(std::move(added));
}

std::string PointTable::Column::cell(int64_t point) const {
  if (!numbers.defined()) return csv_text(texts[static_cast<size_t>(point)]);
  return numbers.is_floating_point() ? number_text(numbers.data_ptr<double>()[point])
                                     : std::to_string(numbers.data_ptr<int64_t>()[point]);
}

void PointTable::write(std::ostream& out) const {
  const auto line = [&](const auto& cell_of) {
    const char* separator = "";
    for (const Column& column : columns_) {
      out << separator << cell_of(column);
      separator = ",";
    }
    out << "\n";
  };
  line([](const Column& column) { return csv_text(column.title); });
  for (int64_t i = 0; i < points_; ++i) {
    line([i](const Column& column) { return column.cell(i); });
  }
}

}  // namespace clade
