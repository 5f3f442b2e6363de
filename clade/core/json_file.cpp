#include "clade/core/json_file.h"

#include "clade/core/files.h"

namespace clade {

using nlohmann::json;

namespace {

constexpr const char* kAnew = "delete it and run the command again";

}  // namespace

json parse_json(std::string_view text, const std::string& where, const std::string& advice) {
  constexpr int kDeepest = 100;
  const auto too_deep = [&](int depth, json::parse_event_t, json&) {
    if (depth <= kDeepest) return true;
    throw Error(where + " is not as clade writes it: its JSON is nested more than " +
                std::to_string(kDeepest) + " deep; " + advice);
  };
  try {
    return json::parse(text, too_deep);
  } catch (const json::exception&) {
    throw Error(where + " is not JSON; " + advice);
  }
}

std::string json_text(const json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

json read_json_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return json::object();
  json object = parse_json(read_file(path), path.string(), kAnew);
  if (!object.is_object()) {
    throw Error(path.string() + " is not a JSON object; " + kAnew);
  }
  return object;
}

void write_json(const std::filesystem::path& path, const nlohmann::json& value) {
  write_atomically(path, json_text(value, 2) + "\n");
}

}  // namespace clade
