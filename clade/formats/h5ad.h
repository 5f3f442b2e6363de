#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

// AnnData, single cells in HDF5 (.h5ad), as anndata writes it since 0.7, by libhdf5. Each call but
// is_hdf5() throws DataError for a file that is broken or holds no AnnData, and Error without
// CLADE_WITH_HDF5.

/// Whether a file that starts so is HDF5.
bool is_hdf5(std::string_view start);

/// The matrices of cells by something: "X", "layers/NAME", "obsm/NAME" and "raw/X", those there
/// are.
std::vector<std::string> h5ad_matrices(const std::string& path);

/// The columns of `obs`, what is known of each cell.
std::vector<std::string> h5ad_columns(const std::string& path);

/// A matrix [N, D], dense or sparse (CSR or CSC) in the file: float32 if that has all digits of the
/// numbers there, else float64. Its columns have the names of the genes, but for obsm's. Throws
/// DataError where there is none or memory does not hold it dense.
Array read_h5ad_matrix(const std::string& path, const std::string& matrix);

/// A column of `obs`, [N]: words, also of a categorical one, whose missing ones are "", or numbers.
Array read_h5ad_column(const std::string& path, const std::string& column);

}  // namespace clade
