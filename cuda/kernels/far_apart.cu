#include <climits>
#include <cstdint>
#include <type_traits>

#include "cuda/kernels/exponents.h"
#include "cuda/kernels/far_apart.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

template <typename T, typename Pivot>
struct Matrix {
  const T* lu;  // by columns
  const Pivot* pivots;
  const int* rows;
  const int* columns;
};

// By all threads of a block: y becomes what solves the scaled system.
template <typename T, typename Pivot>
__device__ void substitute(const Matrix<T, Pivot>& matrix, std::int64_t n, T* y) {
  __syncthreads();
  for (std::int64_t k = 0; threadIdx.x == 0 && k < n; ++k) {
    const std::int64_t other = matrix.pivots[k] - 1;
    const T value = y[k];
    y[k] = y[other];
    y[other] = value;
  }
  for (std::int64_t k = 0; k < n; ++k) {
    __syncthreads();
    const T one = y[k];
    for (std::int64_t i = k + 1 + threadIdx.x; i < n; i += blockDim.x) y[i] -= matrix.lu[k * n + i] * one;
  }
  for (std::int64_t k = n; k-- > 0;) {
    __syncthreads();
    const T one = y[k] / matrix.lu[k * n + k];
    __syncthreads();
    if (threadIdx.x == 0) y[k] = one;
    for (std::int64_t i = threadIdx.x; i < k; i += blockDim.x) y[i] -= matrix.lu[k * n + i] * one;
  }
  __syncthreads();
}

// `all_y` has n elements a block. One block a processor is enough: with registers for more it would spill some.
template <typename T, typename Pivot>
__global__ void __launch_bounds__(kBlock, 1)
    solve_far_apart_kernel(const T* lu, const Pivot* pivots, const int* rows, const int* columns, std::int64_t n,
                           std::int64_t matrix_step, const T* all_b, std::int64_t b_step, std::int64_t nrhs,
                           std::int64_t vectors, const int* exponents, T* all_y, T* all_x) {
  __shared__ int most;
  for (std::int64_t v = blockIdx.x; v < vectors; v += gridDim.x) {
    if (exponents[v] != kFarApart) continue;
    const std::int64_t own = v / nrhs * matrix_step;
    const Matrix<T, Pivot> matrix{lu + own * n * n, pivots + own * n, rows + own * n, columns + own * n};
    const T* b = all_b + v / nrhs * b_step * n * nrhs + v % nrhs;
    T* y = all_y + blockIdx.x * n;
    T* x = all_x + v * n;
    for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) x[i] = T{0};
    // From the largest elements to the smallest ones; those from `below` on are done.
    for (int below = INT_MAX;;) {
      if (threadIdx.x == 0) most = kNone;
      __syncthreads();
      int largest = kNone;
      for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) {
        const int one = exponent(b[i * nrhs]);
        if (one != kNone && one - matrix.rows[i] < below) largest = larger(largest, one - matrix.rows[i]);
      }
      if (largest != kNone) atomicMax(&most, largest);
      __syncthreads();
      const int of_part = most;
      __syncthreads();  // before it is written to again
      if (of_part == kNone) break;
      const int least = of_part - kPart<T>;
      for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) {
        const int one = exponent(b[i * nrhs]);
        const bool is_taken = one != kNone && one - matrix.rows[i] < below && one - matrix.rows[i] >= least;
        y[i] = is_taken ? times_power(b[i * nrhs], -(matrix.rows[i] + of_part)) : T{0};
      }
      substitute(matrix, n, y);
      for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) x[i] += times_power(y[i], of_part - matrix.columns[i]);
      below = least;
    }
  }
}

}  // namespace

void solve_far_apart(cudaStream_t stream, DType type, std::int64_t n, const Factorised& lu, std::int64_t matrix_step,
                     const RightSides& right, std::int64_t nrhs, std::int64_t vectors, const int* exponents, void* y,
                     void* x) {
  const unsigned blocks = limited(vectors, kFarApartBlocks);
  with_float("solve", type, [&](auto zero) {
    using T = decltype(zero);
    const auto run = [&](const auto* pivots) {
      using Pivot = std::remove_cvref_t<decltype(*pivots)>;
      launch(stream, dim3(blocks), dim3(kBlock), 0, &solve_far_apart_kernel<T, Pivot>,
             static_cast<const T*>(lu.factors) + lu.first * n * n, pivots + lu.first * n, lu.rows + lu.first * n,
             lu.columns + lu.first * n, n, matrix_step, static_cast<const T*>(right.b), right.step, nrhs, vectors,
             exponents, static_cast<T*>(y), static_cast<T*>(x));
    };
    if (lu.pivot_bytes == sizeof(int)) {
      run(static_cast<const int*>(lu.pivots));
    } else {
      run(static_cast<const std::int64_t*>(lu.pivots));
    }
  });
}

}  // namespace tensorlane::cuda
