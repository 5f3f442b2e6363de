#include "clade/data/images.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "clade/core/error.h"
#include "clade/data/image_files.h"
#include "clade/data/load.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

torch::Tensor pixels(std::vector<int64_t> values, std::vector<int64_t> shape) {
  return torch::tensor(values).to(torch::kUInt8).view(shape);
}

TEST(Conform, GreyIsLuma) {
  const auto image = pixels({255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90}, {1, 4, 3});
  EXPECT_TRUE(conform(image, {{}, true}).equal(pixels({76, 150, 29, 90}, {1, 4})));
  EXPECT_TRUE(conform(image, {}).equal(image));
}

TEST(Conform, ShrinkingAveragesWhatItCovers) {
  // One bright column in four: two-point interpolation at the new pixels' centres would miss all.
  auto stripes = torch::zeros({16, 16}, torch::kUInt8);
  stripes.slice(1, 0, 16, 4).fill_(200);
  const auto small = conform(stripes, {{4, 4}, false});
  ASSERT_EQ(small.sizes(), (torch::IntArrayRef{4, 4}));
  EXPECT_LE((small.slice(1, 1, 3).to(torch::kInt64) - 50).abs().max().item<int64_t>(), 5);
  // A quarter of the picture stays where it is.
  auto corner = torch::zeros({12, 12, 3}, torch::kUInt8);
  corner.slice(0, 0, 6).slice(1, 6, 12).select(2, 1).fill_(240);
  const auto moved = conform(corner, {{4, 6}, false});
  ASSERT_EQ(moved.sizes(), (torch::IntArrayRef{4, 6, 3}));
  EXPECT_EQ(moved[0][5][1].item<int64_t>(), 240);
  EXPECT_EQ(moved[0][5][0].item<int64_t>(), 0);
  EXPECT_EQ(moved[3][5][1].item<int64_t>(), 0);
  EXPECT_EQ(moved[0][0][1].item<int64_t>(), 0);
  EXPECT_TRUE(
      conform(torch::full({5, 7}, 99, torch::kUInt8), {{3, 9}, false}).eq(99).all().item<bool>());
}

#if defined(CLADE_WITH_PNG) && defined(CLADE_WITH_ZLIB)

using testing::grey_png;
using testing::png_bytes;

const std::string kZero(1, '\0');

std::string flat(int width, int height, char level) {
  return grey_png(static_cast<uint32_t>(width), static_cast<uint32_t>(height),
                  std::string(static_cast<size_t>(width * height), level));
}

TEST(ImageFolder, APartByItselfIsNoClass) {
  const TestFolder folder;
  for (const char* name : {"train/a/1.png", "train/b/2.png"}) folder.write(name, flat(2, 1, '\5'));
  const ImageFolder images = read_image_folder(folder.path(), {}, {});
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(images.parts.empty());
}

TEST(ImageFolder, ThatHoldsOneFolderAndNothingElseIsDividedAsThatIs) {
  const TestFolder folder;
  for (const char* name : {"photos/in/a/1.png", "photos/in/b/2.png"}) {
    folder.write(name, flat(2, 1, '\5'));
  }
  const ImageFolder images = read_image_folder(folder.path(), {}, {});
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(images.note.find("divided as in its photos/in"), std::string::npos) << images.note;
  // But images of one class alone are of that.
  EXPECT_EQ(read_image_folder(folder.path("photos/in/"), {}, {}).classes,
            (std::vector<std::string>{"a", "b"}));
  const TestFolder one;
  one.write("a/1.png", flat(2, 1, '\5'));
  EXPECT_EQ(read_image_folder(one.path(), {}, {}).classes, (std::vector<std::string>{"a"}));
}

TEST(ImageFolder, HasLabelsByTheNamesOfFiles) {
  const TestFolder folder;
  for (int i = 0; i < 12; ++i) {
    folder.write("photos/" + std::to_string(i) + ".png", flat(2, 1, static_cast<char>(i)));
  }
  const auto labels = [&](const std::string& text) {
    const Points points = read_points(folder.path("photos"), folder.write("labels.csv", text));
    std::string said;
    for (int64_t i = 0; i < 12; ++i) {
      const auto label = points.labels[i].item<int64_t>();
      said += label < 0 ? "-" : points.label_names[static_cast<size_t>(label)];
    }
    return said;
  };
  std::string by_file = "file,label\n", by_number = "id,label\n", some = "file,label\n";
  for (int i = 11; i >= 0; --i) {
    const std::string label = std::string(1, "xyz"[i % 3]) + "\n";
    by_file += "photos/" + std::to_string(i) + ".png," + label;
    by_number += std::to_string(i) + "," + label;
    if (i < 3) some += std::to_string(i) + ".png," + label;
  }
  // In the order of their names: 0, 1, 10, 11, 2, …
  EXPECT_EQ(labels(by_file), "xyyzzxyzxyzx");
  EXPECT_EQ(labels(by_number), "xyyzzxyzxyzx");
  EXPECT_EQ(labels(some), "xy--z-------");
}

