#include "clade/data/download.h"

#include "clade/core/error.h"

#ifdef CLADE_WITH_CURL
#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "clade/core/files.h"
#include "clade/formats/md5.h"
#endif

namespace clade {

#ifdef CLADE_WITH_CURL
namespace {

namespace fs = std::filesystem;

struct Transfer {
  std::string name;
  curl_off_t already = 0;  ///< Bytes an earlier call fetched.
};

int show_progress(void* data, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<const Transfer*>(data);
  constexpr double kMiB = 1 << 20;
  if (total > 0) {
    std::fprintf(stderr, "\rdownloading %s: %.1f of %.1f MiB ", transfer.name.c_str(),
                 static_cast<double>(transfer.already + now) / kMiB,
                 static_cast<double>(transfer.already + total) / kMiB);
  }
  return 0;
}

int64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};

/// A broken-off download, for this process alone: another that wants the same file waits until this
/// one has it. No link is followed: where others may write, they could have put it there.
class LockedPart {
 public:
  explicit LockedPart(const fs::path& path) : path_(path) {
    struct stat opened {
    }, named{};
    do {
      if (file_ >= 0) ::close(file_);  // the one before had it, and it has its name now
      errno = 0;
      file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
      if (file_ < 0) {
        throw Error("cannot write " + path.string() + ": " + std::strerror(errno) +
                    "; check the folder's permissions, or set data.path or XDG_CACHE_HOME");
      }
      ::flock(file_, LOCK_EX);
    } while (::fstat(file_, &opened) != 0 || ::lstat(path.c_str(), &named) != 0 ||
             opened.st_dev != named.st_dev || opened.st_ino != named.st_ino);
  }
  LockedPart(const LockedPart&) = delete;
  LockedPart& operator=(const LockedPart&) = delete;
  ~LockedPart() {
    std::error_code ignored;
    if (size_of(path_) == 0) fs::remove(path_, ignored);
    ::close(file_);
  }

  /// To begin anew.
  void clear() { static_cast<void>(::ftruncate(file_, 0) == 0); }

 private:
  fs::path path_;
  int file_ = -1;
};

struct Outcome {
  std::string reason;          ///< What went wrong; "" where nothing did.
  bool cannot_resume = false;  ///< The server does not continue this part.
};

/// Appends to `part` what it lacks of `url`.
Outcome fetch(const std::string& url, const fs::path& part, const std::string& name) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  if (initialised != CURLE_OK || !curl) return {"libcurl does not start"};
  Transfer transfer{name, size_of(part)};
  const std::unique_ptr<FILE, CloseFile> out(std::fopen(part.c_str(), "ab"));
  if (!out) return {"its part cannot be written"};
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, out.get());
  curl_easy_setopt(curl.get(), CURLOPT_RESUME_FROM_LARGE, transfer.already);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 15L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1000L);  // A stalled mirror is given up
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);     // after half a minute.
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
  const bool terminal = isatty(STDERR_FILENO) == 1;
  if (terminal) {
    curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  }
  const CURLcode result = curl_easy_perform(curl.get());
  if (terminal) std::fputs("\r\x1b[K", stderr);
  if (std::fflush(out.get()) != 0) return {"the disk is full"};
  if (result == CURLE_OK) return {};
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  constexpr long kRangeNotSatisfiable = 416;
  const bool cannot_resume = result == CURLE_RANGE_ERROR || result == CURLE_BAD_DOWNLOAD_RESUME ||
                             status == kRangeNotSatisfiable;
  return {reason[0] != '\0' ? reason : curl_easy_strerror(result), cannot_resume};
}

}  // namespace

void download(const std::vector<std::string>& urls, const fs::path& path, const std::string& md5) {
  make_folder(path.parent_path(), "check its permissions, or set data.path or XDG_CACHE_HOME");
  std::error_code error;
  const fs::path part = path.string() + ".part";
  LockedPart locked(part);
  if (fs::exists(path)) return;  // by another process, meanwhile
  const auto complete = [&] { return size_of(part) > 0 && md5_of(read_file(part)) == md5; };
  std::string reason;
  for (const std::string& url : urls) {
    // Once with the part an earlier call left, and anew where that cannot be continued or is
    // damaged.
    for (bool resumed = size_of(part) > 0, again = true; again; resumed = false) {
      again = false;
      if (!complete()) {
        const Outcome outcome = fetch(url, part, path.filename().string());
        reason = outcome.reason;
        const bool damaged = reason.empty() && !complete();
        if (damaged) reason = "its checksum is not " + md5;
        if (damaged || outcome.cannot_resume || size_of(part) == 0) {
          locked.clear();
          again = resumed;
        }
      }
      if (complete()) {
        fs::rename(part, path, error);
        if (error) throw Error("cannot write " + path.string() + ": " + error.message());
        return;
      }
    }
  }
  throw Error("cannot download " + path.filename().string() + ": " + reason +
              "; check the network, or set data.path to a folder that holds it");
}

#else

void download(const std::vector<std::string>&, const std::filesystem::path& path,
              const std::string&) {
  throw Error("cannot download " + path.filename().string() +
              ": this Clade was built without libcurl; set data.path to a folder that holds it, or "
              "build with -DCLADE_WITH_CURL=ON");
}

#endif

}  // namespace clade
