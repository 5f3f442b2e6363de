#include "clade/formats/foreign.h"

#include <gtest/gtest.h>

#include "clade/core/error.h"
#include "clade/formats/data_file.h"
#include "clade/formats/npz.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

TEST(Foreign, FilesAreNamedWithWhatToDo) {
  const TestFolder folder;
  const auto refuse = [&](const std::string& bytes, std::initializer_list<const char*> parts) {
    expect_error<DataError>([&] { read_data_file(folder.write("data.npy", bytes)); }, parts);
  };
  const std::string zeros(600, '\0');
  refuse("MATLAB 7.3 MAT-file, Platform: GLNXA64" + zeros,
         {"MATLAB", "7.3", "-v7", "h5py", "numpy.moveaxis"});
  for (const bool big_endian : {false, true}) {  // of version 4, as scipy.io.savemat writes it
    std::string matrix;
    for (const uint32_t field : {big_endian ? 1000U : 0U, 2U, 1U, 0U, 2U}) {
      for (int i = 0; i < 4; ++i) {
        matrix += static_cast<char>(field >> 8 * (big_endian ? 3 - i : i) & 0xff);
      }
    }
    refuse(matrix + "X" + zeros, {"a MATLAB file of version 4", "-v7", "loadmat"});
  }
  refuse("PAR1\x15\x04\x15" + zeros, {"a Parquet table", "to_csv"});
  refuse("\x80\x04\x95\xb4\x01" + zeros, {"a Python pickle", "numpy.save"});
  refuse(std::string("X\n\0\0\0\3", 6) + zeros, {"R data (.rds)", "write.csv"});
  refuse(std::string("II*\0\x08", 5) + zeros, {"a TIFF image", "PNG or JPEG"});
  refuse("RIFF\x10\1\1\1WEBPVP8 " + zeros, {"a WebP image", "PNG or JPEG"});
  refuse("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + zeros, {"Excel", "CSV"});
  refuse("%PDF-1.7\n%\xe2\xe3", {"a PDF document", "CSV"});
  refuse("BM\x8a\1\1" + zeros, {"a BMP image", "PNG or JPEG"});
  refuse("<!DOCTYPE HTML>\n<html>", {"a web page", "download"});
  refuse("\r\n\n <!doctype html>\n", {"a web page", "download"});
  refuse("\xef\xbb\xbf<?xml version=\"1.0\"?>\n", {"XML", "CSV"});
  refuse("%%MatrixMarket matrix coordinate integer general\n", {"Matrix Market", "save_npz"});
  refuse("[[1, 2],\n [3, 4]]", {"JSON", "CSV"});
  refuse("{\n  \"x\": [1, 2]}", {"JSON", "CSV"});
  std::string tar(600, '\0');
  tar.replace(257, 5, "ustar");
  refuse("x.csv" + tar.substr(5), {"a tar archive", "unpack"});
  refuse("\xff\xd8\xff\xe0" + zeros, {"one image", "folder"});
}

TEST(Foreign, TablesAreNotTakenForThem) {
  EXPECT_FALSE(foreign_format("PAR1,PAR2\n1,2\n"));
  EXPECT_FALSE(foreign_format("GIF8\tRDX\n1\t2\n"));
  EXPECT_FALSE(foreign_format("[a],b\n1,2\n"));
  EXPECT_FALSE(foreign_format("BMI,age\n21.5,40\n"));
  EXPECT_FALSE(foreign_format(" \n"));
  EXPECT_FALSE(foreign_format("\x93NUMPY\x01"));
  EXPECT_FALSE(foreign_format(""));
}

#ifdef CLADE_WITH_ZLIB
TEST(Foreign, ArchivesAreToldByWhatTheyHold) {
  const auto refuse = [](const std::vector<std::string>& names,
                         std::initializer_list<const char*> parts) {
    std::vector<std::pair<std::string, std::string>> entries;
    for (const std::string& name : names) entries.emplace_back(name, "x");
    expect_error<DataError>([&] { npz_names(testing::zip_bytes(entries, true), "a.zip"); }, parts);
  };
  refuse({"[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"},
         {"a.zip is an Excel workbook", "save the sheet as CSV"});
  refuse({"[Content_Types].xml", "word/document.xml"}, {"a Word document"});
  refuse({"mimetype", "content.xml", "META-INF/manifest.xml"}, {"OpenDocument", "CSV"});
  refuse({"META-INF/MANIFEST.MF", "A.class"}, {"a Java archive"});
  refuse({"model/data.pkl", "model/data/0"}, {"a PyTorch file", "numpy.save"});
  refuse({"metadata.json", "config.json", "model.weights.h5"}, {"a Keras model"});
  refuse({"1.png", "2.png"}, {"a ZIP archive of 1.png and others", "unpack"});
  refuse({"table.csv"}, {"a ZIP archive of table.csv, none", "unpack"});
}
#endif

TEST(Foreign, KnowsFilesOfLibsvm) {
  const auto found = foreign_format("1 1:-0.803 2:2.310 7:1e-3\n-1 2:4\n");
  ASSERT_TRUE(found.has_value());
  EXPECT_NE(found->find("load_svmlight_file"), std::string::npos) << *found;
  for (const char* other : {"1 2 3\n", "1 10:30 9:30\n", "1 1:2 x\n", "1\n", "a 1:2\n"}) {
    EXPECT_FALSE(foreign_format(other).has_value()) << other;
  }
}

}  // namespace
}  // namespace clade