TEST(ImageFolder, SaysInWhichOrderItsFilesHaveLabelsWithoutNames) {
  const auto note = [](const std::vector<std::string>& files, const std::string& labels) {
    const TestFolder folder;
    for (const auto& file : files) folder.write("photos/" + file, flat(2, 1, '\5'));
    return read_points(folder.path("photos"), folder.write("labels.csv", labels)).note;
  };
  EXPECT_EQ(note({"img1.png", "img10.png", "img2.png"}, "kind\nx\ny\ny\n"),
            "labels are taken in the order of the files' names, in which img10.png stands before "
            "img2.png; if theirs is another, give them a column of file names");
  EXPECT_EQ(note({"img01.png", "img02.png", "img10.png"}, "kind\nx\ny\ny\n"), "");
  EXPECT_EQ(note({"a9.png", "b10.png", "c2d.png"}, "kind\nx\ny\ny\n"), "");
  EXPECT_EQ(note({"1.png", "10.png", "2.png"}, "file,kind\n1.png,x\n10.png,y\n2.png,y\n"), "");
}

TEST(ImageFolder, TakesItsFilesInOrderAndSubfoldersForClasses) {
  const TestFolder folder;
  for (const char* name :
       {"b/2.png", "b/10.PNG", "b.c/1.png", "a/deep/er/x.png", "a/.hidden.png", ".trash/y.png"}) {
    folder.write(name, flat(2, 1, '\5'));
  }
  folder.write("a/notes.txt", "no image");
  std::vector<std::string> names;
  for (const auto& file : find_images(folder.path()).files) {
    names.push_back(file.lexically_relative(folder.path()).string());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"a/deep/er/x.png", "b/10.PNG", "b/2.png", "b.c/1.png"}));
  const ImageFolder images = read_image_folder(folder.path() + "/", {}, {});
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b", "b", "b.c"}));
  EXPECT_EQ(images.files, names);
  EXPECT_TRUE(images.values.equal(torch::full({4, 1, 2}, 5, torch::kUInt8)));

  folder.write("loose.png", flat(2, 1, '\5'));
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"loose.png", "a/deep/er/x.png", "one a class"});
}

TEST(FindImages, CountsAndNamesWhatItLeavesOut) {
  const TestFolder folder;
  for (const char* name :
       {"a/1.png", "a/2.JPEG", "a/3.jfif", "4.webp", "a/5.WebP", "a/6.gif", "a/.DS_Store",
        "Thumbs.db", "a/notes.txt", ".git/7.png", "a/.8.png", "README"}) {
    folder.write(name, "x");
  }
  for (const char* name :
       {"runs/one/experiment.toml", "runs/one/run.json", "runs/one/report/samples.png"}) {
    folder.write(name, "x");
  }
  ::mkfifo(folder.path("a/9.png").c_str(), 0600);
  std::filesystem::create_symlink("nowhere", folder.path("a/10.png"));
  const ImageFiles found = find_images(folder.path());
  EXPECT_EQ(found.files.size(), 3U);
  EXPECT_EQ(found.note,
            "8 files left out: 2 .webp, 1 .DS_Store, 1 .db, 1 .gif, 1 .txt, 1 README and 1 of "
            "other kinds; 1 hidden folder left out; the run folder " +
                folder.path("runs/one") +
                " left out; 1 pipe or device left out; 1 link to nothing left out");
  expect_error<DataError>([&] { find_images(folder.path("runs/one")); }, {"runs/one", "of a run"});
}

TEST(FindImages, SaysHowImagesOfOtherFormatsBecomeSome) {
  const TestFolder folder;
  folder.write("photos/a/1.WebP", "x");
  folder.write("photos/notes.txt", "x");
  folder.write("texts/notes.txt", "x");
  expect_error<DataError>([&] { read_image_folder(folder.path("photos"), {}, {}); },
                          {"photos", "holds no .png", "1 .webp", "mogrify -format png *.webp"});
  expect_error<DataError>([&] { read_image_folder(folder.path("texts"), {}, {}); },
                          {"texts", "holds no .png", "give a folder of images"});
}

