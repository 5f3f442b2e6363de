#include "clade/report/charts.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "clade/report/embedded.h"
#include "clade/report/html.h"

namespace clade {
namespace {

using nlohmann::json;

/// Features drawn as a line: beyond this many, those that vary most between points.
constexpr int64_t kFeatures = 100;
/// Lines in one plot.
constexpr int64_t kLines = 12;

/// JSON for a <script>: no "</script>" and no "<!--" can appear in it.
std::string script_json(const json& data) {
  const std::string text = data.dump(-1, ' ', true, json::error_handler_t::replace);
  std::string result;
  for (const char letter : text) {
    if (letter == '<') {
      result += "\\u003c";
    } else {
      result += letter;
    }
  }
  return result;
}

/// A tenth of a percent of the spread is more than a chart shows, and a quarter of the page's size.
constexpr int kDigitsOfSpread = 4;

json rounded(double value, int digits) {
  if (!std::isfinite(value)) return nullptr;
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return std::strtod(text, nullptr);
}

/// How many significant digits tell the numbers of each column apart, which may be far from zero:
/// [..., D] -> D.
std::vector<int> digits_of_columns(const torch::Tensor& values) {
  std::vector<int> digits;
  const auto columns = values.reshape({-1, values.size(-1)});
  for (const auto& column : columns.unbind(1)) {
    const auto finite = column.masked_select(column.isfinite());
    int own = kDigitsOfSpread;
    if (finite.numel() > 0) {
      const double low = finite.min().item<double>(), high = finite.max().item<double>();
      const double most = std::max(std::abs(low), std::abs(high));
      if (high > low && most >= high - low) own = digits_beside(most, high - low) + 1;
    }
    digits.push_back(std::clamp(own, kDigitsOfSpread, std::numeric_limits<double>::max_digits10));
  }
  return digits;
}

/// digits: one for each place of the last dimension, or one for all.
json nested(const torch::Tensor& values, const std::vector<int>& digits) {
  json list = json::array();
  if (values.dim() > 1) {
    for (const auto& part : values.unbind(0)) list.push_back(nested(part, digits));
    return list;
  }
  for (int64_t i = 0; i < values.numel(); ++i) {
    list.push_back(rounded(values.data_ptr<double>()[i],
                           digits.size() == 1 ? digits[0] : digits[static_cast<size_t>(i)]));
  }
  return list;
}

}  // namespace

int digits_beside(double value, double spread) {
  if (!(spread > 0) || std::abs(value) < spread) return kDigitsOfSpread;
  return kDigitsOfSpread + static_cast<int>(std::log10(std::min(std::abs(value) / spread, 1e12)));
}

bool any_known(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

json number(double value) {
  constexpr int kDigits = 6;
  return rounded(value, kDigits);
}

json numbers(const torch::Tensor& values) {
  if (values.dim() == 0) return number(values.item<double>());
  const auto all = values.to(torch::kCPU, torch::kFloat64).contiguous();
  return nested(all, digits_of_columns(all.dim() == 1 ? all.unsqueeze(1) : all));
}

std::string canvas_tag(const std::string& draw, const std::string& argument,
                       const std::string& said, const std::string& kind) {
  return "<div class=\"chart " + kind + "\"><canvas data-draw=\"" + draw + "\" data-argument=\"" +
         argument + "\" role=\"img\" aria-label=\"" + escape(said) + "\"></canvas></div>\n";
}

std::string chart_scripts(const json& data) {
  std::ostringstream html;
  html << "<script type=\"application/json\" id=\"report-data\">" << script_json(data)
       << "</script>\n<script>\n"
       << embedded::chart_js << "\n</script>\n<script>\n"
       << embedded::page_js << "</script>\n";
  return std::move(html).str();
}

Profile::Profile(const std::vector<int64_t>& shape, const torch::Tensor& reference)
    : histogram_(shape == std::vector<int64_t>{1}) {
  int64_t size = 1;
  for (const int64_t length : shape) size *= length;
  auto chosen = torch::arange(std::min(size, kFeatures));
  if (size > kFeatures && reference.defined() && reference.numel() > 0) {
    const auto spread = reference.cpu().var(0, false);  // [D]
    chosen = std::get<0>(std::get<1>(spread.topk(kFeatures)).sort(0));
  }
  features_.assign(chosen.data_ptr<int64_t>(), chosen.data_ptr<int64_t>() + chosen.numel());
}

json Profile::of(const torch::Tensor& points) const {
  const int64_t count = histogram_ ? points.size(0) : std::min(points.size(0), kLines);
  return numbers(points.narrow(0, 0, count).cpu().index_select(1, torch::tensor(features_)));
}

}  // namespace clade
