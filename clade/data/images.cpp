#include "clade/data/images.h"

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/image.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

bool is_image_name(const fs::path& name) {
  std::string end = name.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

/// "28x28 grey".
std::string image_text(const std::vector<int64_t>& shape) {
  return shape_text(std::vector<int64_t>{shape[0], shape[1]}) +
         (is_colour(shape) ? " RGB" : " grey");
}

/// The settings under which an image of `shape` becomes one of `wanted`.
std::string settings_for(const std::vector<int64_t>& shape, const std::vector<int64_t>& wanted) {
  std::string settings;
  if (shape[0] != wanted[0] || shape[1] != wanted[1]) {
    settings =
        "--set data.resize=[" + std::to_string(wanted[0]) + "," + std::to_string(wanted[1]) + "]";
  }
  if (is_colour(shape) != is_colour(wanted)) {
    settings += std::string(settings.empty() ? "" : " ") + "--set data.greyscale=true";
  }
  return settings;
}

/// changes: in how many images each.
std::string changes_text(const std::map<std::string, int64_t>& changes) {
  std::string text;
  for (const auto& [change, images] : changes) {
    text += (text.empty() ? "" : "; ") + change + " (" + std::to_string(images) +
            (images == 1 ? " image)" : " images)");
  }
  return text;
}

/// Whether colours are three times the same. values: [N, H, W] or [N, H, W, 3].
bool are_grey_colours(const torch::Tensor& values) {
  if (values.dim() < 4) return false;
  const auto red = values.select(3, 0);
  return red.equal(values.select(3, 1)) && red.equal(values.select(3, 2));
}

std::vector<std::string> classes_of(const std::vector<fs::path>& files, const fs::path& folder) {
  std::vector<std::string> classes;
  const fs::path* outside = nullptr;
  const fs::path* inside = nullptr;
  for (const fs::path& file : files) {
    const fs::path relative = file.lexically_relative(folder);
    const fs::path*& first = relative.has_parent_path() ? inside : outside;
    if (first == nullptr) first = &file;
    if (relative.has_parent_path()) classes.push_back(relative.begin()->string());
  }
  if (inside != nullptr && outside != nullptr) {
    throw DataError(folder.string() + " holds images both in subfolders (" + inside->string() +
                    ") and beside them (" + outside->string() +
                    "); put all into subfolders, one a class, or none");
  }
  return classes;
}

}  // namespace

torch::Tensor conform(const torch::Tensor& image, const ImageReading& reading) {
  auto pixels = image.to(torch::kFloat32);
  if (reading.greyscale && pixels.dim() == 3) {
    pixels = pixels.matmul(torch::tensor({0.299F, 0.587F, 0.114F}));
  }
  if (!reading.resize.empty() && pixels.sizes().slice(0, 2) != torch::IntArrayRef(reading.resize)) {
    const bool colour = pixels.dim() == 3;
    const auto planes = colour ? pixels.permute({2, 0, 1}) : pixels.unsqueeze(0);  // [C, H, W]
    const auto options = torch::nn::functional::InterpolateFuncOptions()
                             .size(reading.resize)
                             .mode(torch::kBilinear)
                             .align_corners(false)
                             .antialias(true);
    const auto resized =
        torch::nn::functional::interpolate(planes.unsqueeze(0), options).squeeze(0);
    pixels = colour ? resized.permute({1, 2, 0}) : resized.squeeze(0);
  }
  return pixels.round().clamp(0, 255).to(torch::kUInt8).contiguous();
}

std::vector<fs::path> image_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  std::error_code ignored;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path name = entry->path().filename();
    if (name.string().front() == '.') {
      entry.disable_recursion_pending();
    } else if (is_image_name(name) && !entry->is_directory(ignored)) {
      files.push_back(entry->path());
    }
  }
  if (error) {
    throw DataError("cannot read the folder " + folder.string() + ": " + error.message() +
                    "; check it and the folders in it");
  }
  std::sort(files.begin(), files.end());
  return files;
}

ImageFolder read_image_folder(const fs::path& folder, const ImageReading& reading,
                              const std::vector<int64_t>& expected) {
  const std::vector<fs::path> files = image_files(folder);
  if (files.empty()) {
    throw DataError(folder.string() + " holds no .png, .jpg or .jpeg images; give a folder of " +
                    "images, a file, or the named set it holds (clade data)");
  }
  ImageFolder images;
  images.classes = classes_of(files, folder);
  const bool known = expected.size() == 2 || is_colour(expected);
  std::vector<int64_t> shape = known ? expected : std::vector<int64_t>();
  std::map<std::string, int64_t> changes;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string name = files[i].string();
    images.files.push_back(files[i].lexically_relative(folder).string());
    const DecodedImage decoded = decode_image(read_file(name), name);
    for (const std::string& change : decoded.changes) ++changes[change];
    const auto image = conform(decoded.pixels, reading);
    const auto own = image.sizes().vec();
    if (shape.empty()) shape = own;
    if (own != shape) {
      const std::string wanted = image_text(shape);
      throw DataError(name + " is " + image_text(own) +
                      (known ? ", the model was trained on " + wanted +
                                   " images; give such images, or train with "
                             : ", " + files.front().string() + " is " + wanted + "; give ") +
                      settings_for(own, shape));
    }
    if (i == 0) {
      auto all = shape;
      all.insert(all.begin(), static_cast<int64_t>(files.size()));
      images.values = torch::empty(all, torch::kUInt8);
    }
    images.values[static_cast<int64_t>(i)].copy_(image);
  }
  images.note = changes_text(changes);
  if (!known && are_grey_colours(images.values)) {
    images.note += std::string(images.note.empty() ? "" : "; ") +
                   "red, green and blue are equal throughout: data.greyscale = true makes a third "
                   "as many numbers";
  }
  return images;
}

}  // namespace clade
