#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

/// Whether the arrays of a .npz are those that scipy.sparse.save_npz writes.
bool is_sparse_matrix(const std::vector<std::string>& names);

/// The line of each entry, int64 [n], of a compressed matrix: those of line i lie from pointers[i]
/// to pointers[i + 1]. pointers: int64 [lines + 1]. Nothing if they do not rise from 0 to at most
/// `entries`.
std::optional<torch::Tensor> lines_of_entries(const torch::Tensor& pointers, int64_t lines,
                                              int64_t entries);

/// The matrix [N, D] in such a .npz, of SciPy's formats csr, csc, coo, bsr and dia; entries that
/// are there several times add up, as in SciPy. It stays sparse until all of it is known and is
/// then written once, in the smallest of uint8, float32 and float64 that holds its values exactly.
/// Throws DataError if it is broken, or if memory does not hold it dense.
Array parse_sparse_matrix(std::string_view bytes, const std::string& where);

}  // namespace clade
