#include "clade/formats/h5ad.h"

#include "clade/core/error.h"

#ifdef CLADE_WITH_HDF5
#include <hdf5.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "clade/core/memory.h"
#include "clade/core/words.h"
#include "clade/formats/sparse.h"
#endif

namespace clade {

bool is_hdf5(std::string_view start) {
  return start.substr(0, 8) == "\x89HDF\r\n\x1a\n";
}

#ifdef CLADE_WITH_HDF5

namespace {

/// A handle of the library's, closed with its owner.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }

  explicit operator bool() const { return id_ >= 0; }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

constexpr size_t kMostRank = 2;

/// An open file of cells.
class Cells {
 public:
  explicit Cells(const std::string& path)
      : path_(path), file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
    if (!file_) broken("it cannot be opened");
    for (const char* part : {"obs", "var"}) {
      if (kind_of(part) == H5O_TYPE_GROUP) continue;
      throw DataError(path_ + " is HDF5 without AnnData's groups obs and var" +
                      (kind_of(part) == H5O_TYPE_DATASET
                           ? " (but tables of that name, of anndata before 0.7: write it again)"
                           : "") +
                      "; in Python save its matrix: numpy.save(path, array)");
    }
  }

  [[noreturn]] void broken(const std::string& why) const {
    throw DataError(path_ + " is a broken .h5ad file (" + why + "); copy it again");
  }

