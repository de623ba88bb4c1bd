#include <limits>
#include <string>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/check.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kBlock)
    diagonal_kernel(T* a, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  const std::int64_t least = min(rows, columns);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t b = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; b < batch; b += step) {
    for (std::int64_t i = threadIdx.x; i < least; i += blockDim.x) a[b * rows * columns + i * (columns + 1)] = T{1};
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    triangle_kernel(bool lower, const T* from, std::int64_t from_columns, std::int64_t from_stride, T* to,
                    std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  const std::int64_t x_step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t y_step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
  const std::int64_t z_step = static_cast<std::int64_t>(gridDim.z) * blockDim.z;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (std::int64_t b = static_cast<std::int64_t>(blockIdx.z) * blockDim.z + threadIdx.z; b < batch; b += z_step) {
    for (std::int64_t i = first_row; i < rows; i += y_step) {
      for (std::int64_t j = first_column; j < columns; j += x_step) {
        const bool inside = lower ? j <= i : j >= i;
        to[(b * rows + i) * columns + j] = inside ? from[b * from_stride + i * from_columns + j] : T{0};
      }
    }
  }
}

// fraction * 2^exponent, so that a product overflows only where the result does. |fraction| is in [sqrt(1/2), sqrt(2)),
// so that the logarithms of the two never cancel; or it is 0, infinite or NaN.
struct Product {
  double fraction;
  int exponent;
};

__device__ inline Product normalised(Product product) {
  if (!(fabs(product.fraction) <= std::numeric_limits<double>::max()) || product.fraction == 0.0) {
    return {product.fraction, 0};
  }
  int exponent = 0;
  double fraction = frexp(product.fraction, &exponent);
  if (fabs(fraction) < 0.70710678118654752) {
    fraction *= 2.0;
    --exponent;
  }
  return {fraction, product.exponent + exponent};
}

__device__ inline Product multiply(Product a, Product b) {
  return normalised({a.fraction * b.fraction, a.exponent + b.exponent});
}

// A group of lanes a matrix.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    det_kernel(const T* lu, const void* pivots, bool wide_pivots, std::int64_t batch, std::int64_t n, T* det,
               T* log_abs, int* flags, const int* exponents) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < batch; first += step) {
    const std::int64_t b = first + threadIdx.y;
    Product product = {1.0, 0};
    for (std::int64_t i = threadIdx.x; b < batch && i < n; i += lanes) {
      const std::int64_t pivot = wide_pivots ? static_cast<const std::int64_t*>(pivots)[b * n + i]
                                             : static_cast<const std::int32_t*>(pivots)[b * n + i];
      const auto factor = static_cast<double>(lu[(b * n + i) * n + i]);
      product = multiply(product, normalised({pivot == i + 1 ? factor : -factor, 0}));
    }
    for (unsigned distance = lanes / 2; distance > 0; distance /= 2) {
      const Product other = {__shfl_xor_sync(kAllLanes, product.fraction, static_cast<int>(distance)),
                             __shfl_xor_sync(kAllLanes, product.exponent, static_cast<int>(distance))};
      product = multiply(product, other);
    }
    if (b >= batch || threadIdx.x != 0) continue;
    const double fraction = product.fraction;
    const int power = product.exponent + (exponents == nullptr ? 0 : exponents[b]);
    if (flags != nullptr && !(fabs(fraction) <= std::numeric_limits<double>::max())) flags[b] = 1;
    if (log_abs == nullptr) {
      det[b] = static_cast<T>(ldexp(fraction, power));
    } else {
      det[b] = fraction > 0.0 ? T{1} : fraction < 0.0 ? T{-1} : static_cast<T>(fraction);  // 0 and NaN as they are
      log_abs[b] = static_cast<T>(log(fabs(fraction)) + power * 0.69314718055994531);
    }
  }
}

__global__ void __launch_bounds__(kBlock)
    pointers_kernel(char* base, std::size_t stride_bytes, std::int64_t count, void** pointers) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    pointers[i] = base + static_cast<std::size_t>(i) * stride_bytes;
  }
}

}  // namespace

void set_identity(cudaStream_t stream, DType type, void* a, std::int64_t batch, std::int64_t rows,
                  std::int64_t columns) {
  with_float("set_identity", type, [&](auto zero) {
    using T = decltype(zero);
    if (batch == 0 || rows == 0 || columns == 0) return;
    check(cudaMemsetAsync(a, 0, static_cast<std::size_t>(batch * rows * columns) * sizeof(T), stream),
          "cudaMemsetAsync");
    const Shape shape = group_shape(batch, power_of_two(rows < columns ? rows : columns, kBlock));
    launch(stream, shape.grid, shape.block, 0, &diagonal_kernel<T>, static_cast<T*>(a), batch, rows, columns);
  });
}

void copy_triangle(cudaStream_t stream, DType type, Triangle triangle, const void* from, std::int64_t from_columns,
                   std::int64_t from_stride, void* to, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  with_float("copy_triangle", type, [&](auto zero) {
    using T = decltype(zero);
    if (batch == 0 || rows == 0 || columns == 0) return;
    const Shape shape = matrix_shape(batch, rows, columns);
    launch(stream, shape.grid, shape.block, 0, &triangle_kernel<T>, triangle == Triangle::Lower,
           static_cast<const T*>(from), from_columns, from_stride, static_cast<T*>(to), batch, rows, columns);
  });
}

void det_of_lu(cudaStream_t stream, DType type, const void* lu, const void* pivots, std::size_t pivot_bytes,
               std::int64_t batch, std::int64_t n, void* det, void* log_abs, int* flags, const int* exponents) {
  if (pivot_bytes != 4 && pivot_bytes != 8) {
    throw Error(Code::Internal, "det_of_lu: pivots of " + std::to_string(pivot_bytes) + " bytes; expected 4 or 8");
  }
  with_float("det_of_lu", type, [&](auto zero) {
    using T = decltype(zero);
    if (batch == 0) return;
    const Shape shape = group_shape(batch, power_of_two(n, kWarp));
    launch(stream, shape.grid, shape.block, 0, &det_kernel<T>, static_cast<const T*>(lu), pivots, pivot_bytes == 8,
           batch, n, static_cast<T*>(det), static_cast<T*>(log_abs), flags, exponents);
  });
}

void fill_pointers(cudaStream_t stream, void* base, std::size_t stride_bytes, std::int64_t count, void** pointers) {
  if (count == 0) return;
  const Shape shape = flat_shape(count);
  launch(stream, shape.grid, shape.block, 0, &pointers_kernel, static_cast<char*>(base), stride_bytes, count, pointers);
}

}  // namespace tensorlane::cuda
