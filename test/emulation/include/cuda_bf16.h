// bfloat16, for the emulation: conversions that round to the nearest even, and arithmetic by way of float.
#pragma once

#include <bit>
#include <cstdint>

#include "cuda_runtime.h"

namespace emulation {

constexpr unsigned short bfloat16_bits(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fff;  // NaN
  return static_cast<unsigned short>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

constexpr float bfloat16_value(unsigned short bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace emulation

struct __nv_bfloat16_raw {
  unsigned short x;
};

struct __nv_bfloat16 {
 public:
  __nv_bfloat16() = default;
  constexpr __nv_bfloat16(const __nv_bfloat16_raw& raw) : __x(raw.x) {}
  constexpr __nv_bfloat16(float value) : __x(::emulation::bfloat16_bits(value)) {}
  constexpr __nv_bfloat16(double value) : __x(::emulation::bfloat16_bits(static_cast<float>(value))) {}
  constexpr __nv_bfloat16(int value) : __x(::emulation::bfloat16_bits(static_cast<float>(value))) {}
  constexpr operator __nv_bfloat16_raw() const { return {__x}; }
  constexpr operator float() const { return ::emulation::bfloat16_value(__x); }

 protected:
  unsigned short __x;
};
typedef __nv_bfloat16 nv_bfloat16;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x;
  __nv_bfloat16 y;
};
typedef __nv_bfloat162 nv_bfloat162;

constexpr __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16(__nv_bfloat16_raw{bits}); }
constexpr unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return static_cast<__nv_bfloat16_raw>(value).x; }
constexpr __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
constexpr __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
constexpr __nv_bfloat16 __double2bfloat16(double value) { return __nv_bfloat16(value); }
constexpr float __bfloat162float(__nv_bfloat16 value) { return static_cast<float>(value); }
constexpr __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
inline float2 __bfloat1622float2(__nv_bfloat162 value) {
  return {static_cast<float>(value.x), static_cast<float>(value.y)};
}
inline bool __hisnan(__nv_bfloat16 value) { return (__bfloat16_as_ushort(value) & 0x7fffU) > 0x7f80U; }
