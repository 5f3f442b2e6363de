#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace clade {

/// The numbers of a page's charts.
inline nlohmann::json data_of(const std::string& page) {
  const std::string open = "id=\"report-data\">";
  const size_t from = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace clade
