// Softmax along an axis: a group of threads a row where the axis is the last one; else a thread for each place beside
// the axis, so that neighbouring threads read neighbouring elements. Three passes: the largest, the sum, the quotients.
#include <cmath>
#include <cstdint>

#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/reductions.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

__device__ inline float exponential(float value) { return expf(value); }
__device__ inline double exponential(double value) { return exp(value); }

// Every thread of the group gets its result.
template <typename Op>
__device__ typename Op::Accumulator share(typename Op::Accumulator mine, unsigned lanes) {
  if (lanes <= kWarp) return reduce_group<Op>(mine, lanes);
  __shared__ typename Op::Accumulator all;
  mine = reduce_block<Op>(mine);
  if (threadIdx.x == 0) all = mine;
  __syncthreads();
  const typename Op::Accumulator result = all;
  __syncthreads();  // before the next one is written
  return result;
}

// A block has groups of up to a warp, or one.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    softmax_rows_kernel(const T* from, T* to, std::int64_t rows, std::int64_t length) {
  const unsigned lanes = blockDim.x;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; base < rows; base += stride) {
    const std::int64_t row = base + threadIdx.y;
    const std::int64_t end = row < rows ? length : 0;
    T largest = Max<T>::identity();
    for (std::int64_t i = threadIdx.x; i < end; i += lanes) Max<T>::add(largest, from[row * length + i]);
    largest = share<Max<T>>(largest, lanes);
    double sum = 0;
    for (std::int64_t i = threadIdx.x; i < end; i += lanes) {
      const T one = exponential(from[row * length + i] - largest);
      to[row * length + i] = one;
      Sum<T>::add(sum, one);
    }
    sum = share<Sum<T>>(sum, lanes);
    for (std::int64_t i = threadIdx.x; i < end; i += lanes) {
      to[row * length + i] = static_cast<T>(static_cast<double>(to[row * length + i]) / sum);
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    softmax_columns_kernel(const T* from, T* to, std::int64_t outer, std::int64_t length, std::int64_t inner) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t o = blockIdx.y; o < outer; o += gridDim.y) {
    for (std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; c < inner; c += step) {
      const std::int64_t first = o * length * inner + c;
      const std::int64_t end = first + length * inner;
      T largest = Max<T>::identity();
      for (std::int64_t at = first; at < end; at += inner) Max<T>::add(largest, from[at]);
      double sum = 0;
      for (std::int64_t at = first; at < end; at += inner) {
        const T one = exponential(from[at] - largest);
        to[at] = one;
        Sum<T>::add(sum, one);
      }
      for (std::int64_t at = first; at < end; at += inner) {
        to[at] = static_cast<T>(static_cast<double>(to[at]) / sum);
      }
    }
  }
}

}  // namespace

void softmax(cudaStream_t stream, DType type, const void* from, void* to, std::int64_t outer, std::int64_t length,
             std::int64_t inner) {
  if (outer == 0 || length == 0 || inner == 0) return;
  with_float("softmax", type, [&](auto zero) {
    using T = decltype(zero);
    if (inner == 1) {
      const unsigned lanes = length <= std::int64_t{4} * kWarp ? power_of_two(length, kWarp) : kBlock;
      const Shape shape = group_shape(outer, lanes);
      launch(stream, shape.grid, shape.block, 0, softmax_rows_kernel<T>, static_cast<const T*>(from),
             static_cast<T*>(to), outer, length);
    } else {
      // Blocks as wide as what lies beside the axis, in warps, and as many as there are places.
      const dim3 block(inner >= kBlock ? kBlock : static_cast<unsigned>(ceil_div(inner, kWarp)) * kWarp);
      const dim3 grid(limited(ceil_div(inner, block.x), kGridX), limited(outer, kGridYZ));
      launch(stream, grid, block, 0, softmax_columns_kernel<T>, static_cast<const T*>(from), static_cast<T*>(to), outer,
             length, inner);
    }
  });
}

}  // namespace tensorlane::cuda
