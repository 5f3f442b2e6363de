#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "clade/formats/array.h"

namespace clade {

/// Whether the arrays of a .npz are those that scipy.sparse.save_npz writes.
bool is_sparse_matrix(const std::vector<std::string>& names);

/// The matrix [N, D] in such a .npz, of SciPy's formats csr, csc, coo, bsr and dia; entries that
/// are there several times add up, as in SciPy. It stays sparse until all of it is known and is
/// then written once, in the smallest of uint8, float32 and float64 that holds its values exactly.
/// Throws DataError if it is broken, or if memory does not hold it dense.
Array parse_sparse_matrix(std::string_view bytes, const std::string& where);

}  // namespace clade
