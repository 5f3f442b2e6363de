#include "clade/formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/core/files.h"
#include "clade/core/json_file.h"
#include "clade/formats/bytes.h"
#include "clade/formats/md5.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kMetadata = "__metadata__";
constexpr const char* kMetadataKey = "clade";
constexpr const char* kChecksumKey = "md5";
constexpr uint64_t kHeaderAlignment = 8;

const std::vector<std::pair<std::string, torch::ScalarType>>& dtypes() {
  static const std::vector<std::pair<std::string, torch::ScalarType>> table = {
      {"F32", torch::kFloat32},  {"F64", torch::kFloat64}, {"I64", torch::kInt64},
      {"I32", torch::kInt32},    {"U8", torch::kUInt8},    {"BOOL", torch::kBool},
      {"BF16", torch::kBFloat16}};
  return table;
}

std::string dtype_name(torch::ScalarType type) {
  for (const auto& [name, known] : dtypes()) {
    if (known == type) return name;
  }
  throw Error(std::string("safetensors: no name for element type ") + torch::toString(type));
}

DataError refusal(const std::filesystem::path& path, const std::string& why) {
  return DataError(path.string() + " is not a complete safetensors file (" + why +
                   "); it was cut short or is of another kind: train anew, or copy it again");
}

/// Of all the file says but itself: the header, which is without it, and each tensor's bytes in the
/// order of the header.
std::string checksum_of(const json& header, const std::vector<std::string_view>& data) {
  std::string sums = json_text(header);
  for (const std::string_view bytes : data) sums += md5_of(bytes);
  return md5_of(sums);
}

/// Takes the checksum out of `header`; "" where there is none, as in files of 0.1.0.
std::string take_checksum(json& header) {
  const auto metadata = header.find(kMetadata);
  if (metadata == header.end()) return "";
  const std::string checksum = metadata->value(kChecksumKey, "");
  metadata->erase(kChecksumKey);
  if (metadata->empty()) header.erase(metadata);
  return checksum;
}

json parse_header(std::string_view text, const std::filesystem::path& path) {
  try {
    json header = parse_json(text, path.string(), "");
    if (header.is_object()) return header;
  } catch (const Error&) {
  }
  throw refusal(path, "damaged header");
}

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

/// Adds [begin, end) to `taken`, from begin to end, unless part of it is there already: tensors
/// that share no bytes take no more memory than their file.
bool reserve(uint64_t begin, uint64_t end, std::map<uint64_t, uint64_t>& taken) {
  if (begin == end) return true;
  const auto after = taken.lower_bound(begin);
  if (after != taken.end() && after->first < end) return false;
  if (after != taken.begin() && std::prev(after)->second > begin) return false;
  taken.emplace(begin, end);
  return true;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header[kMetadata] = {{kMetadataKey, file.metadata}};
  uint64_t offset = 0;
  std::vector<torch::Tensor> tensors;
  std::vector<std::string_view> data;
  for (const auto& [name, tensor] : file.tensors) {
    tensors.push_back(tensor.detach().cpu().contiguous());
    data.push_back(bytes_of(tensors.back()));
    const uint64_t end = offset + data.back().size();
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  const std::string checksum = checksum_of(header, data);
  header[kMetadata][kChecksumKey] = checksum;
  std::string text = json_text(header);
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  const auto write = [&](std::ostream& out) {
    const uint64_t length = text.size();
    for (int byte = 0; byte < 8; ++byte) out.put(static_cast<char>(length >> (8 * byte) & 0xff));
    out << text;
    for (const std::string_view bytes : data) {
      out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }
  };
  write_atomically(path, write, Lasting::yes);
}

std::string read_safetensors_metadata(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string length(8, '\0');
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error || !in.read(length.data(), 8)) throw refusal(path, "shorter than its header length");
  const auto bytes = load_number<uint64_t>(length.data(), /*big_endian=*/false);
  if (bytes > size - 8) throw refusal(path, "header cut short");
  std::string text(bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const json header = parse_header(text, path);
  return take_json(path, "train anew, or copy it again", [&] {
    return header.value(kMetadata, json::object()).value(kMetadataKey, std::string());
  });
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  const auto refuse = [&](const std::string& why) { return refusal(path, why); };
  if (content.size() < 8) throw refuse("shorter than its header length");
  const auto length = load_number<uint64_t>(content.data(), /*big_endian=*/false);
  if (length > content.size() - 8) throw refuse("header cut short");
  const std::string_view data = std::string_view(content).substr(8 + length);

  json header = parse_header(std::string_view(content).substr(8, length), path);
  TensorFile file;
  std::vector<std::string_view> parts;
  std::map<uint64_t, uint64_t> taken;
  try {
    const std::string checksum = take_checksum(header);
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata) {
        file.metadata = entry.value(kMetadataKey, "");
        continue;
      }
      const auto begin = entry.at("data_offsets").at(0).get<uint64_t>();
      const auto end = entry.at("data_offsets").at(1).get<uint64_t>();
      if (begin > end || end > data.size()) throw refuse("tensor " + name + " lies past its end");
      if (!reserve(begin, end, taken)) throw refuse("tensor " + name + " shares bytes with others");
      const auto dtype = entry.at("dtype").get<std::string>();
      const auto known = std::find_if(dtypes().begin(), dtypes().end(),
                                      [&](const auto& row) { return row.first == dtype; });
      if (known == dtypes().end()) throw refuse("tensor " + name + " has unknown type " + dtype);
      const auto shape = entry.at("shape").get<std::vector<int64_t>>();
      // Sizes are checked against the bytes there are before anything is allocated.
      const uint64_t available = (end - begin) / torch::elementSize(known->second);
      uint64_t elements = 1;
      for (const int64_t size : shape) {
        if (size < 0 || (size > 0 && elements > available / static_cast<uint64_t>(size))) {
          throw refuse("tensor " + name + " is larger than its bytes");
        }
        elements *= static_cast<uint64_t>(size);
      }
      if (elements * torch::elementSize(known->second) != end - begin) {
        throw refuse("tensor " + name + " does not fill its bytes");
      }
      auto tensor = torch::empty(shape, known->second);
      parts.push_back(data.substr(begin, end - begin));
      if (end > begin) std::memcpy(tensor.data_ptr(), data.data() + begin, end - begin);
      file.tensors.emplace(name, std::move(tensor));
    }
    if (!checksum.empty() && checksum != checksum_of(header, parts)) {
      throw DataError(path.string() +
                      " is damaged: it is not what its checksum is of; copy it again, or train "
                      "anew (or take \"md5\" out of its metadata if you changed it yourself)");
    }
  } catch (const json::exception&) {
    throw refuse("damaged header");
  }
  return file;
}

}  // namespace clade
