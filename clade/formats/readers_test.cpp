#include <gtest/gtest.h>
#include <torch/torch.h>

#include <random>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/csv.h"
#include "clade/formats/data_file.h"
#include "clade/formats/gzip.h"
#include "clade/formats/h5ad.h"
#include "clade/formats/idx.h"
#include "clade/formats/mat.h"
#include "clade/formats/mat_for_tests.h"
#include "clade/formats/npy.h"
#include "clade/formats/npz.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::big;
using testing::expect_error;
using testing::idx_bytes;
using testing::little;
using testing::npy_bytes;
using testing::npy_header;
using testing::TestFolder;
#ifdef CLADE_WITH_ZLIB
using testing::deflated;
using testing::zip_bytes;
#endif

void expect_values(const torch::Tensor& values, const torch::Tensor& expected) {
  ASSERT_EQ(values.dtype(), expected.dtype());
  ASSERT_EQ(values.sizes(), expected.sizes());
  EXPECT_TRUE(values.equal(expected)) << values;
  EXPECT_TRUE(values.is_contiguous());
}

torch::Tensor floats(std::vector<float> values) {
  return torch::tensor(values);
}
torch::Tensor doubles(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64);
}
torch::Tensor longs(std::vector<int64_t> values) {
  return torch::tensor(values);
}

TEST(Idx, ReadsEveryType) {
  expect_values(parse_idx(idx_bytes(0x08, {2, 2}, "\x01\xff\x02\x03"), "a").values,
                torch::tensor({1, 255, 2, 3}, torch::kUInt8).view({2, 2}));
  expect_values(parse_idx(idx_bytes(0x09, {2}, "\x01\xff"), "a").values, longs({1, -1}));
  expect_values(parse_idx(idx_bytes(0x0b, {2}, big<int16_t>({258, -2})), "a").values,
                longs({258, -2}));
  expect_values(parse_idx(idx_bytes(0x0c, {2}, big<int32_t>({70000, -3})), "a").values,
                longs({70000, -3}));
  expect_values(parse_idx(idx_bytes(0x0d, {2}, big<float>({0.5F, -4})), "a").values,
                floats({0.5F, -4}));
  expect_values(parse_idx(idx_bytes(0x0e, {1, 2}, big<double>({0.1, -5})), "a").values,
                doubles({0.1, -5}).view({1, 2}));
}

TEST(Idx, RefusesSizesThatDoNotMatchTheBytes) {
  expect_error<DataError>(
      [] {
        parse_idx(idx_bytes(8, {3, 2}, "12345"), "a.idx");
      },
      {"a.idx", "3x2", "5 bytes", "truncated"});
  expect_error<DataError>(
      [] {
        parse_idx(idx_bytes(8, {2, 2}, "12345"), "a.idx");
      },
      {"a.idx", "2x2", "5 bytes", "too many"});
  expect_error<DataError>(
      [] {
        parse_idx(idx_bytes(8, {0, 2}, ""), "a.idx");
      },
      {"a.idx", "zero rows"});
  const uint32_t most = 0xffffffff;
  expect_error<DataError>(
      [&] {
        parse_idx(idx_bytes(14, {most, most, most}, "12345678"), "a");
      },
      {"4294967295x4294967295x4294967295", "truncated"});
  // 2^32 · 2^32 bytes would wrap around to none.
  expect_error<DataError>(
      [&] {
        parse_idx(idx_bytes(8, {1U << 31, 1U << 31, 4}, ""), "a");
      },
      {"truncated"});
  expect_error<DataError>([] { parse_idx(idx_bytes(7, {1}, "1"), "a.idx"); },
                          {"a.idx", "number type 7"});
}

