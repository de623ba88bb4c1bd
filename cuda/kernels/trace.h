// The sums of diagonals.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// Of matrices that lie one behind the other: how many elements each has, and which of them are its diagonal's.
struct Diagonals {
  std::int64_t elements;
  std::int64_t first;
  std::int64_t step;
  std::int64_t length;
};

// Of float32 or float64 matrices, `batch` of them (not 0), each diagonal's sum to sums. Errors: DType.
void trace(cudaStream_t stream, DType type, const void* a, std::int64_t batch, const Diagonals& diagonals, void* sums);

}  // namespace tensorlane::cuda
