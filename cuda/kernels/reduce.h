// Reductions along the last dimension, one result a row: a block a row, or several blocks where rows are few and long.
// The same bits on every run.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "core/reduction.h"

namespace tensorlane::cuda {

using tensorlane::Reduction;

// A row-major `rows` x `columns` of float32 or float64 to `rows` elements of the same type. Sum and Norm of an empty
// row are 0, Mean NaN, Max -inf, Min inf; a NaN in a row gives NaN. float32 is summed in float64. `workspace` has
// reduce_workspace() bytes. Errors: DType.
void reduce(cudaStream_t stream, Reduction reduction, DType type, const void* from, std::int64_t rows,
            std::int64_t columns, void* to, void* workspace);
std::size_t reduce_workspace(DType type, std::int64_t rows, std::int64_t columns);

// The index of the largest element of each row, of the first one where several are; a NaN counts as the largest. -1 for
// an empty row.
void argmax(cudaStream_t stream, DType type, const void* from, std::int64_t rows, std::int64_t columns,
            std::int64_t* to);

}  // namespace tensorlane::cuda
