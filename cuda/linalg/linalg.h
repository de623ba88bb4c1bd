// The linear algebra of a CUDA device, one operation a file. Each puts its work on the lane's stream; what it must look
// at when the device is done, it defers. Errors and meaning as in device.h.
#pragma once

#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

#define TENSORLANE_DECLARE(function, Args, ...) void function(CudaLane& lane, const Args& args);
TENSORLANE_ALGEBRA(TENSORLANE_DECLARE)
#undef TENSORLANE_DECLARE

}  // namespace tensorlane::cuda
