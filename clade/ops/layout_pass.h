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

// Whether edge e is taken in this pass: its share of the passes, evenly, each edge in a phase of
// its own.
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

// Each coordinate of each pull and push is bounded, as in the authors' program.
CLADE_INLINE Lanes bounded(Lanes x) {
  constexpr float kBound = 4.0F;
  const Lanes above = x > kBound ? kBound : x;
  return above < -kBound ? -kBound : above;
}

CLADE_INLINE float squared_distance(const LayoutPass& pass, const float* a, const float* b) {
  Lanes sum{};
  for (int64_t j = 0; j < pass.stride; j += kLanes) {
    const Lanes difference = read<Lanes>(a + j, AllLanes{}) - read<Lanes>(b + j, AllLanes{});
    sum += difference * difference;
  }
  return sum_of(sum);
}

CLADE_INLINE float not_zero(float square) {
  return square > 1e-12F ? square : 1e-12F;
}

// d^2b of d².
CLADE_INLINE float power_of(const LayoutPass& pass, float square) {
  return bounded_exponential(pass.b * logarithm(square));
}

// Moves both ends towards each other, along the gradient of the logarithm of 1 / (1 + a d^2b). What
// moves one moves the other as far the other way: pulls leave the middle of a group where it is,
// and only so does it come to rest.
CLADE_INLINE void pull(const LayoutPass& pass, float* head, float* tail) {
  const float square = not_zero(squared_distance(pass, head, tail));
  const float power = pass.a * power_of(pass, square);
  const float coefficient = 2.0F * pass.b * power / (square * (1.0F + power));
  for (int64_t j = 0; j < pass.stride; j += kLanes) {
    const Lanes from = read<Lanes>(head + j, AllLanes{}), to = read<Lanes>(tail + j, AllLanes{});
    const Lanes change = bounded((to - from) * coefficient) * pass.step;
    write(from + change, head + j, AllLanes{});
    write(to - change, tail + j, AllLanes{});
  }
}

// Moves `position` away from the others, along the gradients of log(1 − 1 / (1 + a d^2b)).
CLADE_INLINE void push(const LayoutPass& pass, const float* const* others, int64_t count,
                       float* position) {
  float coefficient[kMostLayoutPushes] = {};
  for (int64_t o = 0; o < count; ++o) {
    coefficient[o] = squared_distance(pass, position, others[o]);
  }
#pragma omp simd
  for (int64_t o = 0; o < kMostLayoutPushes; ++o) {
    const float square = not_zero(coefficient[o]);
    coefficient[o] = 2.0F * pass.b / ((0.001F + square) * (1.0F + pass.a * power_of(pass, square)));
  }
  for (int64_t j = 0; j < pass.stride; j += kLanes) {
    const Lanes here = read<Lanes>(position + j, AllLanes{});
    Lanes sum{};
    for (int64_t o = 0; o < count; ++o) {
      sum += bounded((here - read<Lanes>(others[o] + j, AllLanes{})) * coefficient[o]);
    }
    write(here + sum * pass.step, position + j, AllLanes{});
  }
}

void layout_pass(const LayoutPass& pass, int64_t begin, int64_t end) {
  const auto points = static_cast<uint64_t>(pass.points);
  uint64_t state = pass.key;
  for (int64_t e = begin; e < end; ++e) {
    if (!takes(pass, e)) continue;
    float* head = pass.position + pass.head[e] * pass.stride;
    pull(pass, head, pass.position + pass.tail[e] * pass.stride);
    const float* others[kMostLayoutPushes];
    int64_t count = 0;
    for (int64_t drawn = 0; drawn < pass.pushes; ++drawn) {
      state = next_state(state);
      const auto other = static_cast<int64_t>(((state >> 32) * points) >> 32);
      if (other != pass.head[e]) others[count++] = pass.before + other * pass.stride;
    }
    push(pass, others, count, head);
  }
}

}  // namespace
}  // namespace clade::ops
