// Registers of TENSORLANE_REGISTER_BYTES, and what the kernels do with them. Included by one file an instruction set, with
// that set's compiler options, and everything is in that file's own namespace TENSORLANE_SET: an inline function that two
// sets shared might come to an old processor with a new one's instructions. For the same reason nothing of the standard
// library is called here or in the kernels.
#pragma once

#include <cstdint>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "cpu/small/table.h"

#define TENSORLANE_INLINE [[gnu::always_inline]] inline

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

using Index = std::int64_t;

template <typename T>
struct Register;

template <>
struct Register<float> {
  // NOLINTNEXTLINE(modernize-use-using): GCC takes the attribute on a typedef alone where its size depends on something.
  typedef float Values __attribute__((vector_size(TENSORLANE_REGISTER_BYTES)));
  // NOLINTNEXTLINE(modernize-use-using): GCC takes the attribute on a typedef alone where its size depends on something.
  typedef std::int32_t Integers __attribute__((vector_size(TENSORLANE_REGISTER_BYTES)));
  using Integer = std::int32_t;
  static constexpr int kMantissa = 23;
  static constexpr int kBias = 127;
  static constexpr float kUnit = 0x1p-24F;  // half of epsilon: what rounding does to 1
  static constexpr float kMax = 0x1.fffffep127F;
  static constexpr float kLeastNormal = 0x1p-126F;
};

template <>
struct Register<double> {
  // NOLINTNEXTLINE(modernize-use-using): GCC takes the attribute on a typedef alone where its size depends on something.
  typedef double Values __attribute__((vector_size(TENSORLANE_REGISTER_BYTES)));
  // NOLINTNEXTLINE(modernize-use-using): GCC takes the attribute on a typedef alone where its size depends on something.
  typedef std::int64_t Integers __attribute__((vector_size(TENSORLANE_REGISTER_BYTES)));
  using Integer = std::int64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kBias = 1023;
  static constexpr double kUnit = 0x1p-53;
  static constexpr double kMax = 0x1.fffffffffffffp1023;
  static constexpr double kLeastNormal = 0x1p-1022;
};

// A number a lane; and an integer a lane, which as the result of a comparison is -1 for true and 0 for false.
template <typename T>
using Values = typename Register<T>::Values;
template <typename T>
using Integers = typename Register<T>::Integers;

template <typename T>
inline constexpr Index kLanes = TENSORLANE_REGISTER_BYTES / sizeof(T);

// Of memory, whose `at`-th register is wanted.
template <typename T>
TENSORLANE_INLINE Values<T> load(const T* from, Index at) {
  Values<T> value;
  __builtin_memcpy(&value, from + at * kLanes<T>, sizeof value);
  return value;
}
template <typename T>
TENSORLANE_INLINE void store(T* to, Index at, Values<T> value) {
  __builtin_memcpy(to + at * kLanes<T>, &value, sizeof value);
}
template <typename T>
TENSORLANE_INLINE void store_integers(typename Register<T>::Integer* to, Index at, Integers<T> value) {
  __builtin_memcpy(to + at * kLanes<T>, &value, sizeof value);
}

// The lanes `at` of two registers, those of the second counted on from those of the first.
template <typename T, Index... at>
TENSORLANE_INLINE Values<T> pick(Values<T> first, Values<T> second) {
#ifdef __clang__
  return __builtin_shufflevector(first, second, at...);
#else
  return __builtin_shuffle(first, second, Integers<T>{static_cast<typename Register<T>::Integer>(at)...});
#endif
}

// The same in every lane.
template <typename T>
TENSORLANE_INLINE Values<T> all(T value) {
  return value - Values<T>{};
}
template <typename T>
TENSORLANE_INLINE Integers<T> all_integers(Index value) {
  return static_cast<typename Register<T>::Integer>(value) - Integers<T>{};
}

template <typename T>
TENSORLANE_INLINE Integers<T> bits_of(Values<T> value) {
  return __builtin_bit_cast(Integers<T>, value);
}
template <typename T>
TENSORLANE_INLINE Values<T> magnitude(Values<T> value) {
  return __builtin_bit_cast(Values<T>, bits_of<T>(value) & ~bits_of<T>(all<T>(T{-0.0})));
}
// `value`, which is not negative, with the sign of `sign`.
template <typename T>
TENSORLANE_INLINE Values<T> with_sign(Values<T> value, Values<T> sign) {
  return __builtin_bit_cast(Values<T>, bits_of<T>(value) | (bits_of<T>(sign) & bits_of<T>(all<T>(T{-0.0}))));
}
template <typename T>
TENSORLANE_INLINE Values<T> larger(Values<T> a, Values<T> b) {
  return a > b ? a : b;
}
template <typename T>
TENSORLANE_INLINE Values<T> smaller(Values<T> a, Values<T> b) {
  return a < b ? a : b;
}

