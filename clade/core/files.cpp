#include "clade/core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ext/stdio_filebuf.h>
#include <fstream>
#include <random>

#include "clade/core/error.h"
#include "clade/core/memory.h"

namespace clade {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPart = ".part";  // and a number of so many hexadecimal digits
constexpr size_t kNumberDigits = 16;

/// A pipe or device, which is written to and never replaced.
bool is_stream(const fs::path& path) {
  std::error_code unknown;
  const fs::file_status status = fs::status(path, unknown);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

/// Where the links from `path` lead, also if nothing is there yet.
fs::path target_of(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  std::error_code unknown;
  fs::path target = path;
  for (int links = 0; fs::is_symlink(target, unknown); ++links) {
    if (links == kMostLinks) {
      throw Error("cannot write " + path.string() +
                  ": its links lead in a circle; give another path, or remove the link");
    }
    target = target.parent_path() / fs::read_symlink(target, unknown);
  }
  return target;
}

/// A file being written beside the one it is to replace.
struct Part {
  fs::path path;
  int file;  ///< Negative, and errno says why, if it cannot be made.
};

/// Never one that is there already, nor where a link of that name leads: in a folder others may
/// write to, they could have put it there. Locked as long as it is open, for remove_parts().
Part make_part(const fs::path& target) {
  std::random_device random;
  while (true) {
    std::array<char, kNumberDigits + 1> number{};
    std::snprintf(number.data(), number.size(), "%08x%08x", random(), random());
    const fs::path path = target.string() + kPart + number.data();
    const int file =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0 && errno == EEXIST) continue;
    struct stat made {};
    // Between these two calls remove_parts() may have taken it for one left behind.
    if (file >= 0 && ::flock(file, LOCK_EX) == 0 && ::fstat(file, &made) == 0 &&
        made.st_nlink == 0) {
      ::close(file);
      continue;
    }
    return {path, file};
  }
}

bool is_part(const fs::path& path) {
  const std::string name = path.filename().string();
  const size_t at = name.rfind(kPart);
  if (at == std::string::npos || at == 0) return false;
  const std::string number = name.substr(at + std::strlen(kPart));
  return number.size() == kNumberDigits &&
         number.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// Whether the disk has the file now; some file systems cannot tell, which is no failure.
bool is_on_disk(int file) {
  return ::fsync(file) == 0 || errno == EINVAL || errno == ENOTSUP;
}

void put_on_disk(const fs::path& folder) {
  const int file =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

[[noreturn]] void fail_to_read(const std::filesystem::path& path) {
  throw Error("cannot read " + path.string() + ": " + std::strerror(errno) + "; check the path");
}

std::ifstream open_to_read(const std::filesystem::path& path) {
  std::error_code ignored;
  require_no_folder(path);
  const auto kind = std::filesystem::status(path, ignored).type();
  // A device may have no end.
  if (kind == std::filesystem::file_type::character || kind == std::filesystem::file_type::block) {
    throw Error(path.string() + " is a device; give a file");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_to_read(path);
  return in;
}

}  // namespace

void require_no_folder(const fs::path& path) {
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) throw Error(path.string() + " is a folder; give a file");
}

void require_place_for(const fs::path& path) {
  require_no_folder(path);
  std::error_code unknown;
  const fs::path folder = path.parent_path();
  if (folder.empty() || fs::exists(folder, unknown)) return;
  throw Error("cannot create " + path.string() + ": there is no folder " + folder.string() +
              "; make it, or give another name");
}

void write_atomically(const fs::path& given, const std::function<void(std::ostream&)>& write,
                      Lasting lasting) {
  require_no_folder(given);
  const bool stream = is_stream(given);
  const fs::path path = stream ? given : target_of(given);
  errno = 0;
  const Part part =
      stream ? Part{path, ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC)} : make_part(path);
  const auto clear = [&] {
    std::error_code ignored;
    if (!stream) fs::remove(part.path, ignored);
  };
  const auto fail = [&](const std::string& what) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "write failed";
    clear();
    throw Error("cannot " + what + " " + path.string() + ": " + reason +
                "; check that its folder exists and is writable, and the free disk space");
  };
  if (part.file < 0) fail("create");
  __gnu_cxx::stdio_filebuf<char> buffer(part.file, std::ios::out | std::ios::binary);
  std::ostream out(&buffer);
  errno = 0;
  try {
    write(out);
  } catch (...) {
    buffer.close();
    clear();
    throw;
  }
  out.flush();
  if (!out) fail("write");
  if (lasting == Lasting::yes && !is_on_disk(part.file)) fail("write");
  // Some file systems say only here that there was no room. The lock lasts as long as its copy.
  const int lock = ::dup(part.file);
  const bool written = buffer.close() != nullptr;
  std::error_code error;
  if (!written) error = std::error_code(errno, std::generic_category());
  if (!error && !stream) fs::rename(part.path, path, error);
  ::close(lock);
  if (error) {
    errno = error.value();
    fail("write");
  }
  if (lasting == Lasting::yes) put_on_disk(path.parent_path());
}

void write_atomically(const std::filesystem::path& path, std::string_view content) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  });
}

void remove_parts(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!is_part(entry.path()) || !entry.is_regular_file(ignored)) continue;
    const int file = ::open(entry.path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) fs::remove(entry.path(), ignored);
    ::close(file);
  }
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in = open_to_read(path);
  std::error_code no_size;  // of a pipe
  const auto size = std::filesystem::file_size(path, no_size);
  const std::string advice = "give a smaller file";
  uint64_t weighed = no_size ? 0 : size;
  require_memory(weighed, path.string(), advice);
  std::string content;
  if (!no_size) content.reserve(size);
  std::array<char, 1 << 16> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    content.append(block.data(), static_cast<size_t>(in.gcount()));
    if (content.size() <= weighed) continue;
    weighed = 2 * content.size();
    require_memory(weighed, path.string(), advice);
  }
  if (!in.eof()) fail_to_read(path);
  return content;
}

std::string read_start(const std::filesystem::path& path, size_t size) {
  std::ifstream in = open_to_read(path);
  std::string start(size, '\0');
  in.read(start.data(), static_cast<std::streamsize>(size));
  if (!in && !in.eof()) fail_to_read(path);
  start.resize(static_cast<size_t>(in.gcount()));
  return start;
}

void make_folder(const std::filesystem::path& folder, const std::string& advice) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error("cannot create the folder " + folder.string() + ": " + error.message() + "; " +
                advice);
  }
}

std::filesystem::path plain_path(const std::filesystem::path& path) {
  const auto plain = std::filesystem::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

std::string file_name(const std::string& text) {
  std::string name = text;
  for (char& letter : name) {
    if (!std::isalnum(static_cast<unsigned char>(letter)) && letter != '-') letter = '_';
  }
  return name;
}

std::filesystem::path name_of(const std::filesystem::path& path) {
  return plain_path(path).filename();
}

}  // namespace clade
