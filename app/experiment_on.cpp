#include "app/experiment_on.h"

#include <filesystem>

#include "clade/core/error.h"
#include "clade/data/named_sets.h"

namespace fs = std::filesystem;

clade::ExperimentFile experiment_on(const std::string& what) {
  if (clade::is_experiment_address(what)) return clade::ExperimentFile::parse(what);
  clade::ExperimentFile file;
  const bool named = clade::find_named_set(what) != nullptr;
  const std::string archive = what.substr(0, what.rfind(':'));  // of x.npz:NAME
  std::error_code no_such_path;                                 // of a name too long for one, too
  if (!named && !fs::exists(what, no_such_path) && !fs::exists(archive, no_such_path)) {
    throw clade::DataError("there is no file \"" + what +
                           "\", and no data set of that name; clade data lists those it knows");
  }
  file.override((named ? "data.name=" : "data.path=") + what);
  return file;
}