// -1 in the lanes that are NaN or infinite.
template <typename T>
TENSORLANE_INLINE Integers<T> not_finite(Values<T> value) {
  const Integers<T> exponent = bits_of<T>(all<T>(Register<T>::kMax)) >> Register<T>::kMantissa;
  const Integers<T> whole = (exponent + 1) << Register<T>::kMantissa;
  return (bits_of<T>(value) & whole) == whole;
}

template <typename T>
TENSORLANE_INLINE bool any(Integers<T> mask) {
#if defined(__AVX512DQ__) && TENSORLANE_REGISTER_BYTES == 64
  if constexpr (sizeof(T) == 4) return _mm512_movepi32_mask(__builtin_bit_cast(__m512i, mask)) != 0;
  return _mm512_movepi64_mask(__builtin_bit_cast(__m512i, mask)) != 0;
#elif defined(__AVX2__) && TENSORLANE_REGISTER_BYTES == 32
  return _mm256_movemask_epi8(__builtin_bit_cast(__m256i, mask)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_epi8(__builtin_bit_cast(__m128i, mask)) != 0;
#else
  typename Register<T>::Integer found = 0;
  for (Index lane = 0; lane < kLanes<T>; ++lane) found |= mask[lane];
  return found != 0;
#endif
}

// Here and below the instructions' forms with a mask, of all lanes: GCC warns of those without (its bug 105593), and makes
// these into them.
template <typename T>
TENSORLANE_INLINE Values<T> root(Values<T> value) {
#if defined(__AVX512F__) && TENSORLANE_REGISTER_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return __builtin_bit_cast(Values<T>, _mm512_maskz_sqrt_ps(__mmask16{0xffff}, __builtin_bit_cast(__m512, value)));
  return __builtin_bit_cast(Values<T>, _mm512_maskz_sqrt_pd(__mmask8{0xff}, __builtin_bit_cast(__m512d, value)));
#elif defined(__AVX2__) && TENSORLANE_REGISTER_BYTES == 32
  if constexpr (sizeof(T) == 4) return __builtin_bit_cast(Values<T>, _mm256_sqrt_ps(__builtin_bit_cast(__m256, value)));
  return __builtin_bit_cast(Values<T>, _mm256_sqrt_pd(__builtin_bit_cast(__m256d, value)));
#elif defined(__SSE2__)
  if constexpr (sizeof(T) == 4) return __builtin_bit_cast(Values<T>, _mm_sqrt_ps(__builtin_bit_cast(__m128, value)));
  return __builtin_bit_cast(Values<T>, _mm_sqrt_pd(__builtin_bit_cast(__m128d, value)));
#else
  for (Index lane = 0; lane < kLanes<T>; ++lane) {
    value[lane] = sizeof(T) == 4 ? __builtin_sqrtf(static_cast<float>(value[lane]))
                                 : static_cast<T>(__builtin_sqrt(static_cast<double>(value[lane])));
  }
  return value;
#endif
}

// 1 / sqrt(x) to a dozen bits at least.
template <typename T>
TENSORLANE_INLINE Values<T> rough_inverse_root(Values<T> x) {
#if defined(__AVX512F__) && TENSORLANE_REGISTER_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return __builtin_bit_cast(Values<T>, _mm512_maskz_rsqrt14_ps(__mmask16{0xffff}, __builtin_bit_cast(__m512, x)));
  return __builtin_bit_cast(Values<T>, _mm512_maskz_rsqrt14_pd(__mmask8{0xff}, __builtin_bit_cast(__m512d, x)));
#elif defined(__AVX2__) && TENSORLANE_REGISTER_BYTES == 32
  if constexpr (sizeof(T) == 4) return __builtin_bit_cast(Values<T>, _mm256_rsqrt_ps(__builtin_bit_cast(__m256, x)));
  return T{1} / root<T>(x);
#else
  return T{1} / root<T>(x);
#endif
}

// The two below are for positive, normal numbers whose result is one too: all but the last bit or two, without a divider
// where Newton's steps from a table's value are quicker.
template <typename T>
TENSORLANE_INLINE Values<T> inverse_root(Values<T> x) {
#if defined(__AVX512F__) && TENSORLANE_REGISTER_BYTES == 64
  constexpr int kSteps = sizeof(T) == 4 ? 1 : 2;
#elif defined(__AVX2__) && TENSORLANE_REGISTER_BYTES == 32
  constexpr int kSteps = sizeof(T) == 4 ? 2 : 0;
#else
  constexpr int kSteps = 0;
#endif
  Values<T> y = rough_inverse_root<T>(x);
  for (int step = 0; step < kSteps; ++step) y = y * (T{1.5} - (T{0.5} * x * y) * y);
  return y;
}

template <typename T>
TENSORLANE_INLINE Values<T> inverse(Values<T> x) {
#if defined(__AVX512F__) && TENSORLANE_REGISTER_BYTES == 64
  if constexpr (sizeof(T) == 4) {
    const Values<T> y =
        __builtin_bit_cast(Values<T>, _mm512_maskz_rcp14_ps(__mmask16{0xffff}, __builtin_bit_cast(__m512, x)));
    return y * (T{2} - x * y);
  } else {
    Values<T> y = __builtin_bit_cast(Values<T>, _mm512_maskz_rcp14_pd(__mmask8{0xff}, __builtin_bit_cast(__m512d, x)));
    y = y * (T{2} - x * y);
    return y * (T{2} - x * y);
  }
#elif defined(__AVX2__) && TENSORLANE_REGISTER_BYTES == 32
  if constexpr (sizeof(T) == 4) {
    Values<T> y = __builtin_bit_cast(Values<T>, _mm256_rcp_ps(__builtin_bit_cast(__m256, x)));
    y = y * (T{2} - x * y);
    return y * (T{2} - x * y);
  }
  return T{1} / x;
#else
  return T{1} / x;
#endif
}

// The exponents of positive numbers, subnormal ones too.
template <typename T>
TENSORLANE_INLINE Integers<T> exponent_of(Values<T> x) {
  constexpr int kMantissa = Register<T>::kMantissa;
  const Integers<T> subnormal = x < all<T>(Register<T>::kLeastNormal);
  const T enough = T{2} / Register<T>::kUnit;
  const Values<T> normal = subnormal ? x * enough : x;
  const Integers<T> exponent = (bits_of<T>(normal) >> kMantissa) - Register<T>::kBias;
  return exponent - (subnormal & all_integers<T>(kMantissa + 2));
}

template <typename T>
TENSORLANE_INLINE Values<T> power_of_two(Integers<T> exponent) {
  return __builtin_bit_cast(Values<T>, (exponent + Register<T>::kBias) << Register<T>::kMantissa);
}

// x times two to the power of an exponent that need not be one of the type's own, in two steps.
template <typename T>
struct Scale {
  Values<T> first, second;

  TENSORLANE_INLINE explicit Scale(Integers<T> exponent)
      : first(power_of_two<T>(exponent >> 1)), second(power_of_two<T>(exponent - (exponent >> 1))) {}
  TENSORLANE_INLINE Values<T> operator()(Values<T> x) const { return x * first * second; }
};

// The lanes of `mask` get this outcome.
template <typename T>
TENSORLANE_INLINE void set_outcomes(const Group<T>& group, Integers<T> mask, Outcome outcome) {
  if (!any<T>(mask)) return;
  for (Index lane = 0; lane < group.count; ++lane) {
    if (mask[lane] != 0) group.outcomes[lane] = outcome;
  }
}
template <typename T>
TENSORLANE_INLINE void set_done(const Group<T>& group) {
  for (Index lane = 0; lane < group.count; ++lane) group.outcomes[lane] = Outcome::Done;
}

// The places of n numbers in descending order, a lane by itself; of equal ones the earlier comes first.
template <typename T>
TENSORLANE_INLINE void descending(const Values<T>* values, Index n, typename Register<T>::Integer* places) {
  Integers<T> place[kMostSvd];
  for (Index j = 0; j < n; ++j) place[j] = Integers<T>{};
  for (Index j = 1; j < n; ++j) {
    for (Index i = 0; i < j; ++i) {
      const Integers<T> later = values[i] < values[j];
      place[i] -= later;
      place[j] += later + 1;
    }
  }
  for (Index j = 0; j < n; ++j) store_integers<T>(places, j, place[j]);
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
