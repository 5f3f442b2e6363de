#include "clade/formats/experiment_file.h"

#include <algorithm>
#include <cctype>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/words.h"

// A header such as [+x] or [[[x]]] breaks an assumption of toml++, which then refuses it properly
// all the same (marzer/tomlplusplus#301). Without this its debug builds abort, and Clang's release
// builds may rely on what does not hold.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace clade {
namespace {

using nlohmann::json;

/// Nothing for dates and times, which no setting takes.
std::optional<json> to_json(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return json(value->get());
  if (const auto* value = node.as_integer()) return json(value->get());
  if (const auto* value = node.as_floating_point()) return json(value->get());
  if (const auto* value = node.as_string()) return json(value->get());
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

/// Where a byte beyond ASCII stands outside strings and comments, which TOML forbids: a typographic
/// quote, more often than not. toml++ must not see it, its behaviour is undefined
/// (marzer/tomlplusplus#295).
std::optional<size_t> beyond_ascii(std::string_view toml) {
  bool in_word = false;  // where a quote opens nothing: 3"β
  for (size_t at = 0; at < toml.size();) {
    const char c = toml[at];
    if ((c & 0x80) != 0) return at;
    if (!in_word && (c == '"' || c == '\'')) {
      at = end_of_string(toml, at);
    } else {
      at = c == '#' ? toml.find('\n', at) : at + 1;
    }
    in_word = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '+';
  }
  return std::nullopt;
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::string full_name(const std::string& section, const std::string& key) {
  return section.empty() ? key : section + "." + key;
}

/// Calls visit(section, key, node) for each value, and visit(section, "", table) for a table with
/// nothing in it.
template <typename Visit>
void walk(const toml::table& table, const std::string& section, const Visit& visit) {
  if (table.empty() && !section.empty()) visit(section, "", table);
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    if (const toml::table* inner = node.as_table()) {
      walk(*inner, full_name(section, key), visit);
    } else {
      visit(section, key, node);
    }
  }
}

/// The value of an override where it is TOML that a setting can hold, otherwise its text.
json value_of_words(const std::string& words) {
  if (beyond_ascii(words)) return words;
  try {
    const toml::table document = toml::parse("value = " + words);
    // More than one key would mean that the words hold a line break and go on as a document.
    if (document.size() == 1) {
      if (std::optional<json> value = to_json(*document.get("value"))) return *std::move(value);
    }
  } catch (const toml::parse_error&) {
  }
  return words;
}

}  // namespace

std::vector<ExperimentFile::Setting> ExperimentFile::settings_in(
    const std::filesystem::path& path) {
  const std::string content = read_file(path);
  const auto at_line = [&](const toml::source_region& source) {
    return path.string() + ":" + std::to_string(source.begin.line);
  };
  if (const auto at = beyond_ascii(content)) {
    const auto line =
        std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(*at), '\n');
    throw ConfigError(path.string() + ":" + std::to_string(line + 1) +
                      ": not TOML: a character beyond ASCII outside quotes; put text in straight "
                      "quotes, \"so\"");
  }
  toml::table document;
  try {
    document = toml::parse(content);
  } catch (const toml::parse_error& error) {
    throw ConfigError(at_line(error.source()) + ": not TOML: " + one_line(error.description()) +
                      "; correct this line");
  }
  std::vector<std::pair<uint32_t, Setting>> by_line;
  walk(document, "", [&](const std::string& section, const std::string& key, const auto& node) {
    const std::optional<json> value = to_json(node);
    if (!value) {
      throw ConfigError(at_line(node.source()) + ": " + full_name(section, key) +
                        " is a date or time, which no setting takes; put it in quotes");
    }
    by_line.emplace_back(node.source().begin.line,
                         Setting{at_line(node.source()), section, key, *value, ""});
  });
  std::stable_sort(by_line.begin(), by_line.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Setting> settings;
  for (auto& [line, setting] : by_line) settings.push_back(std::move(setting));
  return settings;
}

void ExperimentFile::add(const std::filesystem::path& path,
                         std::vector<std::filesystem::path> chain) {
  chain.push_back(path);
  std::vector<Setting> own = settings_in(path);
  const auto extends = std::find_if(own.begin(), own.end(), [](const Setting& setting) {
    return setting.section.empty() && setting.key == "extends";
  });
  if (extends != own.end()) {
    std::string named;
    assign_setting(*extends, {"extends", &named, ""});
    const auto base = (path.parent_path() / named).lexically_normal();
    if (!std::filesystem::is_regular_file(base)) {
      throw ConfigError(extends->where + ": extends " + base.string() +
                        ", which is no file; give its path from the folder of this one");
    }
    for (const auto& file : chain) {
      if (!std::filesystem::equivalent(file, base)) continue;
      std::string circle;
      for (const auto& link : chain) circle += link.string() + " extends ";
      throw ConfigError(extends->where + ": " + circle + base.string() +
                        ", a circle; take one extends out");
    }
    own.erase(extends);
    add(base, std::move(chain));
  }
  for (Setting& setting : own) put(std::move(setting));
}

void ExperimentFile::put(Setting setting) {
  std::erase_if(settings_, [&](const Setting& other) {
    return other.section == setting.section && other.key == setting.key;
  });
  settings_.push_back(std::move(setting));
}

ExperimentFile ExperimentFile::parse(const std::filesystem::path& path) {
  ExperimentFile file;
  file.add(path, {});
  return file;
}

void ExperimentFile::override(const std::string& assignment) {
  const std::string where = "--set " + assignment;
  const size_t equals = assignment.find('=');
  const std::string name = trimmed(assignment.substr(0, equals));
  const size_t dot = name.rfind('.');
  Setting setting;
  setting.where = where;
  setting.section = dot == std::string::npos ? "" : name.substr(0, dot);
  setting.key = dot == std::string::npos ? name : name.substr(dot + 1);
  if (equals == std::string::npos || setting.key.empty() || dot == 0) {
    throw ConfigError(where + ": not an override; write --set SECTION.KEY=VALUE, as in " +
                      "--set model.clusters=20");
  }
  setting.words = trimmed(assignment.substr(equals + 1));
  setting.value = value_of_words(setting.words);
  put(std::move(setting));
}

void ExperimentFile::assign_setting(const Setting& setting, const Option& option) {
  // A shell takes the quotes off data.labels="7", so text that looks like a number arrives as one.
  const bool typed_text =
      std::holds_alternative<std::string*>(option.value) && !setting.words.empty();
  assign(option, typed_text && !setting.value.is_string() ? json(setting.words) : setting.value,
         setting.where + ": " + full_name(setting.section, setting.key));
}

void ExperimentFile::read(const std::string& section, Options& options) {
  std::vector<std::string>& known = known_[section];
  for (const Option& option : options.options()) {
    known.push_back(option.name);
    if (!option.former.empty()) known.push_back(option.former);
    for (const Setting& setting : settings_) {
      if (setting.section == section && option.is_called(setting.key)) {
        assign_setting(setting, option);
      }
    }
  }
}

std::optional<std::string> ExperimentFile::string(const std::string& section,
                                                  const std::string& key) {
  known_[section].push_back(key);
  for (const Setting& setting : settings_) {
    if (setting.section != section || setting.key != key) continue;
    std::string text;
    assign_setting(setting, {key, &text, ""});
    return text;
  }
  return std::nullopt;
}

void ExperimentFile::finish() const {
  for (const Setting& setting : settings_) {
    const auto known = known_.find(setting.section);
    if (known == known_.end()) {
      std::vector<std::string> sections;
      for (const auto& [section, keys] : known_) {
        if (!section.empty()) sections.push_back(section);
      }
      throw ConfigError(setting.where + ": unknown section [" + setting.section + "]; " +
                        suggest(setting.section, sections));
    }
    const std::vector<std::string>& keys = known->second;
    if (setting.key.empty() || std::find(keys.begin(), keys.end(), setting.key) != keys.end()) {
      continue;
    }
    const std::string name = full_name(setting.section, setting.key);
    throw ConfigError(setting.where + ": " +
                      (known_.count(name) > 0
                           ? name + " is a section; write its keys in a table [" + name +
                                 "], or --set " + name + ".KEY=VALUE"
                           : "unknown key " + name + "; " + suggest(setting.key, keys)));
  }
}

std::string to_toml(const std::vector<ExperimentSection>& sections) {
  std::string text;
  for (const ExperimentSection& section : sections) {
    if (!section.name.empty()) text += (text.empty() ? "[" : "\n[") + section.name + "]\n";
    for (const auto& [key, value] : section.strings) {
      std::string copy = value;
      text += key + " = " + spelled({key, &copy, ""}) + "\n";
    }
    if (section.options == nullptr) continue;
    for (const Option& option : section.options->options()) {
      text += option.name + " = " + spelled(option) + "\n";
    }
  }
  return text;
}

}  // namespace clade
