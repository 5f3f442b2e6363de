#pragma once
#include <string>

#include "clade/report/report.h"

namespace clade {

/// What a file about one of the report's clusterings is called: `what`, "clusters", and its name
/// where there are several, "clusters_y2".
std::string file_stem(const Report& report, const Clustering& clustering, const std::string& what);

/// The whole page: Chart.js, styles, data and pictures inside it, no reference to anything outside.
/// Every string of the report is text, never markup. Expects a report that write_report would
/// accept. Throws Error where points are images and Clade was built without libpng.
std::string render_page(const Report& report);

}  // namespace clade
