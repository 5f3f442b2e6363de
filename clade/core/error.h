#pragma once
#include <stdexcept>
#include <string>

#include "clade/core/words.h"

namespace clade {

/// Everything Clade throws. The message is one line: what is wrong, where (file, key, row), and
/// what to do about it; whatever it quotes, it is printable (see one_line). The command prints it
/// and exits with code 2.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(one_line(message)) {}
};

/// A data file or its values cannot be used.
class DataError : public Error {
 public:
  using Error::Error;
};

/// An experiment file, option or override cannot be used.
class ConfigError : public Error {
 public:
  using Error::Error;
};

/// A term of the bound or a gradient became NaN or infinite. The command exits with code 3.
class NumericalError : public Error {
 public:
  using Error::Error;
};

/// The caller asked training to stop (Ctrl-C); its state is on disk. The command exits with 130.
class Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace clade
