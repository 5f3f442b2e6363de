#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace clade {

/// Fetches a file from the first of `urls` that gives it with this MD5 (hexadecimal), and puts it
/// at `path`, whose folder is made. A broken-off download stays beside it as `path`.part and is
/// resumed by the next call. Shows progress on stderr where that is a terminal. Throws Error: no
/// url works (says why, of the last), the folder is unwritable, or Clade was built without
/// CLADE_WITH_CURL.
void download(const std::vector<std::string>& urls, const std::filesystem::path& path,
              const std::string& md5);

}  // namespace clade
