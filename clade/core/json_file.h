#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

namespace clade {

/// The JSON object in a file, empty where there is no file. Throws Error where it is none.
nlohmann::json read_json_object(const std::filesystem::path& path);

/// The same for people to read, written completely or not at all.
void write_json(const std::filesystem::path& path, const nlohmann::json& value);

}  // namespace clade
