#pragma once
#include <torch/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace clade {

/// Rows of numbers and, where a column holds labels, those as they are written.
struct Table {
  std::vector<std::string> columns;  ///< Names of the D columns of numbers; "" without a header.
  torch::Tensor values;              ///< [N, D] float64; D = 0 where all columns are labels.
  std::vector<std::string> labels;   ///< [N], "" an empty cell; none where no column was asked for.
  std::string note;                  ///< What was left out and why; empty where nothing was.
};

enum class Header { kGuess, kNo };

/// CSV after RFC 4180, separated by commas, semicolons or tabs, whichever splits the first line
/// most. `label_column` is a name, or a number that counts columns from 1; "" for none. All other
/// columns must be numbers, finite in float32. The first line is taken for a header where it holds
/// `label_column` or nothing numeric, or where numbers stand below its words and its own numbers
/// only count columns. An unnamed first column that counts the rows is left out, and noted. Where
/// there is a header and `wanted` names columns, they are taken, in that order, and no others.
Table parse_csv(std::string_view bytes, const std::string& label_column, const std::string& where,
                Header header = Header::kGuess, const std::vector<std::string>& wanted = {});

}  // namespace clade
