#include "clade/data/images.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/memory.h"
#include "clade/core/words.h"
#include "clade/data/image_files.h"
#include "clade/formats/image.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLargestSuggested = 128;  // pixels a side; models of larger images are rare

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

/// [H, W] to make photographs of `shape` smaller: its longer side 64 pixels, the other in
/// proportion.
std::string smaller(const std::vector<int64_t>& shape) {
  constexpr int64_t side = 64;
  const int64_t longer = std::max(shape[0], shape[1]);
  const auto scaled = [&](int64_t length) {
    return std::to_string(std::max<int64_t>(1, (length * side + longer / 2) / longer));
  };
  return "--set data.resize=[" + scaled(shape[0]) + "," + scaled(shape[1]) + "]";
}

/// `name` is of `own` shape and not of `wanted`, that of the image `first`, or, if that is "", of
/// those a model was trained on.
[[noreturn]] void refuse_shape(const std::string& name, const std::vector<int64_t>& own,
                               const std::vector<int64_t>& wanted, const std::string& first) {
  const bool photographs = std::max(wanted[0], wanted[1]) > kLargestSuggested;
  const std::string settings = first.empty() || !photographs || is_colour(own) != is_colour(wanted)
                                   ? settings_for(own, wanted)
                                   : smaller(wanted);
  throw DataError(name + " is " + image_text(own) +
                  (first.empty() ? ", the model was trained on " + image_text(wanted) +
                                       " images; give such images, or train with "
                                 : ", " + first + " is " + image_text(wanted) + "; give ") +
                  settings);
}

/// Whether the sides of an image are in another proportion than `resized`, by more than rounding.
bool is_stretched(const torch::Tensor& image, const std::vector<int64_t>& resized) {
  if (resized.empty()) return false;
  constexpr double kRounding = 0.05;
  const double across = static_cast<double>(image.size(1)) / static_cast<double>(resized[1]);
  const double down = static_cast<double>(image.size(0)) / static_cast<double>(resized[0]);
  return std::abs(across - down) > kRounding * std::max(across, down);
}

/// Throws DataError for broken files, of the first of which `error` says what is wrong.
[[noreturn]] void refuse_broken(const std::vector<std::string>& files, const std::string& error) {
  constexpr size_t kNamed = 3;
  const std::vector<std::string> others(files.begin() + 1, files.end());
  throw DataError(error + (others.empty() ? ""
                                          : "; " + count_text(others.size(), "other file") +
                                                " cannot be read: " + quoted(others, kNamed)));
}

/// changes: in how many images each.
std::string changes_text(const std::map<std::string, int64_t>& changes) {
  std::string text;
  for (const auto& [change, images] : changes) {
    add_note(change + " (" + std::to_string(images) + (images == 1 ? " image)" : " images)"), text);
  }
  return text;
}

/// Whether colours are three times the same. values: [N, H, W] or [N, H, W, 3].
bool are_grey_colours(const torch::Tensor& values) {
  if (values.dim() < 4) return false;
  const auto red = values.select(3, 0);
  return red.equal(values.select(3, 1)) && red.equal(values.select(3, 2));
}

/// The part that a folder of this name holds, if it is one of those that people call so.
std::optional<Part> part_called(const std::string& folder) {
  const std::string name = in_small_letters(folder);
  if (name == "train" || name == "training") return Part::kTrain;
  if (name == "val" || name == "valid" || name == "validation") return Part::kValidation;
  if (name == "test" || name == "testing") return Part::kTest;
  return std::nullopt;
}

/// Where an image stands: relative to the folder, and below train/ or test/ if it is so divided.
struct Place {
  fs::path file;
  fs::path below;  ///< Its first folder is its class.
};

/// Where the folders are that divide the images: below those that hold one folder and nothing else,
/// as an archive often is unpacked.
fs::path dividing_folder(const std::vector<fs::path>& files, fs::path folder) {
  for (;;) {
    std::set<std::string> first;
    bool are_divided = true;
    for (const fs::path& file : files) {
      const fs::path relative = file.lexically_relative(folder);
      first.insert(relative.begin()->string());
      are_divided &= relative.parent_path().has_parent_path();
    }
    if (first.size() != 1 || !are_divided || part_called(*first.begin())) return folder;
    folder /= *first.begin();
  }
}

