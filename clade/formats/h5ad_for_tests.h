#pragma once
#ifdef CLADE_WITH_HDF5
#include <hdf5.h>
#include <torch/types.h>

#include <string>
#include <vector>

namespace clade::testing {

/// Writes an HDF5 file, datum by datum.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::string& path)
      : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  ~Hdf5Writer() { H5Fclose(file_); }
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  void group(const std::string& name) {
    H5Gclose(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }

  void numbers(const std::string& name, const torch::Tensor& values) {  // int8, int32 or float32
    const auto kind = values.scalar_type();
    const hid_t type = kind == torch::kFloat32 ? H5T_NATIVE_FLOAT
                       : kind == torch::kInt8  ? H5T_NATIVE_INT8
                                               : H5T_NATIVE_INT32;
    const std::vector<hsize_t> sizes(values.sizes().begin(), values.sizes().end());
    dataset(name, type, sizes, values.contiguous().data_ptr());
  }

  /// float32 as a filter of this number would pack them, which only claims to.
  void packed(const std::string& name, const torch::Tensor& values, H5Z_filter_t filter) {
    const H5Z_class2_t none = {
        H5Z_CLASS_T_VERS,
        filter,
        1,
        1,
        "lzf",
        nullptr,
        nullptr,
        [](unsigned, size_t, const unsigned*, size_t bytes, size_t*, void**) { return bytes; }};
    H5Zregister(&none);
    const std::vector<hsize_t> sizes(values.sizes().begin(), values.sizes().end());
    const hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(how, static_cast<int>(sizes.size()), sizes.data());
    H5Pset_filter(how, filter, 0, 0, nullptr);
    dataset(name, H5T_NATIVE_FLOAT, sizes, values.contiguous().data_ptr(), how);
    H5Pclose(how);
    H5Fflush(file_, H5F_SCOPE_LOCAL);
    H5Zunregister(filter);
  }

  void words(const std::string& name, const std::vector<std::string>& words) {
    std::vector<const char*> all;
    for (const auto& word : words) all.push_back(word.c_str());
    const hid_t type = text_type();
    dataset(name, type, {words.size()}, all.data());
    H5Tclose(type);
  }

  void attribute(const std::string& object, const std::string& name, const std::string& text) {
    const hid_t type = text_type();
    const char* value = text.c_str();
    attribute(object, name, type, H5Screate(H5S_SCALAR), &value);
    H5Tclose(type);
  }

  void shape(const std::string& object, int64_t rows, int64_t columns) {
    const int64_t sizes[2] = {rows, columns};
    const hsize_t two = 2;
    attribute(object, "shape", H5T_NATIVE_INT64, H5Screate_simple(1, &two, nullptr), sizes);
  }

 private:
  static hid_t text_type() {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
  }

  void dataset(const std::string& name, hid_t type, const std::vector<hsize_t>& sizes,
               const void* values, hid_t how = H5P_DEFAULT) {
    const hid_t space = H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr);
    const hid_t made = H5Dcreate2(file_, name.c_str(), type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(made);
    H5Sclose(space);
  }

  void attribute(const std::string& object, const std::string& name, hid_t type, hid_t space,
                 const void* value) {
    const hid_t made = H5Acreate_by_name(file_, object.c_str(), name.c_str(), type, space,
                                         H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(made, type, value);
    H5Aclose(made);
    H5Sclose(space);
  }

  hid_t file_;
};

}  // namespace clade::testing
#endif
