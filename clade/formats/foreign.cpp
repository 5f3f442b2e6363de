#include "clade/formats/foreign.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <sstream>

#include "clade/formats/bytes.h"

namespace clade {
namespace {

struct Foreign {
  size_t offset;
  std::string_view mark;
  std::string_view what;
  std::string_view advice;
};

constexpr std::string_view kSaveArray = "in Python save its array: numpy.save(path, array)";
constexpr std::string_view kUnpack = "unpack it, and give what is in it";
constexpr std::string_view kImage = "make it PNG or JPEG, say by: magick mogrify -format png FILES";
constexpr std::string_view kNotATable = "give the table itself, as CSV";

using namespace std::string_view_literals;

// Of binary files: the first that fits counts.
constexpr std::array kBinary = {
    Foreign{0, "MATLAB 7.3 MAT-file"sv, "a MATLAB file of version 7.3",
            "save it in MATLAB with -v7, or in Python as .npy: numpy.save(path, "
            "h5py.File(FILE)['X'][:].T), of an array whose last dimension counts the points, as of "
            "images [H, W, 3, N], numpy.save(path, numpy.moveaxis(array, -1, 0))"},
    Foreign{0, "PAR1"sv, "a Parquet table",
            "in Python: pandas.read_parquet(FILE).to_csv(path, index=False)"},
    Foreign{0, "ARROW1"sv, "an Arrow (Feather) table",
            "in Python: pandas.read_feather(FILE).to_csv(path, index=False)"},
    Foreign{0, "FEA1"sv, "a Feather table",
            "in Python: pandas.read_feather(FILE).to_csv(path, index=False)"},
    Foreign{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an old Excel, Word or other Office document",
            "save the sheet as CSV"},
    Foreign{0, "X\n\0\0\0"sv, "R data (.rds)", "in R: write.csv(readRDS(FILE), row.names = FALSE)"},
    Foreign{0, "RDX"sv, "R data (.rda)", "in R load() it, and write.csv(table, row.names = FALSE)"},
    Foreign{0, "\x80\2\x8a\nl\xfc\x9c"sv, "a PyTorch file",
            "in Python: numpy.save(path, torch.load(FILE).numpy())"},
    Foreign{0, "\x80\2"sv, "a Python pickle", kSaveArray},
    Foreign{0, "\x80\3"sv, "a Python pickle", kSaveArray},
    Foreign{0, "\x80\4"sv, "a Python pickle", kSaveArray},
    Foreign{0, "\x80\5"sv, "a Python pickle", kSaveArray},
    Foreign{0, "SQLite format 3"sv, "an SQLite database", "export a table as CSV"},
    Foreign{128, "DICM"sv, "a DICOM image", kImage},
    Foreign{0, "BZh"sv, "packed by bzip2", kUnpack},
    Foreign{0,
            "\xfd"
            "7zXZ"sv,
            "packed by xz", kUnpack},
    Foreign{0, "\x28\xb5\x2f\xfd"sv, "packed by zstd", kUnpack},
    Foreign{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive", kUnpack},
    Foreign{0, "Rar!"sv, "a RAR archive", kUnpack},
    Foreign{257, "ustar"sv, "a tar archive", kUnpack},
    Foreign{4, "ftypheic"sv, "a HEIC image", kImage},
    Foreign{4, "ftypmif1"sv, "a HEIC image", kImage},
    Foreign{4, "ftypavif"sv, "an AVIF image", kImage},
    Foreign{4, "ftyp"sv, "a film", "give its frames as a folder of PNG or JPEG images"},
    Foreign{8, "WEBP"sv, "a WebP image", kImage},
    Foreign{0, "GIF8"sv, "a GIF image", kImage},
    Foreign{0, "II*\0"sv, "a TIFF image", kImage},
    Foreign{0, "MM\0*"sv, "a TIFF image", kImage},
    Foreign{0, "\0\0\0\x0cjP  "sv, "a JPEG 2000 image", kImage},
    Foreign{0, "BM"sv, "a BMP image", kImage},
};

// Of files that may be text. Marks in small letters fit either case.
constexpr std::array kText = {
    Foreign{0, "%PDF-"sv, "a PDF document", kNotATable},
    Foreign{0, "SIMPLE  ="sv, "FITS", "in Python: numpy.save(path, astropy.io.fits.getdata(FILE))"},
    Foreign{0, "%%MatrixMarket"sv, "a Matrix Market file",
            "in Python: scipy.sparse.save_npz(path, scipy.io.mmread(FILE).tocsr())"},
    Foreign{0, "<!doctype html"sv, "a web page", "download the file itself"},
    Foreign{0, "<html"sv, "a web page", "download the file itself"},
    Foreign{0, "<?xml"sv, "XML", kNotATable},
    Foreign{0, "version https://git-lfs"sv, "a pointer of Git LFS",
            "fetch the file it stands for: git lfs pull"},
    Foreign{0, "@relation"sv, "an ARFF table", "save it as CSV"},
};

std::string sentence(std::string_view what, std::string_view advice) {
  return std::string(what) + ", which is not read; " + std::string(advice);
}

bool fits(std::string_view bytes, std::string_view mark) {
  return std::equal(bytes.begin(), bytes.end(), mark.begin(), mark.end(), [](char a, char b) {
    return a == b || std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

/// `start` from its first letter on.
std::string_view text_in(std::string_view start) {
  if (start.substr(0, 3) == "\xef\xbb\xbf") start.remove_prefix(3);
  return start.substr(std::min(start.find_first_not_of(" \r\n\t"), start.size()));
}

bool is_json(std::string_view text) {
  const std::string_view inside = text_in(text.substr(std::min<size_t>(1, text.size())));
  const char next = inside.empty() ? ' ' : inside[0];
  return text.substr(0, 1) == "{" ? next == '"'
                                  : text.substr(0, 1) == "[" && (next == '[' || next == '{');
}

/// LIBSVM's: lines of a number, and then INDEX:VALUE, indices rising from line to line's end.
bool is_svmlight(std::string_view start) {
  const std::string_view line = start.substr(0, start.find_first_of("\r\n"));
  std::istringstream words{std::string(line)};
  double label = 0, value = 0;
  long index = 0, before = -1;
  char colon = 0;
  if (!(words >> label)) return false;
  while (words >> index >> colon >> value) {
    if (colon != ':' || index <= before) return false;
    before = index;
  }
  return before >= 0 && words.eof();
}

/// A MATLAB file of version 4 has no mark. It begins with a matrix: its type, MOPT, of machine M, 0
/// or 1 of big-endian numbers, precision P, kind T; rows, columns, whether it is complex; the bytes
/// of its name, and the name. (MATLAB's "MAT-File Format", version 4.)
bool is_mat_4(std::string_view start) {
  constexpr size_t kHeader = 20, kMostName = 64;
  if (start.size() < kHeader) return false;
  for (const bool big_endian : {false, true}) {
    const auto field = [&](size_t i) { return load_number<uint32_t>(&start[4 * i], big_endian); };
    const uint32_t type = field(0) - (big_endian ? 1000 : 0), size = field(4);
    if (type / 10 > 5 || type % 10 > 2 || field(3) > 1 || size < 2 || size > kMostName) continue;
    const std::string_view name = start.substr(kHeader, size);
    const bool ends = name.size() == size && name.back() == '\0';
    if (ends && std::all_of(name.begin(), name.end() - 1, [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
        })) {
      return true;
    }
  }
  return false;
}

/// A table may have a column called PAR1.
bool is_binary(std::string_view start) {
  return std::any_of(start.begin(), start.end(), [](char c) {
    return std::iscntrl(static_cast<unsigned char>(c)) != 0 && c != '\n' && c != '\r' && c != '\t';
  });
}

template <size_t n>
std::optional<std::string> found_in(const std::array<Foreign, n>& formats, std::string_view start) {
  for (const Foreign& format : formats) {
    const bool reaches = start.size() >= format.offset + format.mark.size();
    if (reaches && fits(start.substr(format.offset, format.mark.size()), format.mark)) {
      return sentence(format.what, format.advice);
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> foreign_format(std::string_view start) {
  if (is_binary(start)) {
    if (auto binary = found_in(kBinary, start)) return binary;
    if (is_mat_4(start))
      return sentence("a MATLAB file of version 4",
                      "save it in MATLAB with -v7, or in Python as .npy: numpy.save(path, "
                      "scipy.io.loadmat(FILE)['X'])");
  }
  const std::string_view text = text_in(start);
  if (auto found = found_in(kText, text)) return found;
  if (is_svmlight(text)) {
    return sentence("LIBSVM's (svmlight) format",
                    "in Python: x, y = sklearn.datasets.load_svmlight_file(FILE); "
                    "scipy.sparse.save_npz(path, x)");
  }
  if (is_json(text)) return sentence("JSON", "save its numbers as CSV");
  return std::nullopt;
}

std::string foreign_archive(const std::vector<std::string>& names) {
  const auto holds = [&](std::string_view part) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.find(part) != std::string::npos;
    });
  };
  if (holds("xl/workbook")) return sentence("an Excel workbook", "save the sheet as CSV");
  if (holds("word/document")) return sentence("a Word document", kNotATable);
  if (holds("ppt/presentation")) return sentence("a PowerPoint document", kNotATable);
  if (holds("META-INF/manifest.xml") && holds("content.xml")) {
    return sentence("an OpenDocument sheet or text", "save the sheet as CSV");
  }
  if (holds("model.weights.h5")) return sentence("a Keras model", "give data to train on");
  if (holds("data.pkl")) {
    return sentence("a PyTorch file", "in Python: numpy.save(path, torch.load(FILE).numpy())");
  }
  if (holds("META-INF/MANIFEST.MF")) return sentence("a Java archive", kNotATable);
  if (holds("META-INF/container.xml")) return sentence("an e-book", kNotATable);
  if (holds(".zarray") || holds("zarr.json")) return sentence("a Zarr array", kSaveArray);
  const std::string first = names.empty() ? "nothing" : names.front();
  return sentence("a ZIP archive of " + first + (names.size() > 1 ? " and others" : "") +
                      ", none of them an array (.npy)",
                  kUnpack);
}

}  // namespace clade
