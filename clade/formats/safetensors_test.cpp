#include "clade/formats/safetensors.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/formats/test_files.h"

namespace clade {
namespace {

using testing::expect_error;
using testing::TestFolder;

TEST(Safetensors, RoundTripsEveryTypeAndShape) {
  const TestFolder folder;
  const std::string path = folder.path("a.safetensors");
  TensorFile file;
  file.tensors = {{"f32", torch::randn({2, 3})},
                  {"f64", torch::randn({4}, torch::kFloat64)},
                  {"i64", torch::arange(5)},
                  {"u8", torch::arange(7, torch::kUInt8)},
                  {"strided", torch::randn({3, 4}).t()},
                  {"scalar", torch::tensor(2.5)},
                  {"empty", torch::empty({0, 3})}};
  file.metadata = R"({"a": "text with \"quotes\""})";
  write_safetensors(path, file);
  const TensorFile read = read_safetensors(path);
  EXPECT_EQ(read.metadata, file.metadata);
  ASSERT_EQ(read.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_TRUE(torch::equal(read.tensors.at(name), tensor)) << name;
  }
  // The format itself, as any other reader sees it: length, JSON, data where the header says.
  const std::string raw = read_file(path);
  uint64_t length = 0;
  std::memcpy(&length, raw.data(), 8);
  const auto header = nlohmann::json::parse(raw.substr(8, length));
  const auto& entry = header.at("f32");
  EXPECT_EQ(entry.at("dtype"), "F32");
  EXPECT_EQ(entry.at("shape"), (std::vector<int64_t>{2, 3}));
  float first = 0;
  std::memcpy(&first, raw.data() + 8 + length + entry.at("data_offsets").at(0).get<size_t>(), 4);
  EXPECT_EQ(first, file.tensors["f32"][0][0].item<float>());
}

TEST(Safetensors, RefusesEveryTruncationAndSurvivesEveryFlip) {
  const TestFolder folder;
  const std::string path = folder.path("a.safetensors");
  TensorFile file;
  file.tensors = {{"a", torch::ones({2, 2})}, {"b", torch::arange(3)}};
  file.metadata = "{}";
  write_safetensors(path, file);
  const std::string whole = read_file(path);
  const auto with = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
    return read_safetensors(path);
  };
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(with(whole.substr(0, length)), DataError) << length;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int flip : {0x01, 0x10, 0x80, 0xff}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      try {
        with(changed);
      } catch (const Error&) {
      }
    }
  }
}

TEST(Safetensors, ABitFlippedAnywhereIsNoticed) {
  const TestFolder folder;
  const std::string path = folder.path("a.safetensors");
  TensorFile file;
  file.tensors = {{"a", torch::randn({3, 2})}, {"b", torch::arange(3)}};
  file.metadata = R"({"clusters":10})";
  write_safetensors(path, file);
  EXPECT_EQ(read_safetensors_metadata(path), file.metadata);
  const std::string whole = read_file(path);
  const size_t data = whole.size() - 6 * 4 - 3 * 8;
  const size_t key = whole.find("md5");  // without which there is nothing to check
  for (size_t i = 0; i < whole.size(); ++i) {
    const bool blank = i >= 8 && i < data && whole[i] == ' ';  // around JSON, says nothing
    if (blank || (i >= key && i < key + 3)) continue;
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    std::ofstream(path, std::ios::binary) << changed;
    EXPECT_THROW(read_safetensors(path), DataError) << i << ": " << whole[i];
  }
}

TEST(Safetensors, OfAnotherProgramNeedsNoChecksumAndNoStack) {
  const TestFolder folder;
  const std::string path = folder.path("a.safetensors");
  const auto write = [&](const std::string& header) {
    std::string length(8, '\0');
    for (int byte = 0; byte < 8; ++byte)
      length[byte] = static_cast<char>(header.size() >> 8 * byte);
    std::ofstream(path, std::ios::binary) << length << header << std::string(4, '\0');
  };
  write(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
  EXPECT_EQ(read_safetensors(path).tensors.at("a").numel(), 1);
  EXPECT_EQ(read_safetensors_metadata(path), "");
  const std::string deep(500'000, '[');
  write(R"({"a":)" + deep + std::string(deep.size(), ']') + "}");
  EXPECT_THROW(read_safetensors(path), DataError);
  EXPECT_THROW(read_safetensors_metadata(path), DataError);
  write("[1]");
  EXPECT_THROW(read_safetensors_metadata(path), DataError);
}

TEST(Safetensors, RefusesTensorsThatShareBytes) {
  const TestFolder folder;
  const std::string path = folder.path("a.safetensors");
  const auto write = [&](const std::vector<std::pair<int, int>>& offsets) {
    nlohmann::json header;
    for (size_t i = 0; i < offsets.size(); ++i) {
      const auto [begin, end] = offsets[i];
      header["t" + std::to_string(i)] = {
          {"dtype", "U8"}, {"shape", {end - begin}}, {"data_offsets", {begin, end}}};
    }
    const std::string text = header.dump();
    const uint64_t length = text.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    std::ofstream(path, std::ios::binary) << bytes << text << "abcdefgh";
    return read_safetensors(path).tensors.size();
  };
  EXPECT_EQ(write({{4, 8}, {0, 2}, {2, 2}, {2, 4}}), 4U);
  for (const auto& offsets : std::vector<std::vector<std::pair<int, int>>>{{{0, 8}, {0, 8}},
                                                                           {{0, 4}, {3, 5}},
                                                                           {{3, 5}, {0, 4}},
                                                                           {{0, 8}, {2, 4}},
                                                                           {{2, 4}, {0, 8}}}) {
    expect_error<DataError>([&] { write(offsets); }, {"a.safetensors", "shares bytes"});
  }
}

}  // namespace
}  // namespace clade
