// The operations on tensors that a CUDA device does with kernels of its own, without any library: one family a file.
// Each puts its work on the lane's stream. Errors and meaning as in device.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

#define TENSORLANE_DECLARE(function, Args, ...) void function(CudaLane& lane, const Args& args);
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_DECLARE)
#undef TENSORLANE_DECLARE

// Of so many elements of any type that fills whole bytes.
inline std::size_t size_of_elements(DType type, std::int64_t elements) {
  return byte_size(type, static_cast<std::size_t>(elements));
}

}  // namespace tensorlane::cuda