TEST(Npy, ReadsEveryTypeAndByteOrder) {
  const auto read = [](const std::string& descr, const std::string& payload) {
    return parse_npy(npy_bytes(npy_header(descr, "(2,)"), payload), "a").values;
  };
  expect_values(read("<f8", little<double>({1.7e9 + 0.1, -2})), doubles({1.7e9 + 0.1, -2}));
  expect_values(read(">f8", big<double>({1.7e9 + 0.1, -2})), doubles({1.7e9 + 0.1, -2}));
  expect_values(read("<f4", little<float>({0.5, -2})), floats({0.5, -2}));
  expect_values(read("<f2", little<uint16_t>({0x3800, 0xc000})), floats({0.5, -2}));
  expect_values(read("|u1", "\x01\xff"), torch::tensor({1, 255}, torch::kUInt8));
  expect_values(read("|b1", std::string("\1\0", 2)), torch::tensor({1, 0}, torch::kUInt8));
  expect_values(read("|i1", "\x01\xff"), longs({1, -1}));
  expect_values(read(">i2", big<int16_t>({258, -2})), longs({258, -2}));
  expect_values(read("<u2", little<uint16_t>({258, 65535})), longs({258, 65535}));
  expect_values(read("<i4", little<int32_t>({70000, -2})), longs({70000, -2}));
  expect_values(read("<u4", little<uint32_t>({1, 4000000000})), longs({1, 4000000000}));
  expect_values(read(">i8", big<int64_t>({1LL << 40, -2})), longs({1LL << 40, -2}));
  expect_values(read("<u8", little<uint64_t>({1, 2})), longs({1, 2}));
  expect_error<DataError>([&] { read("<u8", little<uint64_t>({1, ~uint64_t{0}})); }, {"2^63"});
}

TEST(Npy, ReadsFortranOrderAndEveryVersion) {
  const std::string payload = little<float>({0, 1, 2, 3, 4, 5});
  const auto c_order = torch::arange(6, torch::kFloat32).view({2, 3});
  const auto fortran_order = torch::arange(6, torch::kFloat32).view({3, 2}).t().contiguous();
  for (const char version : {1, 2, 3}) {
    expect_values(parse_npy(npy_bytes(npy_header("<f4", "(2, 3)"), payload, version), "a").values,
                  c_order);
    expect_values(
        parse_npy(npy_bytes(npy_header("<f4", "(2, 3)", true), payload, version), "a").values,
        fortran_order);
  }
}

TEST(Npy, ReadsHeadersOfPython2AndOfOldVersions) {
  const auto expected = torch::arange(4, torch::kFloat32).view({2, 2});
  for (const std::string header :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 2L), }          ",
        "{u'descr': u'<f4', u'fortran_order': False, u'shape': (2L, 2L)}",
        "{\"shape\":(2,2),\"descr\":\"<f4\",\"fortran_order\":False}",
        "{ 'descr' : 'f4' , 'fortran_order' : False , 'shape' : ( 2 , 2 , ) , } "}) {
    expect_values(parse_npy(npy_bytes(header, little<float>({0, 1, 2, 3})), "a").values, expected);
  }
}

TEST(Npy, ReadsWords) {
  const auto words = [](const std::string& descr, const std::string& shape,
                        const std::string& payload) {
    return parse_npy(npy_bytes(npy_header(descr, shape), payload), "a").words;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("<U2", "(2,)", little<uint32_t>({'N', 'K', 'B', 0})), (Words{"NK", "B"}));
  EXPECT_EQ(words(">U1", "(2, 1)", big<uint32_t>({'N', 0})), (Words{"N", ""}));
  EXPECT_EQ(words("|S3", "()", std::string("csr", 3)), Words{"csr"});
  EXPECT_EQ(words("|S3", "(2,)", std::string("ab\0c\0\0", 6)), (Words{"ab", "c"}));
  // One letter of each length in UTF-8.
  EXPECT_EQ(words("<U4", "(1,)", little<uint32_t>({'z', 0xe9, 0x20ac, 0x1f600})),
            Words{"z\u00e9\u20ac\U0001f600"});
  expect_error<DataError>([&] { words("<U1", "(1,)", little<uint32_t>({0xd800})); }, {"Unicode"});
  expect_error<DataError>(
      [&] {
        words("<U2", "(2,)", little<uint32_t>({1, 2, 3}));
      },
      {"2 values of 8 bytes", "truncated"});
}

TEST(Npy, ReadsRecordsAsATable) {
  // What NumPy writes of [('age', 'i1'), ('height', '<f4')] with align=True: three bytes of
  // padding.
  const std::string header =
      "{'descr': [('age', '|i1'), ('', '|V3'), ('height', '<f4')], 'fortran_order': False, "
      "'shape': (2,), }";
  const Array table = parse_npy(
      npy_bytes(header, "\x07xxx" + little<float>({1.5F}) + "\xffyyy" + little<float>({-2})), "a");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"age", "height"}));
  EXPECT_TRUE(table.values.to(torch::kFloat32).equal(floats({7, 1.5F, -1, -2}).view({2, 2})))
      << table.values;
  const std::string titled =
      "{'descr': [(('what it is', 'x'), '<f4')], 'fortran_order': False, 'shape': (2,), }";
  EXPECT_EQ(parse_npy(npy_bytes(titled, little<float>({1, 2})), "a").columns,
            std::vector<std::string>{"x"});
}

