#pragma once
// Inside kernels.cpp: as many numbers as one register of its instruction set holds, and functions
// that vector code can be made of, for one number and for a register of them.
#include <cstdint>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define CLADE_INLINE static inline __attribute__((always_inline))

namespace clade::ops {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
#else
constexpr int64_t kLanes = 4;
#endif

using Lanes = float __attribute__((vector_size(kLanes * 4)));
using BitLanes = uint32_t __attribute__((vector_size(kLanes * 4)));
using HalfLanes = uint16_t __attribute__((vector_size(kLanes * 2)));

CLADE_INLINE float as_float(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
CLADE_INLINE Lanes as_float(BitLanes bits) {
  return __builtin_bit_cast(Lanes, bits);
}

CLADE_INLINE uint32_t as_bits(float value) {
  return __builtin_bit_cast(uint32_t, value);
}
CLADE_INLINE BitLanes as_bits(Lanes value) {
  return __builtin_bit_cast(BitLanes, value);
}

#ifdef __AVX512F__
// The compiler would go through halves of a register. With a mask, as GCC 12 warns of an
// uninitialised value inside its functions without one.
constexpr __mmask16 kAll = 0xffff;
CLADE_INLINE BitLanes widened(HalfLanes half) {
  return __builtin_bit_cast(BitLanes,
                            _mm512_maskz_cvtepu16_epi32(kAll, __builtin_bit_cast(__m256i, half)));
}
CLADE_INLINE HalfLanes narrowed(BitLanes bits) {
  return __builtin_bit_cast(HalfLanes,
                            _mm512_maskz_cvtepi32_epi16(kAll, __builtin_bit_cast(__m512i, bits)));
}
#else
CLADE_INLINE BitLanes widened(HalfLanes half) {
  return __builtin_convertvector(half, BitLanes);
}
CLADE_INLINE HalfLanes narrowed(BitLanes bits) {
  return __builtin_convertvector(bits, HalfLanes);
}
#endif

CLADE_INLINE Lanes from_bf16(HalfLanes half) {
  return as_float(widened(half) << 16);
}

CLADE_INLINE HalfLanes to_bf16(Lanes value) {
  const BitLanes bits = as_bits(value);
  const BitLanes rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;    // ties to even
  return narrowed((bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc0U : rounded);  // NaN stays NaN
}

/// All lanes.
struct AllLanes {};
/// The first `count` lanes, fewer than all; what is read gives zero in the others.
struct FirstLanes {
  int64_t count;
};

template <class V, class T>
CLADE_INLINE V read(const T* from, AllLanes) {
  V lanes;
  __builtin_memcpy(&lanes, from, sizeof(V));
  return lanes;
}
template <class V, class T>
CLADE_INLINE void write(V lanes, T* to, AllLanes) {
  __builtin_memcpy(to, &lanes, sizeof(V));
}

#ifdef __AVX512F__
CLADE_INLINE __mmask16 mask_of(FirstLanes first) {
  return static_cast<__mmask16>((1U << first.count) - 1);
}
template <class V>
CLADE_INLINE V read(const float* from, FirstLanes first) {
  return __builtin_bit_cast(V, _mm512_maskz_loadu_ps(mask_of(first), from));
}
template <class V>
CLADE_INLINE V read(const uint16_t* from, FirstLanes first) {
  return __builtin_bit_cast(V, _mm256_maskz_loadu_epi16(mask_of(first), from));
}
CLADE_INLINE void write(Lanes lanes, float* to, FirstLanes first) {
  _mm512_mask_storeu_ps(to, mask_of(first), __builtin_bit_cast(__m512, lanes));
}
CLADE_INLINE void write(HalfLanes lanes, uint16_t* to, FirstLanes first) {
  _mm256_mask_storeu_epi16(to, mask_of(first), __builtin_bit_cast(__m256i, lanes));
}
#else
template <class V, class T>
CLADE_INLINE V read(const T* from, FirstLanes first) {
  V lanes{};
  for (int64_t i = 0; i < first.count; ++i) lanes[i] = from[i];
  return lanes;
}
template <class V, class T>
CLADE_INLINE void write(V lanes, T* to, FirstLanes first) {
  for (int64_t i = 0; i < first.count; ++i) to[i] = lanes[i];
}
#endif

/// f(first, lanes) over stretches of `count` numbers, the last of which may not fill a register.
template <class F>
CLADE_INLINE void by_lanes(int64_t count, const F& f) {
  int64_t first = 0;
  for (; first + kLanes <= count; first += kLanes) f(first, AllLanes{});
  if (first < count) f(first, FirstLanes{count - first});
}

template <class F>
CLADE_INLINE F magnitude(F x) {
  return as_float(as_bits(x) & 0x7fffffffU);
}

constexpr float kRounding = 12582912.0F;  // what is added to it is rounded to a whole number

// (e^r - 1) / r for |r| <= 0.5, by its series.
template <class F>
CLADE_INLINE F exponential_slope(F r) {
  F series = r * (1.0F / 5040) + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  return series * r + 1.0F;
}

// e^x for x <= 88, to a few units in the last place: 2^n e^r with |r| <= log(2) / 2. NaN stays NaN.
template <class F>
CLADE_INLINE F bounded_exponential(F x) {
  x = x < -87.0F ? -87.0F : x;
  const F shifted = x * 1.44269504F + kRounding;
  const F whole = shifted - kRounding;
  const F r = (x - whole * 0.693359375F) + whole * 2.12194440e-4F;  // log(2) in two parts
  const F power = exponential_slope(r) * r + 1.0F;
  return power * as_float((as_bits(shifted) + 127U) << 23);  // the last bits of shifted are n's
}

// e^x to a few units in the last place, at most e^88. NaN stays NaN.
template <class F>
CLADE_INLINE F exponential(F x) {
  return bounded_exponential(x > 88.0F ? 88.0F : x);
}

// log(1 + u) for u in [0, 1], as 2 artanh(u / (2 + u)).
CLADE_INLINE float log_one_plus(float u) {
  const float s = u / (2.0F + u);
  const float q = s * s;
  float series = 1.0F / 13;
  series = series * q + 1.0F / 11;
  series = series * q + 1.0F / 9;
  series = series * q + 1.0F / 7;
  series = series * q + 1.0F / 5;
  series = series * q + 1.0F / 3;
  series = series * q + 1.0F;
  return 2.0F * s * series;
}

// log(x) of a positive normal number: x = 2^n m with m within sqrt(2) of 1, then as above.
CLADE_INLINE float logarithm(float x) {
  const uint32_t bits = as_bits(x);
  const int32_t n = static_cast<int32_t>(bits - 0x3f3504f3U) >> 23;
  const float m = as_float(bits - (static_cast<uint32_t>(n) << 23));
  const float s = (m - 1.0F) / (m + 1.0F);
  const float q = s * s;
  float series = 1.0F / 9;
  series = series * q + 1.0F / 7;
  series = series * q + 1.0F / 5;
  series = series * q + 1.0F / 3;
  series = series * q + 1.0F;
  return static_cast<float>(n) * 0.693147181F + 2.0F * s * series;
}

template <class F>
CLADE_INLINE F sigmoid(F x) {
  const F e = bounded_exponential(-magnitude(x));
  return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

CLADE_INLINE float softplus(float x) {
  return (x > 0 ? x : 0.0F) + log_one_plus(bounded_exponential(-magnitude(x)));
}

template <class F>
CLADE_INLINE F hyperbolic_tangent(F x) {
  const F e = bounded_exponential(-2.0F * magnitude(x));
  const F t = (1.0F - e) / (1.0F + e);
  return x < 0.0F ? -t : t;
}

}  // namespace clade::ops
