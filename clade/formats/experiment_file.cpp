#include "clade/formats/experiment_file.h"

#include <algorithm>

#include "clade/core/error.h"
#include "clade/core/words.h"

namespace clade {
namespace {

/// Takes `extends` out of a file's settings.
std::optional<ExperimentSetting> take_extends(std::vector<ExperimentSetting>& settings) {
  const auto extends =
      std::find_if(settings.begin(), settings.end(),
                   [](const ExperimentSetting& setting) { return setting.name() == "extends"; });
  if (extends == settings.end()) return std::nullopt;
  ExperimentSetting taken = std::move(*extends);
  settings.erase(extends);
  return taken;
}

/// How errors about it begin.
std::string start_of(const ExperimentSetting& setting) {
  return setting.where + ": " + setting.name();
}

void assign_setting(const ExperimentSetting& setting, const Option& option) {
  // A shell takes the quotes off data.labels="7", so text that looks like a number arrives as one.
  const bool typed_text =
      std::holds_alternative<std::string*>(option.value) && !setting.words.empty();
  assign(option,
         typed_text && !setting.value.is_string() ? nlohmann::json(setting.words) : setting.value,
         start_of(setting));
}

}  // namespace

void ExperimentFile::add(const ExperimentAddress& address,
                         std::vector<std::filesystem::path> chain) {
  chain.push_back(address.file);
  ExperimentDocument document = read_experiment_document(address.file);
  if (const auto extends = take_extends(document.settings)) {
    std::string named;
    assign_setting(*extends, {"extends", &named, ""});
    ExperimentAddress base = parse_address(named);
    base.file = (address.file.parent_path() / base.file).lexically_normal();
    base.from = extends->where + ": ";
    if (!std::filesystem::is_regular_file(base.file)) {
      throw ConfigError(base.from + "extends " + base.file.string() +
                        ", which is no file; give its path from the folder of this one");
    }
    for (const auto& file : chain) {
      if (!std::filesystem::equivalent(file, base.file)) continue;
      std::string circle;
      for (const auto& link : chain) circle += link.string() + " extends ";
      throw ConfigError(base.from + circle + base.file.string() +
                        ", a circle; take one extends out");
    }
    add(base, std::move(chain));
  }
  for (ExperimentSetting& setting : settings_at(document, address)) put(std::move(setting));
}

void ExperimentFile::put(ExperimentSetting setting) {
  if (setting.name() == "extends") {
    throw ConfigError(
        start_of(setting) +
        ": a file builds on another, in its first lines, and no part of one does; for "
        "a row give a file of its own");
  }
  const Name name(setting.section, setting.key);
  settings_.insert_or_assign(name, Placed{put_++, std::move(setting)});
}

const ExperimentSetting* ExperimentFile::find(const std::string& section,
                                              const Option& option) const {
  const Placed* last = nullptr;
  for (const std::string* key : {&option.name, &option.former}) {
    const auto found = key->empty() ? settings_.end() : settings_.find({section, *key});
    if (found == settings_.end()) continue;
    if (last == nullptr || found->second.place > last->place) last = &found->second;
  }
  return last == nullptr ? nullptr : &last->setting;
}

ExperimentFile ExperimentFile::parse(const std::filesystem::path& address) {
  ExperimentFile file;
  file.add(parse_address(address.string()), {});
  return file;
}

void ExperimentFile::override(const std::string& assignment) {
  const std::string where = "--set " + assignment;
  const size_t equals = assignment.find('=');
  const std::string name = trimmed(assignment.substr(0, equals));
  const size_t dot = name.rfind('.');
  ExperimentSetting setting;
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

void ExperimentFile::read(const std::string& section, Options& options) {
  std::vector<std::string>& known = known_[section];
  for (const Option& option : options.options()) {
    known.push_back(option.name);
    if (!option.former.empty()) known.push_back(option.former);
    if (const auto* setting = find(section, option)) assign_setting(*setting, option);
  }
}

std::optional<std::string> ExperimentFile::string(const std::string& section,
                                                  const std::string& key) {
  known_[section].push_back(key);
  std::string text;
  const Option option{key, &text, ""};
  const auto* setting = find(section, option);
  if (setting == nullptr) return std::nullopt;
  assign_setting(*setting, option);
  return text;
}

bool ExperimentFile::gives(const std::string& section, const std::string& key) const {
  return settings_.count({section, key}) > 0;
}

std::string ExperimentFile::where(const std::string& section, const std::string& key) const {
  return start_of(settings_.at({section, key}).setting);
}

/// What an unknown key may have been meant as: a key of another section, or one of its own like it.
std::string ExperimentFile::suggested(const ExperimentSetting& setting) const {
  for (const auto& [section, keys] : known_) {
    if (std::find(keys.begin(), keys.end(), setting.key) == keys.end()) continue;
    return "did you mean " + (section.empty() ? "" : section + ".") + setting.key + "?";
  }
  return suggest(setting.key, known_.at(setting.section));
}

void ExperimentFile::finish() const {
  std::vector<const Placed*> in_order;
  for (const auto& [name, placed] : settings_) in_order.push_back(&placed);
  std::sort(in_order.begin(), in_order.end(),
            [](const Placed* a, const Placed* b) { return a->place < b->place; });
  for (const Placed* placed : in_order) {
    const ExperimentSetting& setting = placed->setting;
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
    const std::string name = setting.name();
    throw ConfigError(setting.where + ": " +
                      (known_.count(name) > 0
                           ? name + " is a section; write its keys in a table [" + name +
                                 "], or --set " + name + ".KEY=VALUE"
                           : "unknown key " + name + "; " + suggested(setting)));
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
