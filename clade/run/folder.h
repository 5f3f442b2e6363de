#pragma once
#include <filesystem>
#include <string>
#include <utility>

namespace clade {

/// Makes runs/NAME, or the first of runs/NAME-2, runs/NAME-3, … that there is not yet.
std::filesystem::path make_free_folder(const std::string& name);

/// Whether a run may begin in `folder`: it is not there or empty, or a run was killed in it before
/// it had written its first file.
bool is_fresh(const std::filesystem::path& folder);

/// Throws Error, with what to do, unless it is_fresh().
void require_fresh(const std::filesystem::path& folder);

/// A run folder for this process alone for as long as it lives, so that no two write figures in
/// one, or train there. Of a folder that is not there it has nothing.
class RunLock {
 public:
  RunLock() = default;
  /// Throws Error if another has it.
  explicit RunLock(const std::filesystem::path& folder);
  RunLock(RunLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  RunLock& operator=(RunLock&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~RunLock();

 private:
  int file_ = -1;
};

}  // namespace clade
