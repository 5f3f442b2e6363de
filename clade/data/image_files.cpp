#include "clade/data/image_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "clade/core/error.h"
#include "clade/core/run_files.h"
#include "clade/core/words.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& name) {
  const std::string end = in_small_letters(name.extension().string());
  return end == ".png" || end == ".jpg" || end == ".jpeg" || end == ".jpe" || end == ".jfif";
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().front() == '.';
}

bool is_run_folder(const fs::path& folder) {
  std::error_code ignored;
  const auto has = [&](const char* name) { return fs::exists(folder / name, ignored); };
  return has(run_files::kExperiment) &&
         (has(run_files::kRecord) || has(run_files::kLog) || has(run_files::kWeights));
}

/// Walks what stands in a folder itself first and follows links after, so that what a link leads to
/// is known to be read already if it is.
class FolderWalk {
 public:
  ImageFiles find(const fs::path& root) {
    std::error_code ignored;
    // A link to a folder above would bring in what stands beside this one.
    for (fs::path above = fs::canonical(root, ignored); above.has_relative_path();
         above = above.parent_path()) {
      is_new(above);
    }
    is_new("/");
    walk(root);
    for (; !links_.empty(); links_.pop_front()) follow(fs::path(links_.front()));
    std::sort(files_.begin(), files_.end());
    return {std::move(files_), note(), convertible()};
  }

 private:
  /// Whether a file or folder is met for the first time, under whatever name.
  bool is_new(const fs::path& path) {
    struct stat it {};
    return ::stat(path.c_str(), &it) == 0 && met_.emplace(it.st_dev, it.st_ino).second;
  }

  void walk(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::path> links, folders;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      const fs::path& path = entry->path();
      const auto kind = entry->symlink_status(error).type();
      if (error) break;
      if (kind == fs::file_type::symlink) links.push_back(path);
      if (kind == fs::file_type::directory) folders.push_back(path);
      if (kind == fs::file_type::symlink || kind == fs::file_type::directory) continue;
      take(path, kind);
    }
    if (error) {
      throw DataError("cannot read the folder " + folder.string() + ": " + error.message() +
                      "; check it and the folders in it");
    }
    std::sort(folders.begin(), folders.end());
    std::sort(links.begin(), links.end());
    links_.insert(links_.end(), links.begin(), links.end());
    for (const fs::path& below : folders) walk_below(below);
  }

  void walk_below(const fs::path& folder) {
    if (is_hidden(folder)) {
      ++hidden_folders_;
    } else if (is_run_folder(folder)) {
      runs_.push_back(folder);
    } else if (is_new(folder)) {
      walk(folder);
    } else {
      ++repeated_;
    }
  }

  void take(const fs::path& path, fs::file_type kind) {
    if (kind != fs::file_type::regular) {
      ++specials_;
    } else if (is_image_name(path) && !is_hidden(path)) {
      is_new(path);
      files_.push_back(path);
    } else {
      const std::string end = in_small_letters(path.extension().string());
      const std::string what = end.empty() ? path.filename().string() : end;
      ++others_[is_hidden(path) && !end.empty() ? "hidden " + what : what];
    }
  }

  void follow(const fs::path& link) {
    std::error_code error;
    const auto kind = fs::status(link, error).type();
    if (error || kind == fs::file_type::not_found) {
      ++broken_;
    } else if (kind == fs::file_type::directory) {
      walk_below(link);
    } else if (kind == fs::file_type::regular && is_image_name(link) && !is_new(link)) {
      ++repeated_;
    } else {
      take(link, kind);
    }
  }

  std::string note() const {
    std::vector<std::string> parts;
    if (!others_.empty()) parts.push_back(others());
    if (hidden_folders_ > 0)
      parts.push_back(count_text(hidden_folders_, "hidden folder") + " left out");
    for (const fs::path& run : runs_)
      parts.push_back("the run folder " + run.string() + " left out");
    if (specials_ > 0) {
      parts.push_back(std::to_string(specials_) +
                      (specials_ == 1 ? " pipe or device left out" : " pipes or devices left out"));
    }
    if (broken_ > 0) parts.push_back(count_text(broken_, "link") + " to nothing left out");
    if (repeated_ > 0) {
      parts.push_back(count_text(repeated_, "link") +
                      " left out, to a folder above or to what is read already");
    }
    std::string text;
    for (const std::string& part : parts) add_note(part, text);
    return text;
  }

  /// The ending of images that are not read, or "".
  std::string convertible() const {
    for (const char* end : {".webp", ".tif", ".tiff", ".gif", ".bmp", ".heic", ".avif", ".jp2"}) {
      if (others_.count(end) > 0) return end;
    }
    return "";
  }

  /// "7 files left out: 3 .webp, 2 .gif, 1 .DS_Store and 1 of other kinds".
  std::string others() const {
    constexpr size_t most = 6;
    std::vector<std::pair<int64_t, std::string>> kinds;
    int64_t all = 0;
    for (const auto& [kind, count] : others_) {
      kinds.emplace_back(-count, kind);
      all += count;
    }
    std::sort(kinds.begin(), kinds.end());
    std::string text = count_text(all, "file") + " left out:";
    int64_t named = 0;
    for (size_t i = 0; i < std::min(most, kinds.size()); ++i) {
      named -= kinds[i].first;
      text += (i == 0 ? " " : ", ") + std::to_string(-kinds[i].first) + " " + kinds[i].second;
    }
    return named == all ? text : text + " and " + std::to_string(all - named) + " of other kinds";
  }

  std::set<std::pair<dev_t, ino_t>> met_;
  std::deque<fs::path> links_;
  std::vector<fs::path> files_, runs_;
  std::map<std::string, int64_t> others_;
  int64_t hidden_folders_ = 0, specials_ = 0, broken_ = 0, repeated_ = 0;
};

}  // namespace

ImageFiles find_images(const fs::path& folder) {
  if (is_run_folder(folder)) {
    throw DataError(folder.string() + " is the folder of a run, not of data; give the data");
  }
  return FolderWalk().find(folder);
}

}  // namespace clade
