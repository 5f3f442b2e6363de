#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clade/report/report.h"

namespace clade {

// How points of a table are shown: by the names of their features and in their units.

/// "age", or "feature 3" if features have no names.
std::string feature_name(const Report& report, int64_t feature);

/// The features shown of a table with many: those that set clusters apart most, in their own order.
std::vector<int64_t> shown_features(const Report& report);

/// The features that set a cluster apart, with a bar for how far, as an HTML table.
std::string contrast_table(const Report& report, const std::vector<Contrast>& contrasts);

/// Points, and what the model makes of them, as an HTML table.
std::string reconstruction_table(const Report& report, const std::vector<int64_t>& features);

/// For each of the features its values of real points and of those drawn: what histograms are of.
nlohmann::json feature_values(const Report& report, const std::vector<int64_t>& features);

/// What sets each cluster apart as CSV.
std::string contrast_csv(const Report& report, const Clustering& clustering);

}  // namespace clade
