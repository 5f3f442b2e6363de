#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "clade/core/error.h"

namespace clade {

/// `text` as JSON. Throws Error that starts with `where`, the file, and ends with `advice` for what
/// is none, or is nested deeper than any file of ours: copying it would take a stack frame a level.
nlohmann::json parse_json(std::string_view text, const std::string& where,
                          const std::string& advice);

/// The text of `value`, of one line if `indent` is -1. Never throws: what is not UTF-8 in it
/// becomes U+FFFD.
std::string json_text(const nlohmann::json& value, int indent = -1);

/// The JSON object in a file, empty where there is no file. Throws Error where it is none.
nlohmann::json read_json_object(const std::filesystem::path& path);

/// The same for people to read, written completely or not at all.
void write_json(const std::filesystem::path& path, const nlohmann::json& value);

/// What `take` makes of the JSON that `file` holds. If it asks for what is not there or of another
/// type, throws Error naming the file and saying what to do, `advice`.
template <typename Take>
auto take_json(const std::filesystem::path& file, const std::string& advice, const Take& take) {
  try {
    return take();
  } catch (const nlohmann::json::exception&) {
    throw Error(file.string() + " is damaged: a value in it is missing or of another type than " +
                "clade writes; " + advice);
  }
}

}  // namespace clade