TEST(FindImages, FollowsLinksOnceAndNeverInCircles) {
  const TestFolder folder;
  for (const char* name : {"data/a/1.png", "data/z/2.png", "data/z/3.png", "other/4.png",
                           "other/deep/5.png", "6.png"}) {
    folder.write(name, "x");
  }
  const auto link = [&](const std::string& to, const std::string& name) {
    std::filesystem::create_symlink(to, folder.path("data/" + name));
  };
  link(".", "here");
  link("..", "above");
  link("/", "a/root");
  link("z", "b");
  link("../z/2.png", "a/2.png");
  link("../other", "linked");
  link("../other/deep", "zz");
  link("../../6.png", "a/6.png");
  std::filesystem::create_symlink("../../data", folder.path("other/deep/back"));
  std::vector<std::string> names;
  const ImageFiles found = find_images(folder.path("data"));
  for (const auto& file : found.files) {
    names.push_back(file.lexically_relative(folder.path("data")).string());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a/1.png", "a/6.png", "linked/4.png",
                                             "linked/deep/5.png", "z/2.png", "z/3.png"}));
  EXPECT_EQ(found.note, "7 links left out, to a folder above or to what is read already");
}

TEST(ImageFolder, IsDividedByItsFoldersTrainAndTest) {
  const TestFolder folder;
  for (int i = 0; i < 20; ++i) {
    const std::string name = (i % 2 == 0 ? "dark/" : "bright/") + std::to_string(i) + ".png";
    const char level = i % 2 == 0 ? '\0' : '\xff';
    folder.write("Train/" + name, flat(2, 1, level));
    if (i < 6) folder.write("test/" + name, flat(2, 1, level));
    if (i < 4) folder.write("extra/" + name, flat(2, 1, level));
  }
  DataOptions options;
  options.path = folder.path();
  const auto names_start = [](const Dataset& data, const std::string& start) {
    return std::all_of(data.names.names.begin(), data.names.names.end(),
                       [&](const std::string& name) { return name.rfind(start, 0) == 0; });
  };
  Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.test.size(), 6);
  EXPECT_EQ(splits.validation.size(), 2);  // a tenth of the 20
  EXPECT_EQ(splits.train.size(), 18);
  EXPECT_TRUE(names_start(splits.test, "test/"));
  EXPECT_TRUE(names_start(splits.train, "Train/"));
  EXPECT_TRUE(names_start(splits.validation, "Train/"));
  EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"bright", "dark"}));
  EXPECT_TRUE(splits.test.x.select(1, 0).eq(1 - splits.test.labels).all().item<bool>())
      << splits.test.x << splits.test.labels << splits.said;
  for (const char* part : {"Train/, test/ are its parts", "4 images in none of them left out"}) {
    EXPECT_NE(splits.said.find(part), std::string::npos) << splits.said;
  }
  options.test = 7;
  expect_error<ConfigError>([&] { load_splits(options, 1); }, {"data.test is 7", "6 such points"});
  // Files are sorted by folder: some of a part are not those of its first class.
  options.test = 3;
  bool several = false;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const auto labels = load_splits(options, seed).test.labels;
    several |= labels.min().item<int64_t>() < labels.max().item<int64_t>();
  }
  EXPECT_TRUE(several);

  folder.write("val/dark/1.png", flat(2, 1, '\0'));
  options.test = 5;
  splits = load_splits(options, 1);
  EXPECT_EQ(splits.test.size(), 5);
  EXPECT_TRUE(names_start(splits.validation, "val/"));
  EXPECT_EQ(splits.train.size(), 20);
  // To a trained model all are points.
  EXPECT_EQ(load_points(folder.path(), "", splits.preprocessing, {1, 2}).size(), 27);
}

TEST(ImageFolder, IsWeighedBeforeItIsRead) {
  const TestFolder folder;
  const std::string large = grey_png(2400, 1800, std::string(2400 * 1800, '\x40'));
  for (int i = 0; i < 12; ++i) folder.write(std::to_string(i) + ".png", large);
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlimit limit{pages * 4096 + (uint64_t{300} << 20), before.rlim_max};
  ::setrlimit(RLIMIT_AS, &limit);
  expect_error<DataError>(
      [&] { read_image_folder(folder.path(), {}, {}); },
      {"12 images of 1800x2400 grey", "MiB of memory", "--set data.resize=[48,64]"});
  ::setrlimit(RLIMIT_AS, &before);
}

