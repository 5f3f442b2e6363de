#pragma once
#include <array>

/// What the files of a run folder are called, for all who read or write one.
namespace clade::run_files {

inline constexpr const char* kExperiment = "experiment.toml";  ///< Its settings, all of them.
inline constexpr const char* kRecord = "run.json";             ///< When, where and how it was made.
inline constexpr const char* kLog = "log.jsonl";               ///< An object an epoch.
inline constexpr const char* kStart = "start.safetensors";     ///< The clusters it began with.
inline constexpr const char* kModel = "model.json";            ///< Sizes, data, provenance.
inline constexpr const char* kWeights = "model.safetensors";   ///< The best so far.
inline constexpr const char* kState = "checkpoint.safetensors";  ///< To go on from.
inline constexpr const char* kStateCopy = "checkpoint.json";     ///< What of it people can read.
inline constexpr const char* kMetrics = "metrics.json";          ///< What was measured, by split.

inline constexpr std::array kAll = {kExperiment, kRecord, kLog,       kStart,  kModel,
                                    kWeights,    kState,  kStateCopy, kMetrics};

}  // namespace clade::run_files
