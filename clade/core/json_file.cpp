#include "clade/core/json_file.h"

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {

using nlohmann::json;

json read_json_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return json::object();
  json object = json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    throw Error(path.string() + " is not JSON; delete it and run the command again");
  }
  return object;
}

void write_json(const std::filesystem::path& path, const nlohmann::json& value) {
  write_atomically(path, value.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace clade