/// Fills images.parts if there are a folder of training images and one of others for it; what is
/// in neither is left out.
std::vector<Place> places_of(const std::vector<fs::path>& files, const fs::path& folder,
                             ImageFolder& images) {
  std::vector<Place> places, divided;
  std::map<std::string, Part> folders;
  const fs::path dividing = dividing_folder(files, folder);
  if (dividing != folder) {
    add_note("divided as in its " + dividing.lexically_relative(folder).string(), images.note);
  }
  for (const fs::path& file : files) {
    const fs::path relative = file.lexically_relative(dividing);
    places.push_back({file, relative});
    if (!relative.has_parent_path()) continue;
    const std::string first = relative.begin()->string();
    const auto part = part_called(first);
    if (!part) continue;
    folders.emplace(first, *part);
    divided.push_back({file, relative.lexically_relative(first)});
    images.parts.push_back(*part);
  }
  std::set<Part> parts;
  std::string names;
  for (const auto& [name, part] : folders) {
    parts.insert(part);
    names += (names.empty() ? "" : ", ") + name + "/";
  }
  if (parts.size() < 2 || parts.count(Part::kTrain) == 0) {
    images.parts.clear();
    // A part by itself is no class.
    return folders.size() == 1 && divided.size() == places.size() ? divided : places;
  }
  add_note(names + " are its parts", images.note);
  if (divided.size() < places.size()) {
    add_note(std::to_string(places.size() - divided.size()) + " images in none of them left out",
             images.note);
  }
  return divided;
}

/// The class of each image, "" of all in a part, test/, that has none while others have.
std::vector<std::string> classes_of(const std::vector<Place>& places,
                                    const std::vector<Part>& parts) {
  std::vector<std::string> classes;
  std::set<Part> with_classes;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (places[i].below.has_parent_path()) with_classes.insert(parts[i]);
  }
  const fs::path* outside = nullptr;
  const fs::path* inside = nullptr;
  for (size_t i = 0; i < places.size(); ++i) {
    const Place& place = places[i];
    if (!with_classes.empty() && with_classes.count(parts[i]) == 0) {
      classes.emplace_back();
      continue;
    }
    const fs::path*& first = place.below.has_parent_path() ? inside : outside;
    if (first == nullptr) first = &place.file;
    if (place.below.has_parent_path()) classes.push_back(place.below.begin()->string());
  }
  if (inside != nullptr && outside != nullptr) {
    throw DataError("there are images both in subfolders (" + inside->string() +
                    ") and beside them (" + outside->string() +
                    "); put all into subfolders, one a class, or none");
  }
  return classes;
}

int64_t bits_of(const torch::Tensor& pixels) {
  return pixels.scalar_type() == torch::kUInt8 ? 8 : 16;
}

constexpr double kWhiteOfBytes = 255, kWhiteOfSixteen = 65535;

/// `white`: of 16 bits.
torch::Tensor with_bits(int64_t bits, double white, const torch::Tensor& pixels) {
  if (bits == bits_of(pixels)) return pixels;
  const double factor = bits == 8 ? kWhiteOfBytes / white : white / kWhiteOfBytes;
  const auto levels = (pixels.to(torch::kFloat32) * factor).round();
  return bits == 8 ? levels.to(torch::kUInt8) : levels;
}

std::string change_of_bits(int64_t from, int64_t to) {
  return std::to_string(from) + " bits became " + std::to_string(to);
}

/// The least agreed white that holds all values of the files of 16 bits.
double white_of_sixteen(const std::vector<Place>& places) {
  double most = 0;
  for (const Place& place : places) {
    const std::string name = place.file.string();
    try {
      const auto pixels = decode_image(read_file(name), name).pixels;
      if (bits_of(pixels) == 16) most = std::max(most, pixels.max().item<double>());
    } catch (const DataError&) {
      // A broken file, which is named with all others that are.
    }
  }
  if (most == 0) return kWhiteOfSixteen;  // there is none
  return *std::lower_bound(kAgreedWhites.begin() + 1, kAgreedWhites.end() - 1, most);
}

/// Says so if every class has the same subfolders, which may be the classes that are meant.
std::string said_of_subfolders(const std::vector<Place>& places) {
  std::map<std::string, std::set<std::string>> inside;  // of each class
  for (const Place& place : places) {
    if (!place.below.has_parent_path()) continue;
    const fs::path below = place.below.lexically_relative(*place.below.begin());
    inside[place.below.begin()->string()].insert(below.has_parent_path() ? below.begin()->string()
                                                                         : "");
  }
  const std::set<std::string>& names = inside.begin()->second;
  const bool same = std::all_of(inside.begin(), inside.end(),
                                [&](const auto& one) { return one.second == names; });
  if (inside.size() < 2 || !same || names.size() < 2) return "";
  return "labels are the names of its folders, not of those inside each, " +
         quoted({names.begin(), names.end()});
}

/// Throws DataError unless memory holds n images of `shape` as they are read and as a model reads
/// them.
void weigh(int64_t n, const std::vector<int64_t>& shape, const std::string& folder) {
  double values = static_cast<double>(n);
  for (const int64_t side : shape) values *= static_cast<double>(side);
  constexpr double bytes = 1 + 2 * sizeof(float);
  require_memory(values * bytes,
                 folder + ": " + std::to_string(n) + " images of " + image_text(shape),
                 "make them smaller, say by " + smaller(shape));
}

}  // namespace