TEST(ImageFolder, OfPhotographsOfSeveralSizesIsToBeMadeSmall) {
  const TestFolder folder;
  folder.write("1.png", flat(300, 200, 'a'));
  folder.write("2.png", flat(200, 300, 'a'));
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"2.png is 300x200", "--set data.resize=[43,64]"});
}

TEST(ImageFolder, SaysWhichImageIsOddAndWhatToDo) {
  const TestFolder folder;
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {folder.path().c_str(), "no .png", "clade data"});
  folder.write("1.png", flat(2, 3, 'a'));
  folder.write("2.png", flat(4, 6, 'a'));
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"2.png is 6x4 grey", "1.png is 3x2 grey", "--set data.resize=[3,2]"});
  EXPECT_TRUE(read_image_folder(folder.path(), {{3, 2}, false}, {})
                  .values.equal(torch::full({2, 3, 2}, 'a', torch::kUInt8)));
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {}, {6, 4});
      },
      {"1.png is 3x2 grey", "trained on 6x4 grey", "--set data.resize=[6,4]"});
  folder.write("2.png", png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc"));
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {{3, 2}, false}, {});
      },
      {"2.png is 3x2 RGB", "data.greyscale=true"});
  EXPECT_EQ(read_image_folder(folder.path(), {{3, 2}, true}, {}).values.dim(), 3);
  folder.write("3.png", "not an image");
  expect_error<DataError>(
      [&] {
        read_image_folder(folder.path(), {{3, 2}, true}, {});
      },
      {"3.png", "neither"});
}

TEST(ImageFolder, NamesAllImagesThatAreBroken) {
  const TestFolder folder;
  for (int i = 0; i < 9; ++i) folder.write(std::to_string(i) + ".png", flat(2, 1, '\5'));
  for (const char* name : {"3.png", "5.png"}) folder.write(name, "not an image");
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"3.png", "neither", "; 1 other file cannot be read: '", "5.png'"});
  for (const char* name : {"6.png", "7.png", "8.png"}) folder.write(name, "not an image");
  expect_error<DataError>([&] { read_image_folder(folder.path(), {}, {}); },
                          {"; 4 other files cannot be read: '", "7.png' and 1 more"});
}

TEST(ImageFolder, SaysIfResizingStretches) {
  const TestFolder folder;
  folder.write("1.png", flat(40, 30, '\5'));
  folder.write("2.png", flat(20, 20, '\5'));
  EXPECT_EQ(read_image_folder(folder.path(), {{10, 10}, false}, {}).note,
            "stretched to other proportions (1 image)");
  EXPECT_EQ(read_image_folder(folder.path(), {{11, 15}, false}, {}).note,
            "stretched to other proportions (1 image)");  // the second
  folder.write("2.png", flat(8, 6, '\5'));
  EXPECT_EQ(read_image_folder(folder.path(), {{11, 15}, false}, {}).note, "");
}

TEST(ImageFolder, IsDataToTrainOnWithItsClassesForLabels) {
  const TestFolder folder;
  for (int i = 0; i < 6; ++i) {
    const std::string name = std::to_string(i) + ".png";
    folder.write("images/dark/" + name, flat(2 + i, 2, '\0'));
    folder.write("images/bright/" + name, flat(2, 2 + i, '\xff'));
  }
  DataOptions options;
  options.path = folder.path("images");
  options.images.resize = {2, 2};
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.size(), 12 - 2);
  EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(splits.train.label_names, (std::vector<std::string>{"bright", "dark"}));
  EXPECT_TRUE(splits.train.x.select(1, 3).eq(1 - splits.train.labels).all().item<bool>());
  EXPECT_EQ(suggested_likelihood(splits), "bernoulli");
  // Shuffled, each still knows its file: dark ones stand behind the bright.
  EXPECT_EQ(splits.train.names.title, "file");
  ASSERT_EQ(splits.train.names.names.size(), 10);
  for (int64_t i = 0; i < splits.train.size(); ++i) {
    const bool dark = splits.train.labels[i].item<int64_t>() == 1;
    const int64_t row = splits.train.rows[i].item<int64_t>();
    EXPECT_EQ(splits.train.names.names[static_cast<size_t>(i)],
              (dark ? "dark/" : "bright/") + std::to_string(row % 6) + ".png");
    EXPECT_EQ(row >= 6, dark);
  }

  // What the model was trained with goes for what it is given later.
  folder.write("more/1.png", flat(9, 7, '\xff'));
  const Dataset more = load_points(folder.path("more"), "", splits.preprocessing,
                                   splits.train.shape, splits.train.label_names);
  EXPECT_TRUE(more.x.equal(torch::ones({1, 4})));
  EXPECT_FALSE(more.labelled());
  Preprocessing as_they_are = splits.preprocessing;
  as_they_are.images = {};
  expect_error<DataError>(
      [&] {
        load_points(folder.path("more"), "", as_they_are, {2, 2});
      },
      {"1.png is 7x9", "trained on 2x2"});

  options.labels = folder.write("labels", "0\n1\n0\n1\n0\n1\n0\n1\n0\n1\n0\n1\n");
  EXPECT_EQ(load_splits(options, 1).train.label_names, (std::vector<std::string>{"0", "1"}));
  options.labels = "kind";
  expect_error<DataError>([&] { load_splits(options, 1); }, {"kind", "data.labels"});
}

