#pragma once
#include <string_view>

namespace clade::fuzz {

// One fuzz target a reader. Whatever the bytes are, a reader returns or throws the error that its
// header promises; anything else ends the process, and the fuzzer keeps the bytes. read_mat is not
// among them: libmatio believes the sizes that a file announces, so it asks for gigabytes on the
// first minute's bytes, and what is found is its, not ours.

void csv(std::string_view bytes);
void experiment(std::string_view bytes);
void gzip(std::string_view bytes);
void idx(std::string_view bytes);
void jpeg(std::string_view bytes);
void json(std::string_view bytes);
void npy(std::string_view bytes);
void npz(std::string_view bytes);
void png(std::string_view bytes);
void safetensors(std::string_view bytes);

}  // namespace clade::fuzz
