#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace clade {

// How gnuplot is run, and the text it takes.

bool gnuplot_installed();

/// A gnuplot string of `text`. It may start with an apostrophe, which gnuplot misreads when doubled
/// there, so that another one is set.
std::string gnuplot_string(const std::string& text);

/// The same for a tick of an axis, of which gnuplot makes a format.
std::string gnuplot_tick(const std::string& text);

/// What a name may take of a picture, in letters.
inline constexpr size_t name_letters = 25;

/// `text`, or of more than `most` letters the first and "…". Wide letters, as of Chinese, count as
/// two.
std::string shortened(const std::string& text, size_t most = name_letters);

struct PictureSize {
  int64_t width, height;
};

/// Whether gnuplot could draw `script`; writes it to `path` if so. A "?" stands for
/// letters beyond Latin, Greek and Cyrillic unless one font here has all of them.
bool draw_picture(const std::filesystem::path& path, PictureSize size, const std::string& script);

}  // namespace clade
