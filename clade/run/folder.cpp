#include "clade/run/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"

namespace clade {

namespace fs = std::filesystem;

fs::path make_free_folder(const std::string& name) {
  const fs::path runs = "runs";
  const std::string advice = "give another --out";
  make_folder(runs, advice);
  for (int number = 1;; ++number) {
    const fs::path folder = runs / (number == 1 ? name : name + "-" + std::to_string(number));
    std::error_code error;
    if (fs::create_directory(folder, error)) return folder;  // by this process and no other
    if (!fs::exists(folder)) make_folder(folder, advice);    // says why it cannot be made
  }
}

bool is_fresh(const fs::path& folder) {
  if (!fs::exists(folder)) return true;
  if (!fs::is_directory(folder)) return false;
  const auto entries = fs::directory_iterator(folder);
  return std::all_of(begin(entries), end(entries), [](const auto& entry) {
    return entry.path().filename().string().starts_with(run_files::kExperiment +
                                                        std::string(".part"));
  });
}

void require_fresh(const fs::path& folder) {
  if (is_fresh(folder)) return;
  std::string advice = "give another --out";
  if (fs::exists(folder / run_files::kState)) {
    advice += ", or go on with it: clade train --resume " + shell_text(folder.string());
  } else if (fs::exists(folder / run_files::kExperiment)) {
    advice += ", or delete this one, of a run that ended before its first checkpoint";
  }
  throw Error(folder.string() + " exists and is not an empty folder; " + advice);
}

RunLock::RunLock(const fs::path& folder)
    : file_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(file_);
    throw Error(folder.string() +
                " is in use by another clade train or evaluate; wait for it to end");
  }
}

RunLock::~RunLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace clade