TEST(Npy, RefusesWhatItCannotRead) {
  const auto refuse = [](const std::string& header, std::initializer_list<const char*> parts) {
    expect_error<DataError>([&] { parse_npy(npy_bytes(header, "12345678"), "a.npy"); }, parts);
  };
  refuse(npy_header("|O", "(1,)"),
         {"a.npy", "dtype object", "pickle", "astype('float32')", "astype(str)"});
  refuse(npy_header("<c8", "(1,)"), {"'<c8'", "complex", "array.real"});
  refuse(npy_header("<f16", "(1,)"), {"'<f16'", "astype('float64')"});
  refuse(npy_header("<M8[ns]", "(1,)"), {"'<M8[ns]'", "dates", "astype('int64')"});
  refuse(npy_header("|V8", "(1,)"), {"'|V8'", "astype('float32')"});
  refuse(npy_header("<U0", "(8,)"), {"a.npy", "no bytes"});
  refuse(npy_header("<U9999999999", "(1,)"), {"a.npy", "more than a gigabyte"});
  refuse("{'descr': [('a', '<f4', (3,))], 'fortran_order': False, 'shape': (2,), }",
         {"a.npy", "structured", "'a'", "column_stack"});
  refuse("{'descr': [('a', [('b', '<f4')])], 'fortran_order': False, 'shape': (2,), }",
         {"a.npy", "'a'", "column_stack"});
  refuse("{'descr': [('a', '<f4'), ('kind', '<U1')], 'fortran_order': False, 'shape': (1,), }",
         {"a.npy, field 'kind',", "'<U1', words", "array['kind']"});
  refuse("{'descr': [('', '|V4')], 'fortran_order': False, 'shape': (2,), }", {"without fields"});
  refuse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2), }",
         {"a.npy", "2 dimensions"});
  refuse("{'descr': '<f4', 'shape': (2,), }", {"a.npy", "fortran_order"});
  refuse(npy_header("<f4", "(-2,)"), {"a.npy", "shape"});
  refuse(npy_header("<f4", "()"), {"a.npy", "0 dimensions"});
  refuse(npy_header("<f4", "(0, 3)"), {"a.npy", "zero rows"});
  refuse(npy_header("<f4", "(3,)"), {"a.npy", "truncated"});
  refuse(npy_header("<f4", "(1,)"), {"a.npy", "too many"});
  refuse(npy_header("<f8", "(2305843009213693952, 8)"), {"truncated"});
  refuse(npy_header("<f8", "(99999999999999999999,)"), {"not a whole number"});
  refuse("nonsense", {"a.npy", "bad npy header"});
}

#ifdef CLADE_WITH_ZLIB
TEST(Npz, ReadsStoredAndDeflatedEntries) {
  const std::string x = npy_bytes(npy_header("<f4", "(2, 1)"), little<float>({1, 2}));
  const std::string y = npy_bytes(npy_header("<i8", "(2,)"), little<int64_t>({3, 4}));
  for (const bool deflate : {false, true}) {
    const std::string bytes = zip_bytes({{"x.npy", x}, {"y.npy", y}}, deflate);
    EXPECT_EQ(npz_names(bytes, "a.npz"), (std::vector<std::string>{"x", "y"}));
    expect_values(parse_npz(bytes, "x", "a.npz").values, floats({1, 2}).view({2, 1}));
    expect_values(parse_npz(bytes, "y", "a.npz").values, longs({3, 4}));
    expect_error<DataError>([&] { parse_npz(bytes, "z", "a.npz"); }, {"a.npz", "\"z\""});
  }
  std::string damaged = zip_bytes({{"x.npy", x}}, false);
  damaged[damaged.find("PK\1\2") - 1] ^= 1;
  expect_error<DataError>([&] { parse_npz(damaged, "x", "a.npz"); }, {"a.npz:x", "checksum"});
}

