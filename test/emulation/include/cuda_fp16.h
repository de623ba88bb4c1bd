// Half precision, for the emulation: conversions that round to the nearest even, and arithmetic by way of float.
#pragma once

#include <bit>
#include <cstdint>

#include "cuda_runtime.h"

namespace emulation {

constexpr unsigned short half_bits(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return 0x7fff;                                        // NaN
  if (magnitude >= 0x477ff000U) return static_cast<unsigned short>(sign | 0x7c00U);  // rounds to infinity
  if (magnitude < 0x33000001U) return static_cast<unsigned short>(sign);             // rounds to zero
  const std::uint32_t exponent = magnitude >> 23;
  std::uint32_t mantissa = (magnitude & 0x7fffffU) | 0x800000U;
  const std::uint32_t shift = exponent < 113 ? 126 - exponent : 13;  // below 2^-14 the result is subnormal
  const std::uint32_t rest = mantissa & ((1U << shift) - 1);
  const std::uint32_t half = 1U << (shift - 1);
  mantissa >>= shift;
  // A normal number's leading bit adds one to the exponent, and so does a mantissa that rounds up to a power of two.
  std::uint32_t result = exponent < 113 ? mantissa : ((exponent - 113) << 10) + mantissa;
  if (rest > half || (rest == half && (result & 1U) != 0)) ++result;
  return static_cast<unsigned short>(sign | result);
}

constexpr float half_value(unsigned short bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fU;
  const std::uint32_t mantissa = bits & 0x3ffU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

}  // namespace emulation

struct __half_raw {
  unsigned short x;
};

struct __half {
 public:
  __half() = default;
  constexpr __half(const __half_raw& raw) : __x(raw.x) {}
  constexpr __half(float value) : __x(::emulation::half_bits(value)) {}
  constexpr __half(double value) : __x(::emulation::half_bits(static_cast<float>(value))) {}
  constexpr __half(int value) : __x(::emulation::half_bits(static_cast<float>(value))) {}
  constexpr operator __half_raw() const { return {__x}; }
  constexpr operator float() const { return ::emulation::half_value(__x); }

 protected:
  unsigned short __x;
};
typedef __half half;

struct alignas(4) __half2 {
  __half x;
  __half y;
};
typedef __half2 half2;

constexpr __half __ushort_as_half(unsigned short bits) { return __half(__half_raw{bits}); }
constexpr unsigned short __half_as_ushort(__half value) { return static_cast<__half_raw>(value).x; }
constexpr __half __float2half(float value) { return __half(value); }
constexpr __half __float2half_rn(float value) { return __half(value); }
constexpr __half __double2half(double value) { return __half(value); }
constexpr float __half2float(__half value) { return static_cast<float>(value); }
constexpr __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
constexpr __half2 __halves2half2(__half x, __half y) { return {x, y}; }
constexpr float __low2float(__half2 value) { return static_cast<float>(value.x); }
constexpr float __high2float(__half2 value) { return static_cast<float>(value.y); }
inline float2 __half22float2(__half2 value) { return {static_cast<float>(value.x), static_cast<float>(value.y)}; }
constexpr __half __hadd(__half a, __half b) { return __half(__half2float(a) + __half2float(b)); }
constexpr __half __hsub(__half a, __half b) { return __half(__half2float(a) - __half2float(b)); }
constexpr __half __hmul(__half a, __half b) { return __half(__half2float(a) * __half2float(b)); }
inline bool __hisnan(__half value) { return (__half_as_ushort(value) & 0x7fffU) > 0x7c00U; }
inline int __hisinf(__half value) {
  return (__half_as_ushort(value) & 0x7fffU) != 0x7c00U ? 0 : (__half_as_ushort(value) & 0x8000U) != 0 ? -1 : 1;
}
