// Powers of two that bring the largest element of every row and of every column of a matrix near 1, where one of them is
// very large or very small: elimination would overflow there though the result does not, divide by subnormal pivots, or
// lose digits beside the smallest numbers. A power of two changes no digit, and a matrix that needs no scaling is left as
// it is. All is decided on the device: the host waits for nothing.
//
// Where none is needed, that costs one kernel that reads the matrix (twice, while it is in a cache) for up to 128 rows, and a
// memset and two kernels that read it once above; it is neither copied nor written. solve has three more, which read its right
// sides and the exponents, inv one, which reads exponents.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"
#include "cuda/kernels/equilibration.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

class Equilibration {
 public:
  // Scales `count` packed finite row-major n x n matrices to a' = 2^-row(i) a 2^-column(j), where they are. n and count
  // are not 0. Errors: OutOfMemory.
  Equilibration(CudaLane& lane, DType type, std::int64_t n, std::int64_t count, void* a);

  // `vectors` packed right-hand sides, `nrhs` to a system; system i is of the matrix first + i * step (0 or 1). Each is
  // scaled as the matrix' rows are, and by a power of two of its own, which goes to exponents[vector]. Where its elements would
  // then be too far apart, it is left as it is, and kFarApart goes there (cuda/kernels/far_apart.h).
  void scale_right_sides(std::int64_t first, std::int64_t step, std::int64_t nrhs, std::int64_t vectors, void* b,
                         int* exponents) const;
  // What was solved for them, to the solutions. Those that are far apart are left alone.
  void scale_solutions(std::int64_t first, std::int64_t step, std::int64_t nrhs, std::int64_t vectors,
                       const int* exponents, void* x) const;
  // The inverses of the scaled matrices, row-major, to those of the matrices.
  void scale_inverses(void* inverses) const;

  // By which power of two each determinant became smaller.
  [[nodiscard]] const int* of_determinants() const noexcept { return scaling_.of_determinants; }

  // The exponents, n a matrix.
  [[nodiscard]] const int* rows() const noexcept { return scaling_.rows; }
  [[nodiscard]] const int* columns() const noexcept { return scaling_.columns; }

 private:
  cudaStream_t stream_;
  Temporary exponents_;
  Scaling scaling_;
};

}  // namespace tensorlane::cuda
