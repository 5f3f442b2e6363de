#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace clade {

/// Called as work comes along: done, total.
using Progress = std::function<void(int64_t, int64_t)>;

/// One line on stderr that says how long work is coming along. Silent when stderr is not a
/// terminal.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows `text`, at most ten times a second.
  void show(const std::string& text);

  /// Shows "WHAT DONE/TOTAL  RATE/s  TIME left".
  void show(const std::string& what, int64_t done, int64_t total);

  /// Removes the line, so that other output starts on a clean one.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

/// "3 s", "12 min", "1 h 05 min".
std::string duration(double seconds);

}  // namespace clade
