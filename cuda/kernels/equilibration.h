// Scaling by powers of two: cuda/linalg/equilibration.h says what for.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// Where the exponents of `count` n x n matrices lie, on the device.
struct Scaling {
  DType type;  // of the matrices
  std::int64_t n, count;
  int* rows;             // n a matrix
  int* columns;          // n a matrix, behind all of the rows'
  int* of_determinants;  // one a matrix: by which power of two it became smaller
};

// Finds the exponents, and scales the matrices by them. All of these take float32 and float64. Errors: DType.
void equilibrate(cudaStream_t stream, const Scaling& scaling, void* a);
// What Equilibration says of its functions of these names.
void scale_right_sides(cudaStream_t stream, const Scaling& scaling, std::int64_t first, std::int64_t step,
                       std::int64_t nrhs, std::int64_t vectors, void* b, int* exponents);
void scale_solutions(cudaStream_t stream, const Scaling& scaling, std::int64_t first, std::int64_t step,
                     std::int64_t nrhs, std::int64_t vectors, const int* exponents, void* x);
void scale_inverses(cudaStream_t stream, const Scaling& scaling, void* inverses);

}  // namespace tensorlane::cuda
