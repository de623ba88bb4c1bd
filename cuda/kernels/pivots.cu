// Exchanges follow one another, so one thread does those of a matrix, or of a column of it: what it reads and writes lies beside
// what its neighbours do.
#include <string>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pivots.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/check.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

__device__ inline std::int64_t first_of_flat() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::int64_t step_of_flat() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// Uses the place of the permutation for its inverse first: which row of A each row is. Its own inverse is taken by walking its
// cycles, where a row that is done is marked by its complement.
template <typename Pivot>
__global__ void __launch_bounds__(kBlock)
    pivots_kernel(const Pivot* all, std::int64_t batch, std::int64_t k, std::int64_t m, std::int32_t* all_pivots,
                  std::int32_t* permutations) {
  for (std::int64_t b = first_of_flat(); b < batch; b += step_of_flat()) {
    std::int32_t* pivots = all_pivots + b * k;
    for (std::int64_t i = 0; i < k; ++i) pivots[i] = static_cast<std::int32_t>(all[b * k + i] - 1);
    if (permutations == nullptr) continue;
    std::int32_t* order = permutations + b * m;
    for (std::int64_t i = 0; i < m; ++i) order[i] = static_cast<std::int32_t>(i);
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int32_t row = order[i];
      order[i] = order[pivots[i]];
      order[pivots[i]] = row;
    }
    for (std::int64_t i = 0; i < m; ++i) {
      std::int32_t at = static_cast<std::int32_t>(i);
      std::int32_t next = order[at];
      while (next >= 0) {  // the rest of its cycle
        const std::int32_t after = order[next];
        order[next] = ~at;
        at = next;
        next = after;
      }
    }
    for (std::int64_t i = 0; i < m; ++i) order[i] = ~order[i];
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    exchange_kernel(const std::int32_t* all_pivots, std::int64_t pivots_step, bool backwards, T* all,
                    std::int64_t items, std::int64_t n, std::int64_t columns) {
  for (std::int64_t at = first_of_flat(); at < items * columns; at += step_of_flat()) {
    const std::int64_t item = at / columns;
    const std::int32_t* pivots = all_pivots + item * pivots_step * n;
    T* x = all + item * n * columns + at % columns;
    for (std::int64_t done = 0; done < n; ++done) {
      const std::int64_t i = backwards ? n - 1 - done : done;
      const std::int64_t other = pivots[i];
      if (other == i || other < 0 || other >= n) continue;
      const T value = x[i * columns];
      x[i * columns] = x[other * columns];
      x[other * columns] = value;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    zero_diagonal_kernel(const T* a, std::int64_t batch, std::int64_t n, int* flags) {
  for (std::int64_t at = first_of_flat(); at < batch * n; at += step_of_flat()) {
    if (a[at * n + at % n] == T{0}) flags[at / n] = 1;
  }
}

__global__ void __launch_bounds__(kBlock)
    wrong_pivots_kernel(const std::int32_t* pivots, std::int64_t batch, std::int64_t n, int* flags) {
  for (std::int64_t at = first_of_flat(); at < batch * n; at += step_of_flat()) {
    if (pivots[at] < 0 || pivots[at] >= n) flags[at / n] = 1;
  }
}

}  // namespace

void give_pivots(cudaStream_t stream, const void* from, std::size_t pivot_bytes, std::int64_t batch, std::int64_t k,
                 std::int64_t m, std::int32_t* pivots, std::int32_t* permutation) {
  if (batch == 0) return;
  const Shape shape = flat_shape(batch);
  if (pivot_bytes == sizeof(std::int32_t)) {
    launch(stream, shape.grid, shape.block, 0, &pivots_kernel<std::int32_t>, static_cast<const std::int32_t*>(from),
           batch, k, m, pivots, permutation);
  } else if (pivot_bytes == sizeof(std::int64_t)) {
    launch(stream, shape.grid, shape.block, 0, &pivots_kernel<std::int64_t>, static_cast<const std::int64_t*>(from),
           batch, k, m, pivots, permutation);
  } else {
    throw Error(Code::Internal, "give_pivots: pivots of " + std::to_string(pivot_bytes) + " bytes; expected 4 or 8");
  }
}

void exchange_rows(cudaStream_t stream, DType type, const std::int32_t* pivots, std::int64_t step, bool backwards,
                   void* x, std::int64_t items, std::int64_t n, std::int64_t columns) {
  with_float("exchange_rows", type, [&](auto zero) {
    using T = decltype(zero);
    if (items == 0 || n == 0 || columns == 0) return;
    const Shape shape = flat_shape(items * columns);
    launch(stream, shape.grid, shape.block, 0, &exchange_kernel<T>, pivots, step, backwards, static_cast<T*>(x), items,
           n, columns);
  });
}

void find_zero_on_diagonal(cudaStream_t stream, DType type, const void* a, std::int64_t batch, std::int64_t n,
                           int* flags) {
  with_float("find_zero_on_diagonal", type, [&](auto zero) {
    using T = decltype(zero);
    if (batch == 0 || n == 0) return;
    const Shape shape = flat_shape(batch * n);
    launch(stream, shape.grid, shape.block, 0, &zero_diagonal_kernel<T>, static_cast<const T*>(a), batch, n, flags);
  });
}

void find_wrong_pivots(cudaStream_t stream, const std::int32_t* pivots, std::int64_t batch, std::int64_t n,
                       int* flags) {
  if (batch == 0 || n == 0) return;
  const Shape shape = flat_shape(batch * n);
  launch(stream, shape.grid, shape.block, 0, &wrong_pivots_kernel, pivots, batch, n, flags);
}

}  // namespace tensorlane::cuda