TEST(Npz, IsUnpackedAsFarAsItsHeadersAnnounce) {
  const std::string x = npy_bytes(npy_header("<f4", "(2, 1)"), little<float>({1, 2}));
  const std::string bomb = zip_bytes({{"x.npy", x + std::string(1 << 22, '\0')}}, true);
  EXPECT_LT(bomb.size(), 10000U);
  expect_error<DataError>([&] { parse_npz(bomb, "x", "a.npz"); },
                          {"a.npz:x announces", "4194", "too many"});
  EXPECT_EQ(npz_contents(zip_bytes({{"x.npy", x}}, true), "a.npz"),
            std::vector<std::string>{"x (2x1)"});
}

TEST(DataFile, UnpacksAndReadsAsFarAsHeadersAnnounce) {
  const TestFolder folder;
  const std::string npy = npy_bytes(npy_header("<f4", "(1,)"), little<float>({1}));
  const std::string idx = idx_bytes(8, {1}, "1");
  const std::string zeros(1 << 24, '\0');
  for (const auto& [name, bytes] : {std::pair{"a.npy.gz", npy}, std::pair{"a.idx.gz", idx}}) {
    expect_error<DataError>([&] { read_data_file(folder.write(name, deflated(bytes + zeros))); },
                            {name, "more than the", "announces"});
  }
  for (const auto& [name, bytes] : {std::pair{"a.npy", npy}, std::pair{"a.idx", idx}}) {
    const std::string path = folder.write(name, bytes);
    std::filesystem::resize_file(path, uintmax_t{1} << 42);  // all but its start a hole
    expect_error<DataError>([&] { read_data_file(path); },
                            {name, "announces", "4398046511104", "too many"});
  }
  EXPECT_EQ(read_data_file(folder.write("long.npy.gz", deflated(npy))).bytes, npy);
}

TEST(Gzip, ReadsMembersAndRefusesDamage) {
  EXPECT_EQ(gunzip(deflated("one ") + deflated("two"), "a.gz"), "one two");
  const std::string whole = deflated("some content that is packed");
  expect_error<DataError>([&] { gunzip(whole.substr(0, whole.size() - 3), "a.gz"); },
                          {"a.gz", "truncated"});
  expect_error<DataError>([&] { gunzip(whole + "rubbish", "a.gz"); }, {"a.gz"});
  // As bgzip and tapes write it: an empty member, and zeros behind the last.
  const std::string odd = deflated("") + deflated("1,") + deflated("2\n") + std::string(512, '\0');
  EXPECT_EQ(gunzip(odd, "a.gz"), "1,2\n");
  EXPECT_EQ(gunzip_start(odd, 3, "a.gz"), "1,2");
  EXPECT_EQ(gunzip_start(odd, 9, "a.gz"), "1,2\n");
  EXPECT_EQ(gunzip_start(whole.substr(0, whole.size() / 2), 99, "a.gz").substr(0, 4), "some");
  std::string wrong_checksum = whole;
  wrong_checksum[whole.size() - 8] ^= 1;
  expect_error<DataError>([&] { gunzip(wrong_checksum, "a.gz"); }, {"a.gz", "damaged"});
}

#endif

TEST(DataFile, TellsTheFormatByContentThenName) {
  const TestFolder folder;
  const std::string npy = npy_bytes(npy_header("<f4", "(1,)"), little<float>({1}));
  EXPECT_EQ(read_data_file(folder.write("a.csv", npy)).format, Format::kNpy);
  EXPECT_EQ(read_data_file(folder.write("d", idx_bytes(8, {1}, "1"))).format, Format::kIdx);
  EXPECT_EQ(read_data_file(folder.write("e", "1,2\n")).format, Format::kCsv);
  for (const auto& [name, text] :
       {std::pair{"k.data", "\xc3\x84rzte,b\n1,2\n"}, {"k.CSV", "\xc4rzte,b\n1,2\n"}}) {
    EXPECT_EQ(read_data_file(folder.write(name, text)).format, Format::kCsv) << name;
  }
  EXPECT_EQ(split_array_path("a.NPZ:x").entry, "x");
#ifdef CLADE_WITH_ZLIB
  EXPECT_EQ(read_data_file(folder.write("b", deflated(npy))).format, Format::kNpy);
  EXPECT_EQ(read_data_file(folder.write("c", zip_bytes({{"x.npy", npy}}, true))).format,
            Format::kNpz);
  EXPECT_EQ(read_data_file(folder.write("f.csv.gz", deflated("1,2\n"))).bytes, "1,2\n");
#endif

  expect_error<DataError>([&] { read_data_file(folder.path("none.npy")); },
                          {"none.npy", "no file"});
  expect_error<DataError>([&] { read_data_file(folder.write("g.npy", "")); }, {"g.npy", "empty"});
  expect_error<DataError>([&] { read_data_file(folder.write("h.gz", "text")); },
                          {"h.gz", "not a gzip file"});
  expect_error<DataError>([&] { read_data_file(folder.write("j", "\x80\x07\x01")); },
                          {"no known format", ".npy"});
  expect_error<Error>([&] { read_data_file("/dev/zero"); }, {"/dev/zero is a device"});
}

