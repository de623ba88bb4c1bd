// Small things that the linear algebra does to matrices, float32 or float64, row-major, in batches of packed matrices.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// Ones on the diagonal, zeros elsewhere.
void set_identity(cudaStream_t stream, DType type, void* a, std::int64_t batch, std::int64_t rows,
                  std::int64_t columns);

enum class Triangle { Lower, Upper };
// Copies `rows` x `columns` from the top left of matrices with `from_columns` columns and `from_stride` elements from
// one to the next; zeros outside of the triangle (which includes the diagonal).
void copy_triangle(cudaStream_t stream, DType type, Triangle triangle, const void* from, std::int64_t from_columns,
                   std::int64_t from_stride, void* to, std::int64_t batch, std::int64_t rows, std::int64_t columns);

// Determinants from LU factors (n x n, packed) and pivots (1-based, `pivot_bytes` 4 or 8 each, n a matrix). With
// log_abs null: det[i]; else the sign to det[i] and log |det| to log_abs[i], as numpy's slogdet. An empty matrix has
// determinant 1. flags[i], where there are flags, becomes 1 where a factor is not finite. Where there are exponents, determinant i is multiplied by
// 2^exponents[i].
void det_of_lu(cudaStream_t stream, DType type, const void* lu, const void* pivots, std::size_t pivot_bytes,
               std::int64_t batch, std::int64_t n, void* det, void* log_abs, int* flags = nullptr,
               const int* exponents = nullptr);

// pointers[i] = base + i * stride_bytes, for the batched routines of cuBLAS and cuSOLVER.
void fill_pointers(cudaStream_t stream, void* base, std::size_t stride_bytes, std::int64_t count, void** pointers);

}  // namespace tensorlane::cuda
