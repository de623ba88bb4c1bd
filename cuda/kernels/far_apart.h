// Right-hand sides whose elements are far apart: cuda/linalg/far_apart.h says what becomes of them.
#pragma once

#include <cuda_runtime.h>

#include <climits>
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// What stands in place of such a vector's exponent (Equilibration::scale_right_sides).
inline constexpr int kFarApart = INT_MIN;

// How many powers of two lie between the largest and the smallest element of a part.
template <typename T>
inline constexpr int kPart = sizeof(T) == 4 ? 64 : 512;

// Row-major right-hand sides, of one system behind the other; from a system's to the next one's are `step` (0: all have the first).
struct RightSides {
  const void* b;
  std::int64_t step;
};

// LU factors by columns, of scaled matrices, and what these were scaled by; `first` is the first that is meant.
struct Factorised {
  const void* factors;
  const void* pivots;  // 1-based, `pivot_bytes` 4 or 8 each
  std::size_t pivot_bytes;
  const int* rows;
  const int* columns;
  std::int64_t first;
};

inline constexpr std::int64_t kFarApartBlocks = 16;

// Writes the solutions of those of `vectors` vectors (not 0) with kFarApart to x. y: n elements for each of kFarApartBlocks, or of
// the vectors where they are fewer. Errors: DType.
void solve_far_apart(cudaStream_t stream, DType type, std::int64_t n, const Factorised& lu, std::int64_t matrix_step,
                     const RightSides& right, std::int64_t nrhs, std::int64_t vectors, const int* exponents, void* y,
                     void* x);

}  // namespace tensorlane::cuda
