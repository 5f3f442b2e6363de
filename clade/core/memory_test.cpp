#include "clade/core/memory.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <new>

namespace clade {
namespace {

std::string said(const std::function<void()>& work) {
  try {
    with_memory_for("read points.npy", work);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Memory, WhatItRanOutForIsSaid) {
  const std::string tensor = said([] { torch::empty({int64_t{1} << 43}, torch::kFloat32); });
  EXPECT_NE(tensor.find("to read points.npy: 32 TiB was wanted"), std::string::npos) << tensor;
  const std::string beyond = said([] { torch::empty({int64_t{1} << 62, int64_t{1} << 62}); });
  EXPECT_NE(beyond.find("to read points.npy: more than there is"), std::string::npos) << beyond;
  const std::string standard = said([] { throw std::bad_alloc(); });
  EXPECT_NE(standard.find("to read points.npy: more than there is"), std::string::npos);
  EXPECT_EQ(said([] { throw Error("of another kind"); }), "of another kind");
  EXPECT_THROW(said([] { throw std::runtime_error("of another kind"); }), std::runtime_error);
}

}  // namespace
}  // namespace clade
