// The 16-bit floats, which C++20 has no arithmetic for: to and from float, and rounding to them once from wider types.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tensorlane::cpu {

// IEEE binary16.
struct Half {
  std::uint16_t bits;
};
// The upper half of a float's bits.
struct BFloat16 {
  std::uint16_t bits;
};

inline float widen(BFloat16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16U); }

inline float widen(Half value) {
  const std::uint32_t sign = (value.bits & 0x8000U) << 16U;
  const std::uint32_t exponent = value.bits >> 10U & 0x1fU;
  const std::uint32_t mantissa = value.bits & 0x3ffU;
  if (exponent == 0) {
    const float size = static_cast<float>(mantissa) * 0x1p-24F;
    return sign == 0 ? size : -size;
  }
  // The exponent's bias is 15 there and 127 here; all of its bits are set for an infinity and for NaN.
  const std::uint32_t biased = exponent == 0x1f ? 0xffU : exponent + 112U;
  return std::bit_cast<float>(sign | biased << 23U | mantissa << 13U);
}

// To the nearest, ties to even.
inline BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (value != value) return {0x7fff};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16U & 1U)) >> 16U)};
}

inline Half to_half(float value) {
  constexpr std::uint32_t kInfinite = 0x477ff000;  // 65520, halfway beyond the largest
  constexpr std::uint32_t kNormal = 0x38800000;    // 2^-14, the smallest normal one
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16U & 0x8000U);
  const std::uint32_t size = bits & 0x7fffffffU;
  const auto with_sign = [sign](std::uint32_t half) { return Half{static_cast<std::uint16_t>(sign | half)}; };
  if (value != value) return {0x7fff};
  if (size >= kInfinite) return with_sign(0x7c00);
  if (size < kNormal) {
    // A float of [0.5, 1) counts in steps of 2^-24, as the subnormal ones do: adding 0.5 rounds to them.
    const float sum = std::bit_cast<float>(size) + 0.5F;
    return with_sign(std::bit_cast<std::uint32_t>(sum) - std::bit_cast<std::uint32_t>(0.5F));
  }
  return with_sign((size - (112U << 23U) + 0xfffU + (size >> 13U & 1U)) >> 13U);
}

// Rounds so that another rounding, to half the mantissa or less, comes out as if it were the only one: where the number
// is not a float, to the one of its neighbours whose last bit is set.
inline float to_odd(double value) {
  const auto near = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(near);
  const double back = near;
  if (back == value || value != value || (bits & 1U) != 0) return near;
  const bool away = std::fabs(back) > std::fabs(value);
  return std::bit_cast<float>(away ? bits - 1 : bits + 1);
}

// The same from integers: what is beyond the mantissa's 53 bits is gathered in the last bit that is kept.
inline double to_odd_double(std::int64_t value) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  if (value >= -kExact && value <= kExact) return static_cast<double>(value);
  return static_cast<double>((value & ~std::int64_t{0x7ff}) | ((value & 0x7ff) != 0 ? 0x800 : 0));
}
inline double to_odd_double(std::uint64_t value) {
  if (value <= std::uint64_t{1} << 53U) return static_cast<double>(value);
  return static_cast<double>((value & ~std::uint64_t{0x7ff}) | ((value & 0x7ff) != 0 ? 0x800U : 0U));
}

}  // namespace tensorlane::cpu
