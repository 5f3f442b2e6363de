#include "clade/core/options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <type_traits>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

using nlohmann::json;

bool is_int64(const json& value) {
  // Positive JSON numbers may be unsigned, up to twice what a setting can hold.
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX});
}

/// Stores a value of the right type in the field, or returns false.
struct Assign {
  const json& value;

  bool operator()(bool* field) const {
    if (!value.is_boolean()) return false;
    value.get_to(*field);
    return true;
  }
  bool operator()(int64_t* field) const {
    if (!is_int64(value)) return false;
    value.get_to(*field);
    return true;
  }
  bool operator()(double* field) const {
    if (!value.is_number() || !std::isfinite(value.get<double>())) return false;
    value.get_to(*field);
    return true;
  }
  bool operator()(std::string* field) const {
    if (!value.is_string()) return false;
    value.get_to(*field);
    return true;
  }
  bool operator()(std::vector<int64_t>* field) const {
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_int64)) return false;
    value.get_to(*field);
    return true;
  }
  bool operator()(std::vector<std::string>* field) const {
    const auto is_word = [](const json& item) { return item.is_string() || is_int64(item); };
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_word)) return false;
    field->clear();
    for (const json& item : value) {
      field->push_back(item.is_string() ? item.get<std::string>() : item.dump());
    }
    return true;
  }
};

void check_range(const Option& option, const std::string& key) {
  const auto check = [&](const auto* field) {
    if constexpr (std::is_same_v<decltype(field), const int64_t*>) {
      option.range.check(key, static_cast<double>(*field));
    } else if constexpr (!std::is_same_v<decltype(field), const bool*>) {
      option.range.check(key, *field);
    }
  };
  std::visit(check, option.value);
}

struct Expected {
  const Option& option;

  std::string operator()(bool*) const { return "true or false"; }
  std::string operator()(int64_t*) const { return "a whole number, such as 10,"; }
  std::string operator()(double*) const { return "a finite number, such as 0.5,"; }
  std::string operator()(std::string*) const { return "text in quotes, such as \"auto\","; }
  std::string operator()(std::vector<int64_t>* numbers) const {
    return "a list of whole numbers, such as " +
           (numbers->empty() ? "[500, 500]" : spelled(option)) + ",";
  }
  std::string operator()(std::vector<std::string>* words) const {
    return "a list of words and whole numbers, such as " +
           (words->empty() ? "[\"name\", 7]" : spelled(option)) + ",";
  }
};

std::string found(const json& value) {
  if (value.is_boolean()) return "a truth value";
  if (value.is_number_integer()) return is_int64(value) ? "a whole number" : "beyond 64 bits";
  if (value.is_number()) {
    return std::isfinite(value.get<double>()) ? "a fractional number" : "not finite";
  }
  if (value.is_string()) return "text";
  if (value.is_array()) return "a list";
  return value.is_object() ? "a table" : "no value";
}

/// `value` in the notation that JSON and TOML share.
std::string spell(const json& value, json::error_handler_t not_utf8) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    return std::to_string(value.get<double>());
  }
  if (value.is_array()) {
    std::string list;
    for (const json& item : value) list += (list.empty() ? "" : ", ") + spell(item, not_utf8);
    return "[" + list + "]";
  }
  std::string text;
  for (const char c : value.dump(-1, ' ', false, not_utf8)) {
    // The one character that JSON takes as it is and TOML does not.
    text += c == '\x7f' ? std::string("\\u007f") : std::string(1, c);
  }
  return text;
}

/// As a number if reading the number gives the word again.
json value_of_word(const std::string& word) {
  const json number = json::parse(word, nullptr, /*allow_exceptions=*/false);
  return is_int64(number) && number.dump() == word ? number : json(word);
}

json value_of(const Option& option) {
  const json value = std::visit(
      [](const auto* field) {
        if constexpr (std::is_same_v<decltype(field), const std::vector<std::string>*>) {
          json list = json::array();
          for (const std::string& word : *field) list.push_back(value_of_word(word));
          return list;
        } else {
          return json(*field);
        }
      },
      option.value);
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    throw ConfigError(option.name + " is not finite and cannot be stored; set it to a number");
  }
  try {
    static_cast<void>(value.dump());
  } catch (const json::type_error&) {
    throw ConfigError(option.name + " = " + spell(value, json::error_handler_t::replace) +
                      " is not UTF-8 and cannot be stored; rename what it names");
  }
  return value;
}

size_t width_of(const std::string& text) {
  // One column a code point: bytes that continue one (10xxxxxx) take no space.
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - std::min(width, width_of(text)), ' ');
}

/// At least one line; words longer than `width` stay whole.
std::vector<std::string> wrapped(const std::string& text, size_t width) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (lines.back().empty()) {
      lines.back() = word;
    } else if (width_of(lines.back()) + 1 + width_of(word) <= width) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

}  // namespace

void Options::validate(const std::string& section) const {
  const std::string start = section.empty() ? "" : section + ".";
  // The list points at fields that may be written; here they are read.
  for (const Option& option : const_cast<Options*>(this)->options()) {
    check_range(option, start + option.name);
  }
  validate_together();
}

void assign(const Option& option, const json& value, const std::string& where) {
  if (std::visit(Assign{value}, option.value)) return check_range(option, where);
  throw ConfigError(where + " = " + spell(value, json::error_handler_t::replace) + " is " +
                    found(value) + " where " + std::visit(Expected{option}, option.value) +
                    " is expected");
}

std::string spelled(const Option& option) {
  return spell(value_of(option), json::error_handler_t::strict);
}

json to_json(Options& options) {
  json object = json::object();
  for (const Option& option : options.options()) object[option.name] = value_of(option);
  return object;
}

void from_json(const json& object, Options& options, const std::string& where) {
  const std::string start = where.empty() ? "" : where + ": ";
  if (!object.is_object()) {
    throw ConfigError(start + "settings are " + found(object) + " where a table is expected");
  }
  const std::vector<Option> known = options.options();
  for (const auto& [name, value] : object.items()) {
    const auto option = std::find_if(known.begin(), known.end(),
                                     [&](const Option& o) { return o.is_called(name); });
    if (option == known.end()) {
      std::vector<std::string> names;
      for (const Option& o : known) names.push_back(o.name);
      throw ConfigError(start + "unknown setting " + name + "; " + suggest(name, names));
    }
    assign(*option, value, start + name);
  }
}

std::string describe(Options& options) {
  constexpr size_t kWidth = 100;
  constexpr size_t kWidestValue =
      24;  // A wider one gets a line to itself, not everyone's help less.
  const std::vector<Option> all = options.options();
  size_t name_width = 0;
  size_t value_width = 0;
  for (const Option& option : all) {
    name_width = std::max(name_width, width_of(option.name));
    const size_t width = width_of(spelled(option));
    if (width <= kWidestValue) value_width = std::max(value_width, width);
  }
  const std::string indent(2 + name_width + 2 + value_width + 2, ' ');

  std::string table;
  for (const Option& option : all) {
    std::string line = "  " + padded(option.name, name_width) + "  " + spelled(option);
    if (width_of(line) + 2 > indent.size()) {
      table += line + "\n";
      line.clear();
    }
    const std::string limits = option.range.limits();
    const std::string help = option.help + (limits.empty() ? "" : " (" + limits + ")");
    for (const std::string& text : wrapped(help, kWidth - indent.size())) {
      table += padded(line, indent.size()) + text + "\n";
      line.clear();
    }
  }
  return table;
}

}  // namespace clade
