#pragma once
#include <nlohmann/json.hpp>
#include <vector>

#include "clade/report/plots.h"

namespace clade {

/// Log-likelihoods over how many labels were learned from (CaGeM, figure 4), of results.json: a
/// curve for each number of importance samples, with y drawn or summed, and for rows that differ in
/// their "labels" alone, which are 0 if absent. Rows whose "settings" say anything else otherwise
/// are never in one curve; what weighs labels (train.label_weight and its like) does not count in a
/// row that learns from none, so that it begins the curve of each weight. Rows without "settings",
/// of older versions, are left out, and so are those with a negative count, which learn from all
/// that are known. Points are means over seeds.
std::vector<LabelCurve> label_curves(const nlohmann::json& results);

}  // namespace clade
