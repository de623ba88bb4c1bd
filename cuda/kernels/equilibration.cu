#include <climits>
#include <cstdint>

#include "cuda/kernels/equilibration.h"
#include "cuda/kernels/exponents.h"
#include "cuda/kernels/far_apart.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

// Up to this size a group of threads, or a block, finds the exponents itself; those of larger ones are found by many.
constexpr std::int64_t kByOneGroup = 128;
constexpr unsigned kTile = 64;  // rows that a block looks at then, and as many columns as a warp has lanes

// Whether elements of this size may stay: the products of two, and their quotients, are far from the type's ends.
template <typename T>
__device__ bool is_moderate(int exponent) {
  constexpr int kMost = sizeof(T) == 4 ? 32 : 256;
  return exponent == kNone || (exponent >= -kMost && exponent <= kMost);
}

// A warp reads a piece of a row at a time.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    find_exponents_kernel(const T* a, std::int64_t count, std::int64_t n, int* rows, int* columns) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * kWarp + threadIdx.x;
  for (std::int64_t b = blockIdx.z; b < count; b += gridDim.z) {
    for (std::int64_t top = static_cast<std::int64_t>(blockIdx.y) * kTile; top < n;
         top += static_cast<std::int64_t>(gridDim.y) * kTile) {
      int of_column = kNone;
      for (std::int64_t i = top + threadIdx.y; i < top + kTile && i < n; i += blockDim.y) {
        int of_row = j < n ? exponent(a[(b * n + i) * n + j]) : kNone;
        of_column = larger(of_column, of_row);
        for (unsigned distance = kWarp / 2; distance > 0; distance /= 2) {
          of_row = larger(of_row, __shfl_xor_sync(kAllLanes, of_row, static_cast<int>(distance)));
        }
        if (threadIdx.x == 0 && of_row != kNone) atomicMax(rows + b * n + i, of_row);
      }
      if (of_column != kNone) atomicMax(columns + b * n + j, of_column);
    }
  }
}

// Of the threads that share a matrix: groups of up to a warp, or one block.
__device__ inline bool any_of_all(bool condition, unsigned lanes) {
  return lanes <= kWarp ? any_of_group(condition, lanes) : __syncthreads_or(condition ? 1 : 0) != 0;
}
__device__ inline void wait_for_all(unsigned lanes) {
  if (lanes <= kWarp) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

// `found`: the exponents of the rows and columns as they are.
template <typename T>
__global__ void __launch_bounds__(kBlock) equilibrate_kernel(T* all, std::int64_t count, std::int64_t n, bool found,
                                                             int* all_rows, int* all_columns, int* totals) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; base < count; base += step) {
    const std::int64_t b = base + threadIdx.y;
    const std::int64_t end = b < count ? n : 0;
    T* a = all + b * n * n;
    int* rows = all_rows + b * n;
    int* columns = all_columns + b * n;
    bool moderate = true;
    for (std::int64_t k = threadIdx.x; k < end; k += lanes) {
      int of_row = found ? rows[k] : kNone;
      int of_column = found ? columns[k] : kNone;
      for (std::int64_t l = 0; !found && l < n; ++l) {
        of_row = larger(of_row, exponent(a[k * n + l]));
        of_column = larger(of_column, exponent(a[l * n + k]));
      }
      moderate = moderate && is_moderate<T>(of_row) && is_moderate<T>(of_column);
      rows[k] = of_row == kNone ? 0 : of_row;
    }
    const bool scales = any_of_all(!moderate, lanes);
    if (threadIdx.x == 0 && b < count) totals[b] = 0;
    wait_for_all(lanes);  // the rows' exponents are read by others
    int total = 0;
    for (std::int64_t k = threadIdx.x; k < end; k += lanes) {
      int of_column = kNone;
      for (std::int64_t l = 0; scales && l < n; ++l) {
        const int one = exponent(a[l * n + k]);
        if (one != kNone) of_column = larger(of_column, one - rows[l]);
      }
      if (of_column == kNone) of_column = 0;
      columns[k] = of_column;
      for (std::int64_t l = 0; scales && l < n; ++l) a[l * n + k] = times_power(a[l * n + k], -(rows[l] + of_column));
      total += of_column + (scales ? rows[k] : 0);
    }
    wait_for_all(lanes);
    for (std::int64_t k = threadIdx.x; !scales && k < end; k += lanes) rows[k] = 0;
    if (total != 0) atomicAdd(totals + b, total);
  }
}