TEST(ImageFolder, ColoursAreThreeNumbersAPixel) {
  const TestFolder folder;
  folder.write("1.png", png_bytes(2, 1, 8, 2, kZero + "\x01\x02\x03\xfa\xfb\xfc"));
  DataOptions options;
  options.path = folder.path();
  const Splits splits = load_splits(options, 1);
  EXPECT_EQ(splits.train.shape, (std::vector<int64_t>{1, 2, 3}));
  EXPECT_TRUE(splits.train.x.mul(255).round().equal(
      torch::tensor({1.0F, 2.0F, 3.0F, 250.0F, 251.0F, 252.0F}).view({1, 6})));
  EXPECT_EQ(splits.said.find("greyscale"), std::string::npos) << splits.said;
}

TEST(ImageFolder, KeepsSixteenBits) {
  const TestFolder folder;
  const auto write = [&](const std::string& name, std::vector<int> levels) {
    std::string line = kZero;
    for (const int level : levels) {
      line += static_cast<char>(level >> 8);
      line += static_cast<char>(level & 0xff);
    }
    return folder.write(name, png_bytes(2, 2, 16, 0, line + line));
  };
  // A camera of 12 bits, whose steps eight bits do not tell apart.
  write("deep/1.png", {7, 4095});
  write("deep/2.png", {8, 4094});
  write("deep/3.png", {9, 4000});
  DataOptions options;
  options.path = folder.path("deep");
  options.validation = options.test = 0;
  const Splits deep = load_splits(options, 1);
  EXPECT_NE(deep.said.find("grey levels from 0 to 4095"), std::string::npos) << deep.said;
  EXPECT_EQ(deep.preprocessing.images.bits, 16);
  const auto levels = [](const Dataset& data, const Preprocessing& how) {
    const auto sorted = std::get<0>(how.restore(data.x).round().sort(0));  // [N, 4]
    return sorted.slice(1, 0, 2).to(torch::kInt64);
  };
  EXPECT_TRUE(levels(deep.train, deep.preprocessing)
                  .equal(torch::tensor({7, 4000, 8, 4094, 9, 4095}).view({3, 2})));
  // White stays white beside images of 8 bits, whichever come first.
  for (const char* name : {"0.png", "9.png"}) {
    folder.write(std::string("mixed/") + name, grey_png(2, 2, "\x01\xff\x01\xff"));
    write("mixed/5.png", {300, 65535});
    options.path = folder.path("mixed");
    const Splits mixed = load_splits(options, 1);
    EXPECT_NE(mixed.said.find("8 bits became 16 (1 image)"), std::string::npos) << mixed.said;
    EXPECT_TRUE(levels(mixed.train, mixed.preprocessing)
                    .equal(torch::tensor({257, 65535, 300, 65535}).view({2, 2})));
    std::filesystem::remove_all(folder.path("mixed"));
  }
  // A model of eight bits, as those were that knew no others, reads eight.
  Preprocessing eight = deep.preprocessing;
  eight.images.bits = 8;
  eight.shift = torch::zeros_like(eight.shift);
  eight.scale = torch::full_like(eight.scale, 255);
  eight.binarise = false;
  const Dataset read = load_points(folder.path("deep"), "", eight, {2, 2});
  EXPECT_TRUE(levels(read, eight).equal(torch::tensor({0, 249, 0, 255, 1, 255}).view({3, 2})));
  EXPECT_NE(read.note.find("16 bits became 8 (3 images)"), std::string::npos) << read.note;
  EXPECT_NE(read.note.find("white of 16 bits is 4095"), std::string::npos) << read.note;
  write("deep/4.png", {9, 40000});
  EXPECT_EQ(load_points(folder.path("deep"), "", eight, {2, 2}).note.find("white of"),
            std::string::npos);
  // And one of twelve reads eight as twelve; a folder of both has one white.
  folder.write("bytes/1.png", grey_png(2, 2, std::string("\x00\xff\x00\xff", 4)));
  Preprocessing twelve = deep.preprocessing;
  twelve.binarise = false;
  const Dataset bytes = load_points(folder.path("bytes"), "", twelve, {2, 2});
  EXPECT_TRUE(levels(bytes, twelve).equal(torch::tensor({{0, 4095}}))) << levels(bytes, twelve);
  write("bytes/2.png", {7, 4000});
  options.path = folder.path("bytes");
  const Splits both = load_splits(options, 1);
  EXPECT_TRUE(
      levels(both.train, both.preprocessing).equal(torch::tensor({0, 4000, 7, 4095}).view({2, 2})));
}

