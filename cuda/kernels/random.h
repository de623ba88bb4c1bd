#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// The numbers first, first + 1, ... of a seed: see core/philox.h.
void random_numbers(cudaStream_t stream, DType type, std::uint64_t seed, std::int64_t first, std::int64_t count,
                    void* to);

}  // namespace tensorlane::cuda
