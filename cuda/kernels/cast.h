// Conversion between element types.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// to[i] = from[i] as the other type, as numpy's astype and ONNX's Cast do it: to a smaller float rounded to the
// nearest, ties to even; float to integer truncated, and saturated where it does not fit (NaN becomes 0); integers
// wrap; to bool whether it is not zero. All types but strings, the 8-bit floats and the 4-bit integers. Errors: DType.
void cast(cudaStream_t stream, DType from_type, const void* from, DType to_type, void* to, std::int64_t count);

}  // namespace tensorlane::cuda