TEST(ImageFolder, MayHaveAPartWhoseClassesAreUnknown) {
  const TestFolder folder;
  for (const char* name : {"train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"}) {
    folder.write(name, flat(2, 1, '\x40'));
  }
  const Points points = read_points(folder.path(), "");
  EXPECT_EQ(points.label_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(points.labels.equal(
      torch::tensor({kUnknownLabel, kUnknownLabel, int64_t{0}, int64_t{1}}, torch::kInt64)))
      << points.labels;
  folder.write("train/1.png", flat(2, 1, '\x40'));
  expect_error<DataError>([&] { read_points(folder.path(), ""); }, {"both in subfolders"});
}

TEST(ImageFolder, SaysIfItsClassesHaveTheSameSubfolders) {
  const TestFolder folder;
  for (const char* name : {"val/a/1.png", "val/b/1.png", "test/a/1.png", "test/b/1.png"}) {
    folder.write(name, flat(2, 1, '\x40'));
  }
  const Points points = read_points(folder.path(), "");
  EXPECT_EQ(points.label_names, (std::vector<std::string>{"test", "val"}));
  EXPECT_NE(points.note.find("not of those inside each, 'a', 'b'"), std::string::npos)
      << points.note;
}

TEST(ImageFolder, SaysWhatItLeavesOut) {
  const TestFolder folder;
  folder.write("1.png", png_bytes(2, 1, 8, 6, kZero + "aaa\xff" + "bbb\xff"));
  folder.write("2.png", png_bytes(2, 1, 8, 6, kZero + "ccc\xff" + "dddz"));
  folder.write("3.png", png_bytes(2, 1, 16, 2, kZero + "eeeeeeffffff"));
  DataOptions options;
  options.path = folder.path();
  const Splits splits = load_splits(options, 1);
  for (const char* part : {"8 bits became 16 (2 images)", "alpha channel lies on white (2 images)",
                           "data.greyscale = true"}) {
    EXPECT_NE(splits.said.find(part), std::string::npos) << splits.said;
  }
  const Dataset again = load_points(folder.path(), "", splits.preprocessing, splits.train.shape);
  EXPECT_NE(again.note.find("8 bits became 16"), std::string::npos) << again.note;
  EXPECT_EQ(again.note.find("greyscale"), std::string::npos) << again.note;
  options.images.greyscale = true;
  EXPECT_EQ(load_splits(options, 1).train.shape, (std::vector<int64_t>{2}));
}

#endif

TEST(ImageReading, OnlyFoldersOfImagesAreReadAnew) {
  const TestFolder folder;
  DataOptions options;
  options.path = folder.write("a.csv", "1,2\n3,4\n");
  options.images.greyscale = true;
  expect_error<ConfigError>([&] { load_splits(options, 1); }, {"data.greyscale", "a.csv"});
  options.images = {{28}, false};
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize is 28", "[H, W]"});
  options.images.resize = {0, 28};
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize is 0x28"});
  options.images.resize = {28, 28};
  options.path.clear();
  options.name = "mnist";
  expect_error<ConfigError>([&] { options.validate(); }, {"data.resize", "mnist"});
}

}  // namespace
}  // namespace clade
