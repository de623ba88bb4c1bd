// The larger element wins, a NaN over every number; between equals the lower index. So the result does not depend on
// the order in which elements are looked at.
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/reduce.h"
#include "cuda/kernels/reductions.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr std::int64_t kGroupColumns = 1024;  // up to which a group of lanes does a row
constexpr std::int64_t kLongColumns = 16384;  // from which on a block is as large as blocks can be
constexpr unsigned kLargeBlock = 1024;
constexpr int kAhead = 4;

template <typename Number>
struct Best {
  Number value;
  std::int64_t index;  // -1 of nothing
};

// With what reduce_block() asks for.
template <typename Number>
struct Argmax {
  using Accumulator = Best<Number>;
  __device__ static Accumulator identity() { return {-std::numeric_limits<Number>::infinity(), -1}; }
  __device__ static bool above(Number a, Number b) { return a > b || (a != a && b == b); }
  __device__ static Accumulator merge(Accumulator a, Accumulator b) {
    if (b.index < 0) return a;
    if (a.index < 0 || above(b.value, a.value)) return b;
    return !above(a.value, b.value) && b.index < a.index ? b : a;
  }
};

template <typename Number>
__device__ Best<Number> from_lane(Best<Number> best, unsigned distance) {
  return {cuda::from_lane(best.value, distance), cuda::from_lane(best.index, distance)};
}

template <typename T>
__device__ Best<T> best_of(const T* row, std::int64_t columns, unsigned thread, unsigned threads) {
  constexpr int kCount = kPack<T>;
  const bool aligned = is_aligned(row, 16);
  const std::int64_t step = static_cast<std::int64_t>(threads) * kCount;
  Best<T> best = Argmax<T>::identity();
  for (std::int64_t at = static_cast<std::int64_t>(thread) * kCount; at < columns; at += kAhead * step) {
    Pack<T, kCount> held[kAhead];
    for (int a = 0; a < kAhead; ++a) {
      held[a] = load_pack<kCount>(row, at + a * step, columns, aligned, Argmax<T>::identity().value);
    }
    // Indices rise, so only what is above counts; the thread's first element does in any case, and stays before the
    // -infinity that stands for elements beyond the row's end.
    if (best.index < 0) best = {held[0].v[0], at};
    for (int a = 0; a < kAhead; ++a) {
      for (int e = 0; e < kCount; ++e) {
        if (Argmax<T>::above(held[a].v[e], best.value)) best = {held[a].v[e], at + a * step + e};
      }
    }
  }
  return best;
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    argmax_group_kernel(const T* from, std::int64_t rows, std::int64_t columns, std::int64_t* to) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < rows; first += step) {
    const std::int64_t row = first + threadIdx.y;
    Best<T> best = Argmax<T>::identity();
    if (row < rows) best = best_of(from + row * columns, columns, threadIdx.x, lanes);
    best = reduce_group<Argmax<T>>(best, lanes);
    if (row < rows && threadIdx.x == 0) to[row] = best.index;
  }
}

template <typename T>
__global__ void __launch_bounds__(kLargeBlock)
    argmax_block_kernel(const T* from, std::int64_t rows, std::int64_t columns, std::int64_t* to) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto best = reduce_block<Argmax<T>>(best_of(from + row * columns, columns, threadIdx.x, blockDim.x));
    if (threadIdx.x == 0) to[row] = best.index;
    __syncthreads();
  }
}

}  // namespace

void argmax(cudaStream_t stream, DType type, const void* from, std::int64_t rows, std::int64_t columns,
            std::int64_t* to) {
  with_float("argmax", type, [&](auto zero) {
    using T = decltype(zero);
    if (rows == 0) return;
    if (columns <= kGroupColumns) {
      const Shape shape = group_shape(rows, power_of_two(ceil_div(columns, 8), kWarp));
      launch(stream, shape.grid, shape.block, 0, &argmax_group_kernel<T>, static_cast<const T*>(from), rows, columns,
             to);
    } else {
      launch(stream, dim3(limited(rows, kGridX)), dim3(columns < kLongColumns ? kBlock : kLargeBlock), 0,
             &argmax_block_kernel<T>, static_cast<const T*>(from), rows, columns, to);
    }
  });
}

}  // namespace tensorlane::cuda
