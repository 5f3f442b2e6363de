#pragma once
#include <cstdint>
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

/// Bytes this process may still take: what the machine has to spare, or less if a limit of the
/// process (ulimit -v) or of its container is nearer. As good as boundless if nothing tells.
uint64_t spare_memory();

/// "5.8 GiB".
std::string memory_text(uint64_t bytes);

/// Throws DataError unless there are so many bytes to spare: "WHAT needs 5.8 GiB of memory, and
/// 1.2 GiB are free; ADVICE". Asked before they are allocated: the system hands out more than it
/// has, and ends the process when that is used.
void require_memory(double bytes, const std::string& what, const std::string& advice);
void require_memory(uint64_t bytes, const std::string& what, const std::string& advice);

}  // namespace clade
