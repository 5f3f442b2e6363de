#include "fuzz/readers.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "clade/core/error.h"
#include "clade/core/json_file.h"
#include "clade/formats/csv.h"
#include "clade/formats/experiment_file.h"
#include "clade/formats/gzip.h"
#include "clade/formats/idx.h"
#include "clade/formats/jpeg.h"
#include "clade/formats/npy.h"
#include "clade/formats/npz.h"
#include "clade/formats/png.h"
#include "clade/formats/safetensors.h"
#include "clade/formats/sparse.h"

namespace clade::fuzz {
namespace {

template <class Expected, class Call>
void expecting(Call call) {
  try {
    call();
  } catch (const Expected&) {
  }
}

/// The path of a file in memory with these bytes, for readers that take a path.
std::string file_of(std::string_view bytes) {
  static const int file = ::memfd_create("input", 0);
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  return "/proc/self/fd/" + std::to_string(file);
}

/// A setting of every kind.
struct Settings : Options {
  bool flag = false;
  int64_t number = 1;
  double ratio = 1;
  std::string text;
  std::vector<int64_t> sizes;

  std::vector<Option> options() override {
    return {{"flag", &flag, ""},
            {"number", &number, ""},
            {"ratio", &ratio, ""},
            {"text", &text, ""},
            {"sizes", &sizes, ""}};
  }
};

void read_settings(ExperimentFile& file) {
  Settings above, model;
  file.string("model", "name");
  file.read("", above);
  file.read("model", model);
  file.finish();
}

}  // namespace

void csv(std::string_view bytes) {
  expecting<DataError>([&] { parse_csv(bytes, "input"); });
  CsvReading labels;
  labels.as_written = {"1"};
  labels.header = Header::kNo;
  labels.separators = "\t;,|";
  expecting<DataError>([&] { parse_csv(bytes, "input", labels); });
  CsvReading columns;
  columns.as_written = {"kind"};
  columns.leave_out = {"2"};
  columns.expected = {"b", "a"};
  expecting<DataError>([&] { parse_csv(bytes, "input", columns); });
}

void experiment(std::string_view bytes) {
  expecting<ConfigError>([&] {
    ExperimentFile file = ExperimentFile::parse(file_of(bytes));
    read_settings(file);
  });
  expecting<ConfigError>([&] {
    ExperimentFile file;
    file.override(std::string(bytes));
    read_settings(file);
  });
}

void gzip(std::string_view bytes) {
  expecting<DataError>([&] { gunzip(bytes, "input"); });
  expecting<DataError>([&] { inflate(bytes, 64, "input"); });
}

void idx(std::string_view bytes) {
  expecting<DataError>([&] { parse_idx(bytes, "input"); });
}

void jpeg(std::string_view bytes) {
  expecting<DataError>([&] { decode_jpeg(bytes, "input"); });
}

void json(std::string_view bytes) {
  expecting<Error>([&] { read_json_object(file_of(bytes)); });
}

void npy(std::string_view bytes) {
  expecting<DataError>([&] { parse_npy(bytes, "input"); });
}

void npz(std::string_view bytes) {
  expecting<DataError>([&] {
    const auto names = npz_names(bytes, "input");
    for (const std::string& name : names) parse_npz(bytes, name, "input");
    if (is_sparse_matrix(names)) parse_sparse_matrix(bytes, "input");
  });
}

void png(std::string_view bytes) {
  expecting<DataError>([&] { decode_png(bytes, "input"); });
}

void safetensors(std::string_view bytes) {
  expecting<DataError>([&] { read_safetensors(file_of(bytes)); });
}

}  // namespace clade::fuzz
