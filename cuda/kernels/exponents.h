// Powers of two of a matrix' elements, on the device.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

namespace tensorlane::cuda {

// Of what is zero: below that of any number. All of its bytes are the same.
inline constexpr int kNoneByte = 0x80;
inline constexpr int kNone = static_cast<int>(0x80808080U);

__device__ inline int exponent(float value) { return value == 0.0F ? kNone : ilogbf(value); }
__device__ inline int exponent(double value) { return value == 0.0 ? kNone : ilogb(value); }
__device__ inline float times_power(float value, int power) { return scalbnf(value, power); }
__device__ inline double times_power(double value, int power) { return scalbn(value, power); }

__device__ inline int larger(int a, int b) { return a > b ? a : b; }
__device__ inline int smaller(int a, int b) { return a < b ? a : b; }

}  // namespace tensorlane::cuda
