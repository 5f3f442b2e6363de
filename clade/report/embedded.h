#pragma once
#include <string_view>

/// Files the build puts into the library (cmake/embed.cmake), so that an installed or moved binary
/// needs none of them.
namespace clade::embedded {

extern const std::string_view chart_js;
extern const std::string_view page_css;
extern const std::string_view page_js;

}  // namespace clade::embedded
