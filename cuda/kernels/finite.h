// Finds NaNs and infinities before a solver does: cuSOLVER has failed on them, hung on them and dropped them silently.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// For `items` runs of `elements` float32 or float64 elements: flags[i] |= 1 where item i has one that is not finite.
void find_not_finite(cudaStream_t stream, DType type, const void* from, std::int64_t items, std::int64_t elements,
                     int* flags);

// The same, and copies the items; one that is not finite is filled with zeros instead, so that no solver meets it.
void copy_finite(cudaStream_t stream, DType type, const void* from, void* to, std::int64_t items, std::int64_t elements,
                 int* flags);

}  // namespace tensorlane::cuda
