#pragma once
#include <string>

#include "clade/report/report.h"

namespace clade {

/// Whether there is more than one cluster to speak of.
bool has_clusters(const Report& report);

/// The whole page: Chart.js, styles, data and pictures inside it, no reference to anything outside.
/// Every string of the report is text, never markup. Expects a report that write_report would
/// accept. Throws Error where points are images and Clade was built without libpng.
std::string render_page(const Report& report);

}  // namespace clade
