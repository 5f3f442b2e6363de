// Loaded before the C library (LD_PRELOAD), it makes one file operation below CLADE_FAULT_FOLDER
// fail, or ends the process there, so that a test can try every one of them:
//   CLADE_FAULT=kill:17   SIGKILL before the 17th
//   CLADE_FAULT=half:17   SIGKILL after half of the 17th, if it is a write; else before it
//   CLADE_FAULT=full:17   ENOSPC from the 17th on, as on a full disk
//   CLADE_FAULT_COUNT=F   writes to F, outside the folder, how many there were
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <typename Function>
Function real(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_below(const char* path) {
  const char* folder = setting("CLADE_FAULT_FOLDER");
  return *folder != '\0' && std::strncmp(path, folder, std::strlen(folder)) == 0;
}

bool is_below(int file) {
  char link[32], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return is_below(path);
}

enum class Fault { none, half, full };

/// Counts an operation, and says what becomes of it.
Fault next() {
  static long count = 0;
  ++count;
  const int error = errno;
  if (const char* file = setting("CLADE_FAULT_COUNT"); *file != '\0') {
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%ld\n", count);
    const int out = ::open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (real(&::write, "write")(out, text, static_cast<size_t>(length)) != length) std::abort();
    ::close(out);
  }
  errno = error;
  const char* fault = setting("CLADE_FAULT");
  const long at = std::strlen(fault) > 5 ? std::atol(fault + 5) : 0;
  if (at == 0 || count < at) return Fault::none;
  if (std::strncmp(fault, "full", 4) == 0) {
    errno = ENOSPC;
    return Fault::full;
  }
  if (count > at) return Fault::none;
  if (std::strncmp(fault, "half", 4) == 0) return Fault::half;
  ::kill(::getpid(), SIGKILL);
  return Fault::none;
}

/// An operation that cannot be done by half.
bool fails() {
  const Fault fault = next();
  if (fault == Fault::half) ::kill(::getpid(), SIGKILL);
  return fault == Fault::full;
}

/// A write of `count` bytes or parts, or what becomes of it: half of it, and the process is killed.
template <class Call, class Source, class Count>
ssize_t written(const Call& call, int file, const Source* source, Count count) {
  if (!is_below(file)) return call(file, source, count);
  const Fault fault = next();
  if (fault == Fault::full) return -1;
  if (fault == Fault::none) return call(file, source, count);
  call(file, source, count / 2);
  ::kill(::getpid(), SIGKILL);
  return -1;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & O_CREAT) != 0 && is_below(path) && fails()) return -1;
  return real(&::open, "open")(path, flags, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  if (*mode != 'r' && is_below(path) && fails()) return nullptr;
  return real(&::fopen64, "fopen64")(path, mode);
}

ssize_t write(int file, const void* bytes, size_t size) {
  return written(real(&::write, "write"), file, bytes, size);
}

ssize_t writev(int file, const iovec* parts, int count) {
  return written(real(&::writev, "writev"), file, parts, count);
}

int fsync(int file) {
  if (is_below(file) && fails()) return -1;
  return real(&::fsync, "fsync")(file);
}

int rename(const char* from, const char* to) {
  if (is_below(to) && fails()) return -1;
  return real(&::rename, "rename")(from, to);
}

int mkdir(const char* path, mode_t mode) {
  if (is_below(path) && fails()) return -1;
  return real(&::mkdir, "mkdir")(path, mode);
}

}  // extern "C"
