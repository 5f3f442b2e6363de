#include "clade/core/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <functional>
#include <limits>
#include <new>

#include "clade/core/error.h"

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
  EXPECT_NE(tensor.find("to read points.npy: 32.0 TiB was wanted"), std::string::npos) << tensor;
  const std::string beyond = said([] { torch::empty({int64_t{1} << 62, int64_t{1} << 62}); });
  EXPECT_NE(beyond.find("to read points.npy: more than there is"), std::string::npos) << beyond;
  const std::string standard = said([] { throw std::bad_alloc(); });
  EXPECT_NE(standard.find("to read points.npy: more than there is"), std::string::npos);
  EXPECT_EQ(said([] { throw Error("of another kind"); }), "of another kind");
  EXPECT_THROW(said([] { throw std::runtime_error("of another kind"); }), std::runtime_error);
}

TEST(Memory, IsWeighedAgainstTheNearestLimit) {
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  EXPECT_GT(spare_memory(), uint64_t{1} << 20);
  EXPECT_NO_THROW(require_memory(uint64_t{1} << 20, "a.npy", "shrink it"));

  const rlimit half{uint64_t{1} << 60, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &half), 0);
  EXPECT_LE(spare_memory(), uint64_t{1} << 60);
  ::setrlimit(RLIMIT_AS, &before);

  try {
    require_memory(std::numeric_limits<uint64_t>::max(), "a.npy", "shrink it");
    FAIL();
  } catch (const DataError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find("a.npy needs 16.0 EiB of memory, and "), 0U) << message;
    EXPECT_NE(message.find(" are free; shrink it"), std::string::npos) << message;
  }
}

TEST(Memory, IsSaidInUnitsOf1024) {
  EXPECT_EQ(memory_text(0), "0 bytes");
  EXPECT_EQ(memory_text(1023), "1023 bytes");
  EXPECT_EQ(memory_text(1536), "1.5 KiB");
  EXPECT_EQ(memory_text(uint64_t{3} << 30), "3.0 GiB");
}

}  // namespace
}  // namespace clade
