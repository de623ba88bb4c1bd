// The operations of a CUDA device, as its parts have them: each is done by the function of its name on the lane.
#include "cuda/cuda_device.h"
#include "cuda/linalg/linalg.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

#define TENSORLANE_RUN_ON_LANE(function, Args, ...) \
  void CudaDevice::function(Lane& lane, const Args& args) { cuda::function(CudaLane::of(lane), args); }
TENSORLANE_ALGEBRA(TENSORLANE_RUN_ON_LANE)
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_RUN_ON_LANE)
#undef TENSORLANE_RUN_ON_LANE

}  // namespace tensorlane::cuda
