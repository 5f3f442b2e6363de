#include "clade/formats/experiment_toml.h"

#include <algorithm>
#include <optional>
#include <sstream>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"

// A header such as [+x] or [[[x]]] breaks an assumption of toml++, which then refuses it properly
// all the same (marzer/tomlplusplus#301). Without this its debug builds abort, and Clang's release
// builds may rely on what does not hold.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_MAX_NESTED_VALUES 20
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace clade {
namespace {

using nlohmann::json;

/// Those of a TOML key without quotes, so that no name needs any, here or in a shell.
constexpr const char* kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

constexpr std::string_view kDigits = "0123456789abcdef";

/// `text` in ASCII, as toml++ is to see it: whatever it takes for no string has undefined behaviour
/// beyond ASCII (marzer/tomlplusplus#295). Each such byte becomes ~c3, and so does ~ itself, which
/// TOML has in strings and comments alone.
std::string in_ascii(std::string_view text) {
  std::string ascii;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '~' || byte >= 0x80) {
      ascii += {'~', kDigits[byte / 16], kDigits[byte % 16]};
    } else {
      ascii += c;
    }
  }
  return ascii;
}

/// What in_ascii() made of a text, as it was. A ~ that is none of its own was an escape, "\u007e".
std::string restored(std::string_view ascii) {
  std::string text;
  for (size_t at = 0; at < ascii.size(); ++at) {
    text += ascii[at];
    if (ascii[at] != '~' || at + 2 >= ascii.size()) continue;
    const size_t high = kDigits.find(ascii[at + 1]), low = kDigits.find(ascii[at + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) continue;
    const size_t byte = 16 * high + low;
    if (byte != '~' && byte < 0x80) continue;
    text.back() = static_cast<char>(byte);
    at += 2;
  }
  return is_utf8(text) ? text : std::string(ascii);
}

/// Nothing for dates and times, which no setting takes.
std::optional<json> to_json(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return json(value->get());
  if (const auto* value = node.as_integer()) return json(value->get());
  if (const auto* value = node.as_floating_point()) return json(value->get());
  if (const auto* value = node.as_string()) return json(restored(value->get()));
  if (node.is_table()) return json::object();  // inside a list: enough to refuse it by its kind
  if (const auto* items = node.as_array()) {
    json list = json::array();
    for (const toml::node& item : *items) {
      std::optional<json> value = to_json(item);
      if (!value) return std::nullopt;
      list.push_back(*std::move(value));
    }
    return list;
  }
  return std::nullopt;
}

/// The end of the string whose opening quote is at `at`.
size_t end_of_string(std::string_view toml, size_t at) {
  const char quote = toml[at];
  const bool multi_line = toml.substr(at, 3) == std::string(3, quote);
  const std::string closing(multi_line ? 3 : 1, quote);
  at += closing.size();
  while (at < toml.size() && toml.substr(at, closing.size()) != closing) {
    if (!multi_line && toml[at] == '\n') break;  // never closed, as toml++ will say
    at += quote == '"' && toml[at] == '\\' ? 2 : 1;
  }
  at += closing.size();
  while (multi_line && at < toml.size() && toml[at] == quote) ++at;  // """quoted "so""""
  return at;
}

/// Something toml++ must not see, and where.
struct Unreadable {
  size_t at;
  const char* why;
};

/// TOML has no other of them anywhere.
bool is_control_character(char c) {
  return (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/// Control characters inside a number break an assumption of toml++; a file full of them is UTF-16.
/// Of a key of thousands of parts each is a table in a table, which no stack is deep enough to take
/// apart again.
std::optional<Unreadable> find_unreadable(std::string_view toml) {
  const auto* const control = std::find_if(toml.begin(), toml.end(), is_control_character);
  if (control != toml.end()) {
    return Unreadable{static_cast<size_t>(control - toml.begin()),
                      "a control character; save the file as plain text, in UTF-8"};
  }
  for (size_t at = 0; at < toml.size();) {
    const std::string_view line = toml.substr(at, toml.find('\n', at) - at);
    if (!is_utf8(line)) return Unreadable{at, "not UTF-8; save the file as plain text, in UTF-8"};
    at += line.size() + 1;
  }
  constexpr int kMostDots = 20;
  int dots = 0;  // of this key
  for (size_t at = 0; at < toml.size();) {
    const char c = toml[at];
    if (c == '.' && ++dots > kMostDots) {
      return Unreadable{at, "a key of more than 20 parts; no setting has so many"};
    }
    if (std::string_view("\n=,[{").find(c) != std::string_view::npos) dots = 0;
    if (c == '"' || c == '\'') {
      at = end_of_string(toml, at);
    } else {
      at = c == '#' ? toml.find('\n', at) : at + 1;
    }
  }
  return std::nullopt;
}

/// "model.clusters"; just "clusters" above the first table, just "model" for the section itself.
std::string full_name(const std::string& section, const std::string& key) {
  return section + (section.empty() || key.empty() ? "" : ".") + key;
}

/// Calls visit(section, key, node) for each value, and visit(section, "", table) for a table with
/// nothing in it.
template <typename Visit>
void walk(const toml::table& table, const std::string& section, const Visit& visit) {
  if (table.empty() && !section.empty()) visit(section, "", table);
  for (const auto& [name, node] : table) {
    const std::string key = restored(name.str());
    if (const toml::table* inner = node.as_table()) {
      walk(*inner, full_name(section, key), visit);
    } else {
      visit(section, key, node);
    }
  }
}

std::string at_line(const std::filesystem::path& path, const toml::source_region& source) {
  return path.string() + ":" + std::to_string(source.begin.line);
}

toml::table parse_toml(const std::filesystem::path& path) {
  std::string content = read_file(path);
  if (content.substr(0, 3) == "\xef\xbb\xbf") content.erase(0, 3);  // a byte order mark
  if (const auto found = find_unreadable(content)) {
    const auto line =
        std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(found->at), '\n');
    throw ConfigError(path.string() + ":" + std::to_string(line + 1) + ": not TOML: " + found->why);
  }
  const std::string ascii = in_ascii(content);
  try {
    return toml::parse(ascii);
  } catch (const toml::parse_error& error) {
    std::string why(error.description());
    std::istringstream lines(ascii);
    std::string line;
    for (uint32_t i = 0; i < error.source().begin.line; ++i) std::getline(lines, line);
    if (line.find('~') != std::string::npos) {
      why = why.substr(0, why.find(", saw")) + "; put text in straight quotes, \"so\"";
    } else {
      why += "; correct this line";
    }
    throw ConfigError(at_line(path, error.source()) + ": not TOML: " + why);
  }
}

/// What was found in a TOML table, which has no order, in the order of the file.
template <typename Item>
std::vector<Item> by_line(std::vector<std::pair<uint32_t, Item>> found) {
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Item> items;
  for (auto& [line, item] : found) items.push_back(std::move(item));
  return items;
}

std::vector<ExperimentSetting> settings_of(const toml::table& table,
                                           const std::filesystem::path& path) {
  std::vector<std::pair<uint32_t, ExperimentSetting>> found;
  walk(table, "", [&](const std::string& section, const std::string& key, const auto& node) {
    const std::string where = at_line(path, node.source());
    const std::optional<json> value = to_json(node);
    if (!value) {
      throw ConfigError(where + ": " + full_name(section, key) +
                        " is a date or time, which no setting takes; put it in quotes");
    }
    found.emplace_back(node.source().begin.line, ExperimentSetting{where, section, key, *value});
  });
  return by_line(std::move(found));
}

/// `node` as the table that `header` would begin.
const toml::table& require_table(const toml::node& node, const std::string& name,
                                 const std::string& header, const std::filesystem::path& path) {
  if (const toml::table* table = node.as_table()) return *table;
  throw ConfigError(at_line(path, node.source()) + ": " + name + " is no table; write " + header +
                    " and its settings below");
}

/// Takes every [KIND.NAME] out of `document`.
std::vector<NamedSettings> take_named(toml::table& document, const std::string& kind,
                                      const std::filesystem::path& path) {
  const toml::node* all = document.get(kind);
  if (all == nullptr) return {};
  std::vector<std::pair<uint32_t, NamedSettings>> found;
  for (const auto& [key, node] : require_table(*all, kind, "[" + kind + ".NAME]", path)) {
    const std::string name = restored(key.str());
    const std::string where = at_line(path, node.source());
    if (name.empty() || name.find_first_not_of(kNameCharacters) != std::string::npos) {
      throw ConfigError(where + ": " + kind + " \"" + name +
                        "\" is not of letters, digits, - and _ alone; rename it");
    }
    const std::string full = full_name(kind, name);
    const toml::table& table = require_table(node, full, "[" + full + "]", path);
    found.emplace_back(node.source().begin.line,
                       NamedSettings{name, where, {}, settings_of(table, path)});
  }
  document.erase(kind);
  return by_line(std::move(found));
}

/// Makes `groups = ["a", "b"]` of a row or variant its groups, which must be among `known`.
void take_groups(NamedSettings& of, const std::vector<NamedSettings>& known) {
  const auto list =
      std::find_if(of.settings.begin(), of.settings.end(),
                   [](const ExperimentSetting& setting) { return setting.name() == "groups"; });
  if (list == of.settings.end()) return;
  const bool of_text =
      list->value.is_array() && std::all_of(list->value.begin(), list->value.end(),
                                            [](const json& name) { return name.is_string(); });
  if (!of_text) {
    throw ConfigError(list->where + ": groups is no list of names; write groups = [\"NAME\"]");
  }
  std::vector<std::string> names;
  for (const NamedSettings& group : known) names.push_back(group.name);
  of.groups = list->value.get<std::vector<std::string>>();
  for (const std::string& name : of.groups) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw ConfigError(list->where + ": there is no [group." + name + "]; " + suggest(name, names));
  }
  of.settings.erase(list);
}

}  // namespace

std::string ExperimentSetting::name() const {
  return full_name(section, key);
}

ExperimentDocument read_experiment_document(const std::filesystem::path& path) {
  toml::table document = parse_toml(path);
  ExperimentDocument read;
  read.rows = take_named(document, "row", path);
  read.groups = take_named(document, "group", path);
  read.variants = take_named(document, "variant", path);
  read.settings = settings_of(document, path);
  for (const auto* unused : {&read.groups, &read.variants}) {
    if (!read.rows.empty() || unused->empty()) continue;
    throw ConfigError(unused->front().where +
                      ": groups and variants need rows; write one, [row.NAME]");
  }
  for (NamedSettings& row : read.rows) take_groups(row, read.groups);
  for (NamedSettings& variant : read.variants) take_groups(variant, read.groups);
  return read;
}

json value_of_words(const std::string& words) {
  if (find_unreadable(words)) return words;
  try {
    const toml::table document = toml::parse("value = " + in_ascii(words));
    // More than one key would mean that the words hold a line break and go on as a document.
    if (document.size() == 1) {
      if (std::optional<json> value = to_json(*document.get("value"))) return *std::move(value);
    }
  } catch (const toml::parse_error&) {
  }
  return words;
}

}  // namespace clade
