// Keeps matrices where their elements can be squared: the Jacobi and polar methods do, and what is near overflow or
// underflow would be lost. Scaling is by powers of two, and only where it is needed, so it changes no other result.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// Scales those of `items` runs of `elements` finite elements whose largest is very large or very small, so that it
// comes near 1. magnitudes[i] receives what scale_back() needs.
void scale_to_unit(cudaStream_t stream, DType type, void* a, std::int64_t items, std::int64_t elements,
                   int* magnitudes);

// The other way, for what scales as the items do: singular values, eigenvalues.
void scale_back(cudaStream_t stream, DType type, void* values, std::int64_t items, std::int64_t elements,
                const int* magnitudes);

}  // namespace tensorlane::cuda
