#include "clade/data/omniglot.h"

#include <torch/torch.h>

#include <charconv>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/data/image_files.h"
#include "clade/data/images.h"
#include "clade/formats/csv.h"
#include "clade/formats/data_file.h"
#include "clade/formats/image.h"
#include "clade/formats/mat.h"
#include "clade/formats/numbers.h"

namespace clade {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 28;
constexpr int64_t kDrawers = 20;
constexpr int64_t kTrainDrawers = 15;

Drawings make_drawings(const torch::Tensor& images, const torch::Tensor& test,
                       std::vector<std::string> label_texts, const std::string& note) {
  Drawings drawings;
  drawings.points.name = "omniglot";
  drawings.points.values = images.reshape({-1, kSide * kSide});
  drawings.points.shape = {kSide, kSide};
  drawings.points.note = note;
  encode_labels(std::move(label_texts), {}, drawings.points);
  drawings.test = test;
  return drawings;
}

std::string note_by_drawer(const std::string& source, const torch::Tensor& test) {
  const auto held_out = test.sum().item<int64_t>();
  return source + ", not Burda et al.'s file, so bounds are not comparable with published ones " +
         "digit for digit; " + std::to_string(test.numel() - held_out) +
         " drawings by drawers 1 to 15 are train and validation, " + std::to_string(held_out) +
         " by 16 to 20 test";
}

/// A class of N points as MATLAB has it, numbers or one of C set: [N, 1], [1, N] or [N, C] -> N
/// numbers.
std::vector<int64_t> class_numbers(const torch::Tensor& values, int64_t n,
                                   const std::string& where) {
  torch::Tensor numbers;
  if (values.numel() == n) {
    numbers = values.reshape({n}).round();
  } else if (values.size(0) == n) {
    numbers = values.argmax(1) + 1;
  } else {
    throw DataError(where + " is for " + std::to_string(values.size(0)) + " points, not " +
                    std::to_string(n) + "; copy the file again");
  }
  numbers = numbers.to(torch::kInt64).contiguous();
  return {numbers.data_ptr<int64_t>(), numbers.data_ptr<int64_t>() + n};
}

Drawings read_chardata(const std::string& path, bool characters) {
  std::vector<torch::Tensor> images;
  std::vector<torch::Tensor> test;
  std::vector<std::string> texts;
  for (const std::string part : {"", "test"}) {
    const auto pixels = read_mat(path, part + "data");  // [N, 784]
    const int64_t n = pixels.size(0);
    if (pixels.size(1) != kSide * kSide) {
      throw DataError(path + ", variable " + part + "data, has " + std::to_string(pixels.size(1)) +
                      " rows, not 784; copy it again");
    }
    images.push_back(pixels.view({n, kSide, kSide}).transpose(1, 2));  // column by column
    test.push_back(torch::full({n}, !part.empty(), torch::kBool));
    const auto classes = [&](const std::string& variable) {
      return class_numbers(read_mat(path, part + variable), n,
                           path + ", variable " + part + variable + ",");
    };
    const auto alphabets = classes("target");
    const auto of_alphabet = characters ? classes("targetchar") : std::vector<int64_t>();
    for (size_t i = 0; i < alphabets.size(); ++i) {
      texts.push_back(std::to_string(alphabets[i]));
      if (characters) texts.back() += "/" + std::to_string(of_alphabet[i]);
    }
  }
  return make_drawings(torch::cat(images), torch::cat(test), std::move(texts),
                       "Burda et al.'s 28x28 images and their split, " + path);
}

/// Calls alphabets that are numbers by their names, if `folder` has their table: a row each.
void name_alphabets(const fs::path& folder, Points& points) {
  const auto file = find_data_file(folder, "alphabets.csv");
  if (!file) return;
  CsvReading reading;
  reading.as_written = {"name"};
  const Table table = parse_csv(read_data_file(file->string()).bytes, file->string(), reading);
  const auto& names =
      table.columns[find_column(table, "name", file->string(), ", by which alphabets are called")];
  for (std::string& label : points.label_names) {
    const auto number = static_cast<size_t>(std::stoll(label));
    if (number >= names.words.size()) {
      throw DataError(file->string() + " names " + std::to_string(names.words.size()) +
                      " alphabets, and there is one of number " + label + "; copy it again");
    }
    label = names.words[number];
  }
}

Drawings read_idx_files(const fs::path& folder, bool characters) {
  const auto read = [&](const std::string& name) {
    const std::string full = "omniglot28-" + name;
    const auto found = find_data_file(folder, full);
    if (!found) {
      throw DataError(folder.string() + " has no " + full + "[.gz], which belongs to " +
                      "omniglot28-images-idx3-ubyte; copy it there");
    }
    return read_points(found->string(), "");
  };
  const Points images = read("images-idx3-ubyte");
  const int64_t n = images.values.size(0);
  const Points classes = read(characters ? "characters-idx1-int" : "alphabets-idx1-ubyte");
  const Points drawers = read("drawers-idx1-ubyte");
  if (images.shape != std::vector<int64_t>{kSide, kSide}) {
    throw DataError(images.name + " holds images of " + shape_text(images.shape) +
                    ", not 28x28; make it anew");
  }
  std::vector<std::string> texts;
  for (const Points* column : {&classes, &drawers}) {
    if (column->values.numel() != n) {
      throw DataError(column->name + " has " + std::to_string(column->values.numel()) +
                      " entries for " + std::to_string(n) + " images; copy it again");
    }
  }
  for (const int64_t number : class_numbers(classes.values, n, classes.name)) {
    texts.push_back(std::to_string(number));
  }
  const auto drawer = drawers.values.reshape({n});
  if (drawer.lt(1).logical_or_(drawer.gt(kDrawers)).any().item<bool>()) {
    throw DataError(drawers.name + " has drawers outside 1 to 20; copy it again");
  }
  const auto test = drawer.gt(kTrainDrawers);
  Drawings drawings = make_drawings(images.values, test, std::move(texts),
                                    note_by_drawer("28x28 images as IDX files", test));
  if (!characters) name_alphabets(folder, drawings.points);
  return drawings;
}

/// DRAWER of NNNN_DRAWER, nothing for other names.
std::optional<int64_t> drawer_of(const std::string& stem) {
  const size_t line = stem.find('_');
  if (line == 0 || line == std::string::npos || stem.find_first_not_of("0123456789") != line)
    return std::nullopt;
  int64_t drawer = 0;
  const char* end = stem.data() + stem.size();
  const auto [stop, error] = std::from_chars(stem.data() + line + 1, end, drawer);
  if (stop != end || error != std::errc() || drawer < 1 || drawer > kDrawers) return std::nullopt;
  return drawer;
}

std::optional<Drawings> read_pictures(const fs::path& folder, bool characters) {
  // Beside these two, the authors give parts of the first.
  std::vector<fs::path> roots;
  for (const char* half : {"images_background", "images_evaluation"}) {
    std::error_code ignored;
    if (fs::is_directory(folder / half, ignored)) roots.push_back(folder / half);
  }
  if (roots.empty()) roots.push_back(folder);
  std::vector<torch::Tensor> images;
  std::vector<bool> test;
  std::vector<std::string> texts;
  for (const fs::path& root : roots) {
    for (const fs::path& file : find_images(root).files) {
      const auto drawer = drawer_of(file.stem().string());
      const fs::path character = file.lexically_relative(root).parent_path();
      if (!drawer || !character.has_parent_path()) continue;
      const std::string alphabet = character.parent_path().filename().string();
      texts.push_back(characters ? alphabet + "/" + character.filename().string() : alphabet);
      test.push_back(*drawer > kTrainDrawers);
      const auto drawing = decode_image(read_file(file), file.string()).pixels;
      images.push_back(255 - conform(drawing, {{kSide, kSide}, /*greyscale=*/true, /*bits=*/8}));
    }
  }
  if (images.empty()) return std::nullopt;
  auto is_test = torch::empty({static_cast<int64_t>(test.size())}, torch::kBool);
  std::copy(test.begin(), test.end(), is_test.data_ptr<bool>());
  return make_drawings(torch::stack(images), is_test, std::move(texts),
                       note_by_drawer("28x28 images made here of the drawings", is_test));
}

}  // namespace

std::optional<Drawings> read_omniglot(const fs::path& folder, const std::string& labels) {
  const bool characters = labels == "characters";
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return std::nullopt;
  if (const fs::path mat = folder / "chardata.mat"; fs::exists(mat, ignored)) {
    return read_chardata(mat.string(), characters);
  }
  if (find_data_file(folder, "omniglot28-images-idx3-ubyte")) {
    return read_idx_files(folder, characters);
  }
  return read_pictures(folder, characters);
}

}  // namespace clade
