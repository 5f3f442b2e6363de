#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "clade/data/points.h"

namespace clade {

/// What `clade data` prints of a set known by name.
struct NamedSet {
  std::string name;
  std::string description;
  std::string sizes;   ///< Points and features.
  std::string split;   ///< Train, validation and test by default.
  std::string source;  ///< Where it comes from, its licence, and where it is looked for.
  std::string values;  ///< Its data.values where that is "auto".
  /// What data.labels may be, the first by default; empty where the set has one kind of labels.
  std::vector<std::string> labels = {};
  int64_t validation = 10000;  ///< Its data.validation where that is -1.
  bool drawn = false;          ///< By Clade itself: no file has it.
  bool colours = false;        ///< Its levels are those of red, green and blue.
};

const std::vector<NamedSet>& named_sets();

/// The entry called `name`, or null.
const NamedSet* find_named_set(const std::string& name);

/// The entry called `name`. Throws ConfigError with the nearest known name.
const NamedSet& named_set(const std::string& name);

struct NamedPoints {
  Points train;  ///< Train and validation, the latter at the end.
  Points test;
};

/// Throws ConfigError where `labels`, data.labels, is not one of the set's.
void check_labels(const NamedSet& set, const std::string& labels);

/// Reads (downloads, draws) a named set. `folder` overrides where it is looked for, "" for the
/// usual places; `labels` is "" or one of the set's; `seed` matters for sets that are drawn. Throws
/// ConfigError for an unknown name, DataError where its files are missing or broken, Error where
/// they cannot be downloaded.
NamedPoints read_named_set(const std::string& name, const std::string& folder,
                           const std::string& labels, uint64_t seed);

}  // namespace clade
