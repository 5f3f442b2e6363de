#pragma once
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace clade {

/// Whether a written file must outlast a power cut, which takes a wait for the disk: without one
/// some file systems may then have the new name and nothing in it.
enum class Lasting { no, yes };

/// Throws Error if `path`, which is to be read or written as a file, is a folder.
void require_no_folder(const std::filesystem::path& path);

/// Throws Error if no file can be called `path`, which is to be written when long work is done: it
/// is a folder, or in one that is not there.
void require_place_for(const std::filesystem::path& path);

/// Writes `path` completely or not at all: `write` fills a file beside it, PATH.part and a number,
/// which then takes its place. Links are followed. Throws Error naming the path when the folder is
/// unwritable, the disk is full or links lead in a circle.
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(std::ostream&)>& write,
                      Lasting lasting = Lasting::no);
void write_atomically(const std::filesystem::path& path, std::string_view content);

/// Removes from `folder` what processes that were killed left half-written, not what is being
/// written now.
void remove_parts(const std::filesystem::path& folder);

/// The whole file, or pipe; throws Error naming it when it cannot be read, is a device, or is
/// larger than memory.
std::string read_file(const std::filesystem::path& path);

/// The first `size` bytes of a file, or all if there are fewer. Throws Error as read_file() does.
std::string read_start(const std::filesystem::path& path, size_t size);

/// Makes the folder and those above it. Throws Error, with `advice` on what to do, where it cannot.
void make_folder(const std::filesystem::path& folder, const std::string& advice);

/// Absolute, without "." and "..", and without a slash at its end.
std::filesystem::path plain_path(const std::filesystem::path& path);

/// `text` as part of a file's name: letters, digits and "-" stay, whatever else becomes "_".
std::string file_name(const std::string& text);

/// What a file or folder is called, however its path is written.
std::filesystem::path name_of(const std::filesystem::path& path);

}  // namespace clade