// A group of lanes a vector.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    scale_right_sides_kernel(T* all, std::int64_t vectors, std::int64_t n, std::int64_t nrhs, std::int64_t matrix_step,
                             const int* all_rows, int* exponents) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; base < vectors; base += step) {
    const std::int64_t v = base + threadIdx.y;
    const std::int64_t end = v < vectors ? n : 0;
    T* b = all + v * n;
    const int* rows = all_rows + v / nrhs * matrix_step * n;
    int largest = kNone;
    int smallest = INT_MAX;
    bool scales = false;
    for (std::int64_t i = threadIdx.x; i < end; i += lanes) {
      scales = scales || rows[i] != 0;
      const int one = exponent(b[i]);
      if (one == kNone) continue;
      largest = larger(largest, one - rows[i]);
      smallest = smaller(smallest, one - rows[i]);
    }
    for (unsigned distance = lanes / 2; distance > 0; distance /= 2) {
      largest = larger(largest, __shfl_xor_sync(kAllLanes, largest, static_cast<int>(distance)));
      smallest = smaller(smallest, __shfl_xor_sync(kAllLanes, smallest, static_cast<int>(distance)));
    }
    int own = is_moderate<T>(largest) ? 0 : largest;
    if (any_of_group(scales || own != 0, lanes) && largest != kNone && smallest < largest - kPart<T>) own = kFarApart;
    for (std::int64_t i = threadIdx.x; own != kFarApart && i < end; i += lanes) {
      const int power = rows[i] + own;
      if (power != 0) b[i] = times_power(b[i], -power);
    }
    if (threadIdx.x == 0 && v < vectors) exponents[v] = own;
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    scale_solutions_kernel(T* x, std::int64_t vectors, std::int64_t n, std::int64_t nrhs, std::int64_t matrix_step,
                           const int* columns, const int* exponents) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < vectors * n;
       at += step) {
    const std::int64_t v = at / n;
    if (exponents[v] == kFarApart) continue;
    const int power = exponents[v] - columns[v / nrhs * matrix_step * n + at % n];
    if (power != 0) x[at] = times_power(x[at], power);
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    scale_inverses_kernel(T* inverses, std::int64_t count, std::int64_t n, const int* rows, const int* columns) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < count * n * n;
       at += step) {
    const std::int64_t row = at / n;  // of all matrices'
    const int power = columns[row] + rows[row / n * n + at % n];
    if (power != 0) inverses[at] = times_power(inverses[at], -power);
  }
}

template <typename T>
void equilibrate(cudaStream_t stream, T* a, std::int64_t count, std::int64_t n, int* rows, int* columns, int* totals) {
  const bool by_many = n > kByOneGroup;
  if (by_many) {
    const std::size_t bytes = static_cast<std::size_t>(2 * count * n) * sizeof(int);  // the columns' follow the rows'
    check(cudaMemsetAsync(rows, kNoneByte, bytes, stream), "cudaMemsetAsync");
    const dim3 grid(limited(ceil_div(n, kWarp), (std::int64_t{1} << 31) - 1), limited(ceil_div(n, kTile), kGridYZ),
                    limited(count, kGridYZ));
    launch(stream, grid, dim3(kWarp, kBlock / kWarp), 0, &find_exponents_kernel<T>, a, count, n, rows, columns);
  }
  const Shape shape = group_shape(count, n <= kWarp ? power_of_two(n, kWarp) : kBlock);
  launch(stream, shape.grid, shape.block, 0, &equilibrate_kernel<T>, a, count, n, by_many, rows, columns, totals);
}

}  // namespace

void equilibrate(cudaStream_t stream, const Scaling& scaling, void* a) {
  with_float("equilibrate", scaling.type, [&](auto zero) {
    equilibrate(stream, static_cast<decltype(zero)*>(a), scaling.count, scaling.n, scaling.rows, scaling.columns,
                scaling.of_determinants);
  });
}

void scale_right_sides(cudaStream_t stream, const Scaling& scaling, std::int64_t first, std::int64_t step,
                       std::int64_t nrhs, std::int64_t vectors, void* b, int* exponents) {
  with_float("scale_right_sides", scaling.type, [&](auto zero) {
    using T = decltype(zero);
    const Shape shape = group_shape(vectors, power_of_two(scaling.n, kWarp));
    launch(stream, shape.grid, shape.block, 0, &scale_right_sides_kernel<T>, static_cast<T*>(b), vectors, scaling.n,
           nrhs, step, scaling.rows + first * scaling.n, exponents);
  });
}

void scale_solutions(cudaStream_t stream, const Scaling& scaling, std::int64_t first, std::int64_t step,
                     std::int64_t nrhs, std::int64_t vectors, const int* exponents, void* x) {
  with_float("scale_solutions", scaling.type, [&](auto zero) {
    using T = decltype(zero);
    const Shape shape = flat_shape(vectors * scaling.n);
    launch(stream, shape.grid, shape.block, 0, &scale_solutions_kernel<T>, static_cast<T*>(x), vectors, scaling.n, nrhs,
           step, scaling.columns + first * scaling.n, exponents);
  });
}

void scale_inverses(cudaStream_t stream, const Scaling& scaling, void* inverses) {
  with_float("scale_inverses", scaling.type, [&](auto zero) {
    using T = decltype(zero);
    const Shape shape = flat_shape(scaling.count * scaling.n * scaling.n);
    launch(stream, shape.grid, shape.block, 0, &scale_inverses_kernel<T>, static_cast<T*>(inverses), scaling.count,
           scaling.n, scaling.rows, scaling.columns);
  });
}

}  // namespace tensorlane::cuda
