// The arithmetic of the reductions, for one thread and for two threads' results. Each has
//   Accumulator          what is kept on the way
//   identity()           of nothing
//   neutral()            an element that changes nothing
//   add, merge           an element, another thread's accumulator
//   finish               the result, for a row of so many elements
// float32 is summed in float64, so neither an order of the elements nor their number makes a difference to speak of.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <limits>

#include "cuda/kernels/warp.h"

namespace tensorlane::cuda {

template <typename Number>
struct Sum {
  using T = Number;
  using Accumulator = double;
  __device__ static Accumulator identity() { return 0.0; }
  __device__ static T neutral() { return T{0}; }
  __device__ static void add(Accumulator& sum, T value) { sum += static_cast<double>(value); }
  __device__ static Accumulator merge(Accumulator a, Accumulator b) { return a + b; }
  __device__ static T finish(Accumulator sum, std::int64_t) { return static_cast<T>(sum); }
};

template <typename Number>
struct Mean : Sum<Number> {
  __device__ static Number finish(double sum, std::int64_t columns) {
    return static_cast<Number>(sum / static_cast<double>(columns));  // 0 / 0, which is NaN, of an empty row
  }
};

// The largest of the elements, or of the negated ones and negated. A NaN stays.
template <typename Number, bool kNegate>
struct Extreme {
  using T = Number;
  using Accumulator = Number;
  __device__ static Accumulator identity() { return -std::numeric_limits<T>::infinity(); }
  __device__ static T neutral() { return kNegate ? -identity() : identity(); }
  __device__ static void add(Accumulator& best, T value) { best = merge(best, kNegate ? -value : value); }
  __device__ static Accumulator merge(Accumulator a, Accumulator b) { return b > a || b != b ? b : a; }
  __device__ static T finish(Accumulator best, std::int64_t) { return kNegate ? -best : best; }
};
template <typename Number>
using Max = Extreme<Number, false>;
template <typename Number>
using Min = Extreme<Number, true>;

template <typename Number>
struct Norm;

// The squares of float32 numbers neither overflow nor vanish in float64.
template <>
struct Norm<float> {
  using T = float;
  using Accumulator = double;
  __device__ static Accumulator identity() { return 0.0; }
  __device__ static T neutral() { return 0.0F; }
  __device__ static void add(Accumulator& sum, T value) {
    sum = fma(static_cast<double>(value), static_cast<double>(value), sum);
  }
  __device__ static Accumulator merge(Accumulator a, Accumulator b) { return a + b; }
  __device__ static T finish(Accumulator sum, std::int64_t) { return static_cast<T>(sqrt(sum)); }
};

// For float64, three sums: of the squares of large numbers made small, of small ones made large, and of all others.
struct Squares {
  double large, medium, small;
};

template <>
struct Norm<double> {
  using T = double;
  using Accumulator = Squares;
  static constexpr double kLarge = 0x1p486;   // above, 2^53 squares could overflow
  static constexpr double kSmall = 0x1p-511;  // below, squares lose digits
  static constexpr double kShrink = 0x1p-538;
  static constexpr double kGrow = 0x1p537;

  __device__ static Accumulator identity() { return {0.0, 0.0, 0.0}; }
  __device__ static T neutral() { return 0.0; }
  __device__ static void add(Accumulator& sums, T value) {
    const double size = fabs(value);
    if (size > kLarge) {
      sums.large = fma(size * kShrink, size * kShrink, sums.large);
    } else if (size < kSmall) {
      sums.small = fma(size * kGrow, size * kGrow, sums.small);
    } else {
      sums.medium = fma(size, size, sums.medium);  // NaN comes here
    }
  }
  __device__ static Accumulator merge(Accumulator a, Accumulator b) {
    return {a.large + b.large, a.medium + b.medium, a.small + b.small};
  }
  __device__ static T finish(Accumulator sums, std::int64_t) {
    if (sums.medium != sums.medium) return sums.medium;
    if (sums.large > 0.0) return sqrt(sums.large + sums.medium * kShrink * kShrink) / kShrink;
    if (sums.small == 0.0) return sqrt(sums.medium);
    const double small = sqrt(sums.small) / kGrow;
    if (sums.medium == 0.0) return small;
    const double medium = sqrt(sums.medium);  // larger than each of the small numbers, but not than all of them
    const double high = medium > small ? medium : small;
    const double low = medium > small ? small : medium;
    return high * sqrt(fma(low / high, low / high, 1.0));
  }
};

template <typename T>
__device__ T from_lane(T value, unsigned distance) {
  return __shfl_xor_sync(kAllLanes, value, static_cast<int>(distance));
}
__device__ inline Squares from_lane(Squares value, unsigned distance) {
  return {from_lane(value.large, distance), from_lane(value.medium, distance), from_lane(value.small, distance)};
}

// Every lane of a group of `lanes` (a power of two) gets the group's result.
template <typename Op>
__device__ typename Op::Accumulator reduce_group(typename Op::Accumulator mine, unsigned lanes) {
  for (unsigned distance = lanes / 2; distance > 0; distance /= 2) mine = Op::merge(mine, from_lane(mine, distance));
  return mine;
}

// The threads of the first warp get the result of the block, which is of whole warps. Not to be called twice without a
// barrier in between.
template <typename Op>
__device__ typename Op::Accumulator reduce_block(typename Op::Accumulator mine) {
  __shared__ typename Op::Accumulator of_warps[32];
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  mine = reduce_group<Op>(mine, kWarp);
  if (lane == 0) of_warps[warp] = mine;
  __syncthreads();
  if (warp != 0) return mine;
  mine = lane < blockDim.x / kWarp ? of_warps[lane] : Op::identity();
  return reduce_group<Op>(mine, kWarp);
}

}  // namespace tensorlane::cuda