torch::Tensor conform(const torch::Tensor& decoded, const ImageReading& reading) {
  const double sixteen = reading.white > 0 ? reading.white : kWhiteOfSixteen;
  const auto image = reading.bits == 0 ? decoded : with_bits(reading.bits, sixteen, decoded);
  const bool sized =
      reading.resize.empty() || image.sizes().slice(0, 2) == torch::IntArrayRef(reading.resize);
  if (sized && (!reading.greyscale || image.dim() == 2)) return image;
  auto pixels = image.to(torch::kFloat32);
  if (reading.greyscale && pixels.dim() == 3) {
    pixels = pixels.matmul(torch::tensor({0.299F, 0.587F, 0.114F}));
  }
  if (!sized) {
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
  const double white = bits_of(image) == 8 ? kWhiteOfBytes : kWhiteOfSixteen;
  return pixels.round().clamp(0, white).to(image.scalar_type()).contiguous();
}

ImageFolder read_image_folder(const fs::path& folder, ImageReading reading,
                              const std::vector<int64_t>& expected) {
  ImageFiles found = find_images(folder);
  if (found.files.empty()) {
    const std::string advice =
        found.convertible.empty()
            ? "give a folder of images, a file, or the named set it holds (clade data)"
            : "make them PNG, say by, in each folder: magick mogrify -format png *" +
                  found.convertible;
    throw DataError(folder.string() + " holds no .png, .jpg or .jpeg images" +
                    (found.note.empty() ? "" : " (" + found.note + ")") + "; " + advice);
  }
  ImageFolder images;
  images.note = std::move(found.note);
  const std::vector<Place> places = places_of(found.files, folder, images);
  images.classes = classes_of(places, images.parts);
  if (!images.classes.empty()) add_note(said_of_subfolders(places), images.note);
  const bool known = is_image(expected);
  std::vector<int64_t> shape = known ? expected : std::vector<int64_t>();
  std::map<std::string, int64_t> changes;
  std::vector<std::string> broken;
  std::string first_error;
  const auto find_white = [&] {  // before the first image of other bits
    if (reading.white == 0) reading.white = white_of_sixteen(places);
  };
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string name = places[i].file.string();
    images.files.push_back(places[i].file.lexically_relative(folder).string());
    DecodedImage decoded;
    try {
      decoded = decode_image(read_file(name), name);
    } catch (const DataError& error) {
      if (broken.empty()) first_error = error.what();
      broken.push_back(name);
    }
    if (!broken.empty()) continue;  // to name all that are
    for (const std::string& change : decoded.changes) ++changes[change];
    if (is_stretched(decoded.pixels, reading.resize)) ++changes["stretched to other proportions"];
    if (reading.bits != 0 && reading.bits != bits_of(decoded.pixels)) find_white();
    auto image = conform(decoded.pixels, reading);
    if (bits_of(image) != bits_of(decoded.pixels)) {
      ++changes[change_of_bits(bits_of(decoded.pixels), bits_of(image))];
    }
    const auto own = image.sizes().vec();
    if (shape.empty()) shape = own;
    if (own != shape) refuse_shape(name, own, shape, known ? "" : places.front().file.string());
    if (i == 0) {
      weigh(static_cast<int64_t>(places.size()), shape, folder.string());
      auto all = shape;
      all.insert(all.begin(), static_cast<int64_t>(places.size()));
      images.values = torch::empty(all, image.scalar_type());
      images.bits = bits_of(image);
    }
    if (bits_of(image) > images.bits) {
      changes[change_of_bits(images.bits, bits_of(image))] += static_cast<int64_t>(i);
      images.bits = bits_of(image);
      find_white();
      images.values = with_bits(images.bits, reading.white, images.values);
    } else if (bits_of(image) < images.bits) {
      ++changes[change_of_bits(bits_of(image), images.bits)];
      find_white();
      image = with_bits(images.bits, reading.white, image);
    }
    images.values[static_cast<int64_t>(i)].copy_(image);
  }
  if (!broken.empty()) refuse_broken(broken, first_error);
  add_note(changes_text(changes), images.note);
  if (reading.white > 0 && reading.white < kWhiteOfSixteen && !changes.empty()) {
    add_note("white of 16 bits is " + number_text(reading.white), images.note);
  }
  if (!known && are_grey_colours(images.values)) {
    add_note(
        "red, green and blue are equal throughout: data.greyscale = true makes a third as many "
        "numbers",
        images.note);
  }
  return images;
}

}  // namespace clade
