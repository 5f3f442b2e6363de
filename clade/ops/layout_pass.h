#pragma once
// Inside kernels.cpp: one pass of the layout of a graph of neighbours (UMAP; McInnes, Healy &
// Melville 2018). Points that share an edge pull at each other, and points drawn at random push.
#include "clade/ops/kernels.h"
#include "clade/ops/lanes.h"

namespace clade::ops {
namespace {

// Of random numbers: one step of a generator by multiplication, of which the upper bits are used.
CLADE_INLINE uint64_t next_state(uint64_t state) {
  return state * 6364136223846793005U + 1442695040888963407U;
}

// The finaliser of SplitMix64: states that differ in one bit become unlike.
CLADE_INLINE uint64_t scattered(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

// Whether edge e is taken in this pass: share of the passes, evenly, each edge in a phase of its
// own.
CLADE_INLINE bool takes(const LayoutPass& pass, int64_t e) {
  const uint32_t golden = static_cast<uint32_t>(e) * 2654435769U;
  const float phase = static_cast<float>(static_cast<int32_t>(golden >> 8)) * 0x1p-24F;
  const float before = static_cast<float>(pass.number) * pass.share[e] + phase;
  return __builtin_floorf(before + pass.share[e]) > __builtin_floorf(before);
}

CLADE_INLINE float sum_of(Lanes lanes) {
  float sum = 0;
  for (int64_t i = 0; i < kLanes; ++i) sum += lanes[i];
  return sum;
}

// Positions of which the first pulls and the others push.
struct Others {
  const float* position[kMostLayoutOthers];
  int64_t count;
};

// What each other's difference to the position is multiplied by: the gradient of the logarithm of
// 1 / (1 + a d^2b), and of one minus that.
CLADE_INLINE void coefficients(const LayoutPass& pass, const float* square, float* coefficient) {
#pragma omp simd
  for (int64_t o = 0; o < kMostLayoutOthers; ++o) {
    const float s = square[o] > 1e-12F ? square[o] : 1e-12F;
    const float power = bounded_exponential(pass.b * logarithm(s));  // d^2b
    const float near = 2.0F * pass.b / (1.0F + pass.a * power);
    coefficient[o] = o == 0 ? -near * pass.a * power / s : near / (0.001F + s);
  }
}

// Each coordinate of each push or pull is bounded, as in the authors' program.
CLADE_INLINE Lanes bounded(Lanes x) {
  constexpr float kBound = 4.0F;
  const Lanes above = x > kBound ? kBound : x;
  return above < -kBound ? -kBound : above;
}

CLADE_INLINE void move(const LayoutPass& pass, const Others& others, float* position) {
  float square[kMostLayoutOthers] = {};
  for (int64_t o = 0; o < others.count; ++o) {
    Lanes sum{};
    for (int64_t j = 0; j < pass.stride; j += kLanes) {
      const Lanes difference =
          read<Lanes>(position + j, AllLanes{}) - read<Lanes>(others.position[o] + j, AllLanes{});
      sum += difference * difference;
    }
    square[o] = sum_of(sum);
  }
  float coefficient[kMostLayoutOthers];
  coefficients(pass, square, coefficient);
  for (int64_t j = 0; j < pass.stride; j += kLanes) {
    const Lanes here = read<Lanes>(position + j, AllLanes{});
    Lanes sum{};
    for (int64_t o = 0; o < others.count; ++o) {
      sum += bounded((here - read<Lanes>(others.position[o] + j, AllLanes{})) * coefficient[o]);
    }
    write(here + sum * pass.step, position + j, AllLanes{});
  }
}

void layout_pass(const LayoutPass& pass, int64_t begin, int64_t end) {
  const auto points = static_cast<uint64_t>(pass.points);
  for (int64_t i = begin; i < end; ++i) {
    float* position = pass.to + i * pass.stride;
    for (int64_t j = 0; j < pass.stride; ++j) position[j] = pass.from[i * pass.stride + j];
    uint64_t state = scattered(pass.key + static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15U);
    for (int64_t e = pass.begin[i]; e < pass.begin[i + 1]; ++e) {
      if (!takes(pass, e)) continue;
      Others others{{pass.from + pass.neighbour[e] * pass.stride}, 1};
      for (int64_t push = 0; push < pass.pushes; ++push) {
        state = next_state(state);
        const auto drawn = static_cast<int64_t>(((state >> 32) * points) >> 32);
        if (drawn != i) others.position[others.count++] = pass.from + drawn * pass.stride;
      }
      move(pass, others, position);
    }
  }
}

}  // namespace
}  // namespace clade::ops