// Everything that reads a whole file, whatever its format.
void read_anything(const std::string& path) {
  const DataFile file = read_data_file(path);
  switch (file.format) {
    case Format::kIdx:
      parse_idx(file.bytes, path);
      break;
    case Format::kNpy:
      parse_npy(file.bytes, path);
      break;
    case Format::kNpz:
      for (const std::string& name : npz_names(file.bytes, path)) {
        parse_npz(file.bytes, name, path);
      }
      break;
    case Format::kMat:
      for (const MatVariable& variable : mat_variables(path)) {
        read_mat_points(path, variable.name);
      }
      break;
    case Format::kH5ad:
      for (const std::string& matrix : h5ad_matrices(path)) read_h5ad_matrix(path, matrix);
      for (const std::string& column : h5ad_columns(path)) read_h5ad_column(path, column);
      break;
    case Format::kCsv:
      parse_csv(file.bytes, path);
  }
}

std::vector<std::pair<std::string, std::string>> small_files() {
  const std::string idx = idx_bytes(8, {2, 3}, "abcdef");
  const std::string npy = npy_bytes(npy_header("<f4", "(2, 2)"), little<float>({1, 2, 3, 4}));
  const std::string fortran =
      npy_bytes(npy_header(">f8", "(2, 2)", true), big<double>({1, 2, 3, 4}), 2);
  return {
      {"a.idx", idx},
      {"a.npy", npy},
      {"b.npy", fortran},
#ifdef CLADE_WITH_ZLIB
      {"a.idx.gz", deflated(idx)},
      {"a.npy.gz", deflated(npy)},
      {"a.npz", zip_bytes({{"x.npy", npy}}, false)},
      {"b.npz", zip_bytes({{"x.npy", npy}, {"y.npy", fortran}}, true)},
#endif
  };
}

TEST(BrokenFiles, EveryTruncationIsRefused) {
  const TestFolder folder;
  for (const auto& [name, bytes] : small_files()) {
    EXPECT_NO_THROW(read_anything(folder.write(name, bytes))) << name;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string path = folder.write(name, bytes.substr(0, size));
      EXPECT_THROW(read_anything(path), DataError) << name << " cut to " << size << " bytes";
    }
  }
}

TEST(BrokenFiles, NoDamageCrashes) {
  const TestFolder folder;
  std::mt19937 random(1);
  auto files = small_files();
  files.emplace_back("a.csv", "a,\"b\",kind\n1,2,3\r\n\"4\",5.5,-6e2\n");
  files.emplace_back("b.csv", "1;2;3\n4;5;6\n");
#ifdef CLADE_WITH_MATIO
  for (const auto compression : {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB}) {
    const std::string path = testing::write_mat(
        folder.path("a.mat"), {{"x", torch::eye(3)}, {"y", torch::zeros({3, 1})}}, compression);
    files.emplace_back("a.mat", read_file(path));
  }
#endif
  int refused = 0;
  for (const auto& [name, bytes] : files) {
    for (int i = 0; i < 400; ++i) {
      std::string damaged = bytes;
      for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
        damaged[random() % damaged.size()] ^= static_cast<char>(1U << (random() % 8));
      }
      const std::string path = folder.write(name, damaged);
      try {
        read_anything(path);
      } catch (const DataError& error) {
        ++refused;
        EXPECT_GT(std::string(error.what()).size(), 10U);
      }
    }
  }
  EXPECT_GT(refused, 800);
}

}  // namespace
}  // namespace clade
