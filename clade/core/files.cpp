#include "clade/core/files.h"

#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "clade/core/error.h"

namespace clade {

namespace {

// What `path` links to; devices and pipes are told apart from files to be replaced.
std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto target = std::filesystem::is_symlink(path, error)
                          ? std::filesystem::weakly_canonical(path, error)
                          : path;
  return error || target.empty() ? path : target;
}

}  // namespace

void write_atomically(const std::filesystem::path& given,
                      const std::function<void(std::ostream&)>& write) {
  const std::filesystem::path path = target_of(given);
  std::error_code unknown;
  const bool stream = std::filesystem::exists(path, unknown) &&
                      !std::filesystem::is_regular_file(path, unknown) &&
                      !std::filesystem::is_directory(path, unknown);
  const std::filesystem::path beside =
      stream ? path : std::filesystem::path(path.string() + ".part" + std::to_string(::getpid()));
  const auto clear = [&] {
    std::error_code ignored;
    if (!stream) std::filesystem::remove(beside, ignored);
  };
  const auto fail = [&](const std::string& what) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "write failed";
    clear();
    throw Error("cannot " + what + " " + path.string() + ": " + reason +
                "; check that its folder exists and is writable, and the free disk space");
  };
  errno = 0;
  std::ofstream out(beside, std::ios::binary | std::ios::trunc);
  if (!out) fail("create");
  try {
    write(out);
  } catch (...) {
    out.close();
    clear();
    throw;
  }
  out.flush();
  if (!out) fail("write");
  out.close();
  if (!out) fail("write");
  if (stream) return;
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error) {
    errno = error.value();
    fail("write");
  }
}

void write_atomically(const std::filesystem::path& path, std::string_view content) {
  write_atomically(path, [&](std::ostream& out) {
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  });
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw Error(path.string() + " is a folder; give a file");
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw Error("cannot read " + path.string() + ": " + std::strerror(errno) + "; check the path");
  }
  std::string content;
  std::array<char, 1 << 16> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    content.append(block.data(), static_cast<size_t>(in.gcount()));
  }
  if (!in.eof()) {
    throw Error("cannot read " + path.string() + ": " + std::strerror(errno) + "; check the path");
  }
  return content;
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
