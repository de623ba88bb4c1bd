// The largest elements of rows.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// The k <= columns largest elements of each row of a row-major `rows` x `columns` of float32 or float64, largest first,
// the one with the lower index first where they are equal, and their indices. A NaN counts as the largest, and the
// zeros are equal. k up to TopKArgs::kMost. `workspace` has top_k_workspace() bytes. Errors: Argument, DType, Shape.
void top_k(cudaStream_t stream, DType type, const void* from, std::int64_t rows, std::int64_t columns, std::int64_t k,
           void* values, std::int64_t* indices, void* workspace);
std::size_t top_k_workspace(DType type, std::int64_t rows, std::int64_t columns, std::int64_t k);

}  // namespace tensorlane::cuda
