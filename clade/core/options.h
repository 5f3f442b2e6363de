#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "clade/core/range.h"

namespace clade {

/// One setting a user can write in an experiment file: where its value lives, what it may be and
/// what it means.
struct Option {
  /// A list of words may hold whole numbers: each is the word of its digits.
  using Value = std::variant<bool*, int64_t*, double*, std::string*, std::vector<int64_t>*,
                             std::vector<std::string>*>;

  Option(std::string key, Value field, std::string meaning, std::string former_key = "")
      : Option(std::move(key), field, Range(), std::move(meaning), std::move(former_key)) {}
  Option(std::string key, Value field, Range values, std::string meaning,
         std::string former_key = "")
      : name(std::move(key)),
        value(field),
        range(std::move(values)),
        help(std::move(meaning)),
        former(std::move(former_key)) {}

  std::string name;
  Value value;
  Range range;
  std::string help;    ///< One sentence: what it does and what it costs.
  std::string former;  ///< A name it once had, which older files may still call it by; or "".

  bool is_called(const std::string& word) const {
    return word == name || (!former.empty() && word == former);
  }
};

/// A struct of settings with documented defaults. Experiment files, `--set`, checkpoints and
/// `clade models` all read the same list.
class Options {
 public:
  virtual ~Options() = default;

  /// Every setting with a pointer to its field; valid while this struct lives.
  virtual std::vector<Option> options() = 0;

  /// Throws ConfigError for the first setting that is not in its range, and for settings that do
  /// not go together, saying in words what they may be. `section` is the table of an experiment
  /// file that the settings stand in.
  void validate(const std::string& section = "") const;

 protected:
  /// Throws ConfigError for settings that are in their ranges and do not go together.
  virtual void validate_together() const {}
};

/// Gives `option` the value a file holds. A whole number does for a double, never the reverse, and
/// doubles are finite. Throws ConfigError that starts with `where` (file, line and key) and says
/// what was found and what is expected, be it the type or the range.
void assign(const Option& option, const nlohmann::json& value, const std::string& where);

/// The option's value as experiment files and JSON write it: true, 10, 0.0005, "auto", [500, 500].
/// Reading it back gives the same value. Throws ConfigError for what neither can hold: a double
/// that is not finite, text that is not UTF-8.
std::string spelled(const Option& option);

/// Every setting by name. Throws as spelled().
nlohmann::json to_json(Options& options);

/// Sets what `json` names; settings it lacks keep their values. Throws ConfigError, starting with
/// `where` (the file), for an unknown name, a wrong type or anything but an object; settings before
/// the wrong one are then already set.
void from_json(const nlohmann::json& json, Options& options, const std::string& where = "");

/// A table for people: name, present value and help of every setting, in aligned columns wrapped to
/// 100 characters. Each line ends in a newline.
std::string describe(Options& options);

}  // namespace clade
