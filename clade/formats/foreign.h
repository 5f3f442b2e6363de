#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clade {

// Files that are not read, named for what they are and with what to do, as the end of a sentence:
// "an Excel workbook, which is not read; save the sheet as CSV".

/// By the first bytes of a file (some thousands, if it has them); nothing if they say nothing.
std::optional<std::string> foreign_format(std::string_view start);

/// Of a zip file that holds no arrays, by the names of its entries.
std::string foreign_archive(const std::vector<std::string>& names);

}  // namespace clade
