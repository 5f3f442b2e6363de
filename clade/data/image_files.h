#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace clade {

struct ImageFiles {
  std::vector<std::filesystem::path> files;  ///< Folder by folder, names in byte order.
  std::string note;  ///< What was left out: "5 files left out: 3 .webp, 2 .txt"; may be empty.
  std::string convertible;  ///< Of those left out the ending of images, ".webp"; or empty.
};

/// The images in `folder` and all folders below: .png, .jpg, .jpeg, .jpe and .jfif, in any case.
/// Left out, and counted in the note, are files of other kinds, what is hidden (its name starts
/// with a dot), run folders of Clade's own, pipes and devices, and links that lead nowhere, to the
/// folders above, or to what is read already, so that nothing is read twice. Throws DataError if a
/// folder cannot be read, or is itself that of a run.
ImageFiles find_images(const std::filesystem::path& folder);

}  // namespace clade
