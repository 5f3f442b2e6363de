#pragma once
#include <exception>
#include <optional>
#include <string>

#include "clade/core/error.h"

namespace clade {

/// Has the C library keep the memory it has been given back instead of returning it to the system:
/// tensors of the same sizes come and go every step, and fetching their pages anew costs more than
/// filling them. For programs that train; call it first. Does nothing where there is no such knob.
void keep_freed_memory();

/// If `error` says that memory ran out, as operator new, the standard library or one of libtorch's
/// allocators does: how much was wanted at once, "3.2 GiB", or "more" where it does not say.
std::optional<std::string> memory_wanted(const std::exception& error);

/// What `work` gives. If memory runs out in it, throws Error saying what for, `purpose` ("read
/// points.npy"), and how much was wanted.
template <typename Work>
auto with_memory_for(const std::string& purpose, const Work& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const auto wanted = memory_wanted(error);
    if (!wanted) throw;
    throw Error("too little memory to " + purpose + ": " + *wanted +
                " was wanted at once; use a machine with more, or less data");
  }
}

}  // namespace clade
