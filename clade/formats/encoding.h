#pragma once
#include <string>
#include <string_view>

namespace clade {

/// Text as UTF-8, the one encoding that names and labels have from here on: JSON holds no other.
struct Utf8Text {
  std::string text;  ///< Without a byte order mark.
  std::string note;  ///< What it was converted from; empty if it was UTF-8.
};

/// UTF-16 is known by its byte order mark or its zeros. What is no UTF-8 is taken for Windows-1252,
/// in which spreadsheets save CSV. Throws DataError, naming the file `where`, for anything else.
Utf8Text as_utf8(std::string_view bytes, const std::string& where);

}  // namespace clade
