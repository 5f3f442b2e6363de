#pragma once
#include <string>
#include <string_view>

namespace clade {

/// The MD5 of `bytes` (RFC 1321) in hexadecimal. The published checksums of MNIST are MD5; it
/// guards against damage, not against an adversary. Here because no library Clade needs anyway has
/// it.
std::string md5_of(std::string_view bytes);

}  // namespace clade
