#pragma once

namespace clade {

/// Has the C library keep the memory it has been given back instead of returning it to the system:
/// tensors of the same sizes come and go every step, and fetching their pages anew costs more than
/// filling them. For programs that train; call it first. Does nothing where there is no such knob.
void keep_freed_memory();

}  // namespace clade