  /// Of what is called so, or H5O_TYPE_UNKNOWN.
  H5O_type_t kind_of(const std::string& name) const {
    // Each group on the way must be there: the library prints no errors, but says no either.
    for (size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      if (H5Lexists(file_, name.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) {
        return H5O_TYPE_UNKNOWN;
      }
    }
    if (H5Lexists(file_, name.c_str(), H5P_DEFAULT) <= 0) return H5O_TYPE_UNKNOWN;
    const Handle object(H5Oopen(file_, name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!object) return H5O_TYPE_UNKNOWN;
    switch (H5Iget_type(object)) {
      case H5I_GROUP:
        return H5O_TYPE_GROUP;
      case H5I_DATASET:
        return H5O_TYPE_DATASET;
      default:
        return H5O_TYPE_UNKNOWN;
    }
  }
  bool has(const std::string& name) const { return kind_of(name) != H5O_TYPE_UNKNOWN; }

  std::vector<std::string> names_in(const std::string& group) const {
    std::vector<std::string> names;
    if (kind_of(group) != H5O_TYPE_GROUP) return names;
    const Handle opened(H5Gopen2(file_, group.c_str(), H5P_DEFAULT), H5Gclose);
    H5G_info_t info;
    if (!opened || H5Gget_info(opened, &info) < 0) broken(group);
    for (hsize_t i = 0; i < info.nlinks; ++i) {
      const auto length =
          H5Lget_name_by_idx(opened, ".", H5_INDEX_NAME, H5_ITER_INC, i, nullptr, 0, H5P_DEFAULT);
      if (length < 0) broken(group);
      std::string name(static_cast<size_t>(length) + 1, '\0');
      H5Lget_name_by_idx(opened, ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(),
                         H5P_DEFAULT);
      name.pop_back();
      names.push_back(name);
    }
    return names;
  }

  /// A text attribute, or "".
  std::string attribute(const std::string& object, const char* name) const {
    const Handle of(H5Oopen(file_, object.c_str(), H5P_DEFAULT), H5Oclose);
    if (!of || H5Aexists(of, name) <= 0) return "";
    const Handle found(H5Aopen(of, name, H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(found), H5Tclose), space(H5Aget_space(found), H5Sclose);
    if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return "";
    const auto read = [&](void* to, hid_t as) { return H5Aread(found, as, to); };
    return texts(type, 1, read, object).front();
  }

  /// What a dataset holds, as words or as numbers.
  Array values(const std::string& name) const {
    const Dataset dataset = open(name);
    if (H5Tget_class(dataset.type) == H5T_STRING) {
      const auto read = [&](void* to, hid_t as) {
        read_into(dataset, as, to, name);
        return 0;
      };
      Array array;
      array.words = texts(dataset.type, dataset.numel(), read, name);
      return array;
    }
    return {numbers(dataset, name)};
  }

  torch::Tensor whole_numbers(const std::string& name) const {  // [n] int64
    const Dataset dataset = open(name);
    const auto kind = H5Tget_class(dataset.type);
    if (dataset.sizes.size() != 1 || (kind != H5T_INTEGER && kind != H5T_ENUM)) broken(name);
    auto all = torch::empty(dataset.sizes, torch::kInt64);
    read_into(dataset, H5T_NATIVE_INT64, all.data_ptr(), name);
    return all;
  }

  std::vector<int64_t> shape_of_sparse(const std::string& group) const {
    const Handle of(H5Oopen(file_, group.c_str(), H5P_DEFAULT), H5Oclose);
    for (const char* name : {"shape", "h5sparse_shape"}) {
      if (!of || H5Aexists(of, name) <= 0) continue;
      const Handle found(H5Aopen(of, name, H5P_DEFAULT), H5Aclose);
      const Handle space(H5Aget_space(found), H5Sclose);
      int64_t shape[2];
      if (H5Sget_simple_extent_npoints(space) != 2 || H5Aread(found, H5T_NATIVE_INT64, shape) < 0 ||
          shape[0] < 0 || shape[1] < 0) {
        broken(group + ", its shape");
      }
      return {shape[0], shape[1]};
    }
    broken(group + " has no shape");
  }

  /// Throws DataError if there is none for an array of these sizes.
  void require_memory_for(const std::vector<int64_t>& sizes, const std::string& name) const {
    double bytes = sizeof(double);
    for (const int64_t size : sizes) bytes *= static_cast<double>(size);
    require_memory(bytes, path_ + ": " + name + ", " + c10::Join("x", sizes) + ", dense",
                   "keep the genes that vary most");
  }

 private:
  struct Dataset {
    Handle id, type;
    std::vector<int64_t> sizes;
    int64_t numel() const { return c10::multiply_integers(sizes); }
  };

  Dataset open(const std::string& name) const {
    if (kind_of(name) != H5O_TYPE_DATASET) broken("no dataset " + name);
    Handle id(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!id) broken(name);
    Handle type(H5Dget_type(id), H5Tclose);
    const Handle space(H5Dget_space(id), H5Sclose);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 1 || rank > static_cast<int>(kMostRank)) broken(name + " is no list or matrix");
    hsize_t sizes[kMostRank];
    H5Sget_simple_extent_dims(space, sizes, nullptr);
    Dataset dataset{std::move(id), std::move(type), {sizes, sizes + rank}};
    require_memory_for(dataset.sizes, name);
    return dataset;
  }

  void read_into(const Dataset& dataset, hid_t as, void* to, const std::string& name) const {
    if (dataset.numel() == 0) return;
    if (H5Dread(dataset.id, as, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0) return;
    refuse_filters(dataset, name);
    broken(name);
  }

  /// Throws DataError if `dataset` is packed by what this libhdf5 has not.
  void refuse_filters(const Dataset& dataset, const std::string& name) const {
    const Handle made(H5Dget_create_plist(dataset.id), H5Pclose);
    const int filters = H5Pget_nfilters(made);
    for (int i = 0; i < filters; ++i) {
      char called[64] = "";
      const auto filter = H5Pget_filter2(made, static_cast<unsigned>(i), nullptr, nullptr, nullptr,
                                         sizeof called, called, nullptr);
      if (filter < 0 || H5Zfilter_avail(filter) > 0) continue;
      throw DataError(path_ + ": " + name + " is packed by " +
                      (called[0] != '\0' ? called : "HDF5's filter " + std::to_string(filter)) +
                      ", which is not read; write it again in Python: "
                      "adata.write_h5ad(path, compression='gzip')");
    }
  }

  torch::Tensor numbers(const Dataset& dataset, const std::string& name) const {
    const auto kind = H5Tget_class(dataset.type);
    const bool whole = kind == H5T_INTEGER || kind == H5T_ENUM;
    if (!whole && kind != H5T_FLOAT) {
      throw DataError(path_ + ": " + name +
                      " holds neither numbers nor words; save what is wanted " +
                      "of it in Python: numpy.save(path, array)");
    }
    const size_t bytes = H5Tget_size(dataset.type);
    const bool narrow = whole ? bytes <= 2 : bytes <= 4;  // float32 has all its digits
    auto all = torch::empty(dataset.sizes, narrow ? torch::kFloat32 : torch::kFloat64);
    // HDF5 converts no enumeration (bool) to a float.
    if (kind == H5T_ENUM) {
      auto codes = torch::empty(dataset.sizes, torch::kInt64);
      read_into(dataset, H5T_NATIVE_INT64, codes.data_ptr(), name);
      return codes.to(all.scalar_type());
    }
    read_into(dataset, narrow ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE, all.data_ptr(), name);
    return all;
  }

  /// `n` texts of the type `type`, of one length or each of its own.
  template <class Read>
  std::vector<std::string> texts(hid_t type, int64_t n, const Read& read,
                                 const std::string& name) const {
    std::vector<std::string> words(static_cast<size_t>(n));
    if (n == 0) return words;
    const Handle as(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_cset(as, H5Tget_cset(type));
    if (H5Tis_variable_str(type) > 0) {
      H5Tset_size(as, H5T_VARIABLE);
      std::vector<char*> all(words.size(), nullptr);
      if (read(all.data(), as) < 0) broken(name);
      for (size_t i = 0; i < words.size(); ++i) {
        if (all[i] != nullptr) words[i] = all[i];
        H5free_memory(all[i]);
      }
      return words;
    }
    const size_t size = H5Tget_size(type);
    require_memory_for({n, static_cast<int64_t>(size)}, name);
    H5Tset_size(as, size);
    std::string all(size * words.size(), '\0');
    if (read(all.data(), as) < 0) broken(name);
    for (size_t i = 0; i < words.size(); ++i) {
      words[i] = all.substr(i * size, size);
      words[i].resize(std::min(words[i].find('\0'), size));
    }
    return words;
  }

  std::string path_;
  Handle file_;
};

/// The library would print what goes wrong on standard error.
void be_quiet() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Cells open_cells(const std::string& path) {
  be_quiet();
  return Cells(path);
}

/// data, indices and indptr of `group` as a matrix of `shape`.
torch::Tensor sparse_matrix(const Cells& cells, const std::string& group,
                            const std::vector<int64_t>& shape, bool by_rows) {
  const auto data = cells.values(group + "/data").values;  // [n]
  const auto indices = cells.whole_numbers(group + "/indices");
  const auto starts = cells.whole_numbers(group + "/indptr");
  const int64_t n = indices.size(0), lines = shape[by_rows ? 0 : 1],
                length = shape[by_rows ? 1 : 0];
  const auto line = lines_of_entries(starts, lines, n);
  if (!data.defined() || data.dim() != 1 || data.size(0) != n || !line || line->size(0) != n ||
      (n > 0 && (indices.min().item<int64_t>() < 0 || indices.max().item<int64_t>() >= length))) {
    cells.broken(group + ", whose parts do not fit together");
  }
  cells.require_memory_for(shape, group);
  auto dense = torch::zeros(shape, data.options());
  const auto& rows = by_rows ? *line : indices;
  const auto& columns = by_rows ? indices : *line;
  dense.view(-1).index_add_(0, rows * shape[1] + columns, data);
  return dense;
}

/// A column of pandas' nullable types: values, and a mask of those that are missing.
Array nullable(const Cells& cells, const std::string& name) {
  Array array = cells.values(name + "/values");
  const auto missing = cells.whole_numbers(name + "/mask");  // [n]
  const int64_t n =
      array.values.defined() ? array.values.numel() : static_cast<int64_t>(array.words.size());
  if (missing.size(0) != n) cells.broken(name);
  if (array.values.defined()) {
    array.values =
        array.values.to(torch::kFloat64).view(-1).masked_fill(missing.ne(0), std::nan(""));
    return array;
  }
  for (int64_t i = 0; i < n; ++i) {
    if (missing.data_ptr<int64_t>()[i] != 0) array.words[static_cast<size_t>(i)].clear();
  }
  return array;
}

/// As words, if they are numbers.
std::vector<std::string> spelled(Array array) {
  if (!array.values.defined()) return std::move(array.words);
  const auto numbers = array.values.to(torch::kFloat64).contiguous();
  std::vector<std::string> words;
  for (int64_t i = 0; i < numbers.numel(); ++i) {
    words.push_back(exact_text(numbers.data_ptr<double>()[i]));
  }
  return words;
}

/// A column of "obs" or "var", or of another group like them; nothing if it has none so called.
std::optional<Array> column_in(const std::string& frame, const std::string& column,
                               const Cells& cells) {
  const std::string name = frame + "/" + column;
  std::string codes = name, categories = frame + "/__categories/" + column;
  if (cells.has(name + "/mask")) return nullable(cells, name);
  if (cells.kind_of(name) == H5O_TYPE_GROUP) {
    codes = name + "/codes";
    categories = name + "/categories";
  }
  if (!cells.has(codes)) return std::nullopt;
  if (!cells.has(categories)) return cells.values(codes);
  const std::vector<std::string> words = spelled(cells.values(categories));
  const auto of = cells.whole_numbers(codes);
  Array array;
  for (int64_t i = 0; i < of.size(0); ++i) {
    const int64_t code = of.data_ptr<int64_t>()[i];
    if (code >= static_cast<int64_t>(words.size())) cells.broken(codes);
    array.words.push_back(code < 0 ? "" : words[static_cast<size_t>(code)]);
  }
  return array;
}

/// The names of the rows of such a group; none if it has none.
std::vector<std::string> index_of(const std::string& frame, const Cells& cells) {
  const std::string index = cells.attribute(frame, "_index");
  auto names = column_in(frame, index.empty() ? "_index" : index, cells);
  return names ? spelled(std::move(*names)) : std::vector<std::string>();
}

}  // namespace

std::vector<std::string> h5ad_matrices(const std::string& path) {
  const Cells cells = open_cells(path);
  std::vector<std::string> names;
  if (cells.has("X")) names.emplace_back("X");
  for (const std::string group : {"layers", "obsm"}) {
    for (const auto& name : cells.names_in(group)) names.push_back(group + "/" + name);
  }
  if (cells.has("raw/X")) names.emplace_back("raw/X");
  return names;
}

std::vector<std::string> h5ad_columns(const std::string& path) {
  const Cells cells = open_cells(path);
  std::vector<std::string> names = cells.names_in("obs");
  const std::string index = cells.attribute("obs", "_index");
  // "__categories" is where anndata before 0.8 kept what codes stand for.
  std::erase_if(names, [&](const auto& name) { return name == index || name[0] == '_'; });
  return names;
}

Array read_h5ad_matrix(const std::string& path, const std::string& matrix) {
  const Cells cells = open_cells(path);
  Array array;
  if (cells.kind_of(matrix) == H5O_TYPE_GROUP) {
    const std::string kind =
        cells.attribute(matrix, "encoding-type") + cells.attribute(matrix, "h5sparse_format");
    const bool by_rows = kind.rfind("csr", 0) == 0;
    if (!by_rows && kind.rfind("csc", 0) != 0) {
      throw DataError(path + ": " + matrix + " is no matrix (" + (kind.empty() ? "?" : kind) +
                      "); give " + one_of(h5ad_matrices(path)));
    }
    array.values = sparse_matrix(cells, matrix, cells.shape_of_sparse(matrix), by_rows);
  } else if (cells.has(matrix)) {
    array.values = cells.values(matrix).values;
  }
  if (!array.values.defined() || array.values.dim() != 2) {
    throw DataError(path + " has no matrix " + matrix + "; give " + one_of(h5ad_matrices(path)));
  }
  if (array.values.numel() == 0) {
    throw DataError(path + ": " + matrix + " has no cells or no genes; give one that has");
  }
  array.rows = index_of("obs", cells);
  if (array.rows.empty()) cells.broken("obs has no index that is read");
  if (static_cast<int64_t>(array.rows.size()) != array.values.size(0)) {
    cells.broken(matrix + " and obs are of different numbers of cells");
  }
  if (matrix.rfind("obsm/", 0) == 0) return array;
  array.columns = index_of(matrix == "raw/X" ? "raw/var" : "var", cells);
  if (static_cast<int64_t>(array.columns.size()) != array.values.size(1)) array.columns.clear();
  const auto genes = told_apart(array.columns);
  int64_t renamed = 0;
  for (size_t i = 0; i < genes.size(); ++i) renamed += genes[i] != array.columns[i];
  if (renamed > 0) {
    array.note = count_text(renamed, "gene") +
                 " of a name that others have, or of none, called by it "
                 "and a number, such as NAME.1";
  }
  array.columns = genes;
  return array;
}

Array read_h5ad_column(const std::string& path, const std::string& column) {
  const Cells cells = open_cells(path);
  if (auto found = column_in("obs", column, cells)) return std::move(*found);
  throw DataError(path + " has no column '" + column + "' in obs; " +
                  suggest(column, h5ad_columns(path)));
}

#else

namespace {

[[noreturn]] void refuse_h5ad(const std::string& path) {
  throw Error(path +
              " is read by libhdf5, and this clade was built without it; in Python save its " +
              "matrix: scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(adata.X)), or build " +
              "clade with -DCLADE_WITH_HDF5=ON");
}

}  // namespace

std::vector<std::string> h5ad_matrices(const std::string& path) {
  refuse_h5ad(path);
}

std::vector<std::string> h5ad_columns(const std::string& path) {
  refuse_h5ad(path);
}

Array read_h5ad_matrix(const std::string& path, const std::string&) {
  refuse_h5ad(path);
}

Array read_h5ad_column(const std::string& path, const std::string&) {
  refuse_h5ad(path);
}

#endif

}  // namespace clade
