#include "clade/formats/safetensors.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "clade/core/error.h"
#include "clade/core/files.h"

namespace clade {
namespace {

using nlohmann::json;

constexpr const char* kMetadataKey = "clade";
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

}  // namespace

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header["__metadata__"] = {{kMetadataKey, file.metadata}};
  uint64_t offset = 0;
  std::vector<torch::Tensor> data;
  for (const auto& [name, tensor] : file.tensors) {
    data.push_back(tensor.detach().cpu().contiguous());
    const uint64_t end = offset + data.back().nbytes();
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  write_atomically(path, [&](std::ostream& out) {
    const uint64_t length = text.size();
    for (int byte = 0; byte < 8; ++byte) out.put(static_cast<char>(length >> (8 * byte) & 0xff));
    out << text;
    for (const auto& tensor : data) {
      out.write(static_cast<const char*>(tensor.data_ptr()),
                static_cast<std::streamsize>(tensor.nbytes()));
    }
  });
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  const auto refuse = [&](const std::string& why) -> DataError {
    return DataError(path.string() + " is not a complete safetensors file (" + why +
                     "); it was cut short or is of another kind: train anew, or copy it again");
  };
  if (content.size() < 8) throw refuse("shorter than its header length");
  uint64_t length = 0;
  for (int byte = 0; byte < 8; ++byte) {
    length |= static_cast<uint64_t>(static_cast<unsigned char>(content[byte])) << (8 * byte);
  }
  if (length > content.size() - 8) throw refuse("header cut short");
  const std::string_view data = std::string_view(content).substr(8 + length);

  TensorFile file;
  try {
    const json header = json::parse(content.begin() + 8, content.begin() + 8 + length);
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        file.metadata = entry.value(kMetadataKey, "");
        continue;
      }
      const auto begin = entry.at("data_offsets").at(0).get<uint64_t>();
      const auto end = entry.at("data_offsets").at(1).get<uint64_t>();
      if (begin > end || end > data.size()) throw refuse("tensor " + name + " lies past its end");
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
      if (end > begin) std::memcpy(tensor.data_ptr(), data.data() + begin, end - begin);
      file.tensors.emplace(name, std::move(tensor));
    }
  } catch (const json::exception&) {
    throw refuse("damaged header");
  }
  return file;
}

}  // namespace clade
