// The operations of a CUDA device, as its parts have them: each is done by the function of its name on the lane.
#include "cuda/cuda_device.h"
#include "cuda/linalg/host_numbers.h"
#include "cuda/linalg/linalg.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {
namespace {

// Whether it was one of numbers that the host computes with, which is done then.
template <typename Args>
bool done_on_host(CudaLane& lane, const Args& args) {
  if constexpr (requires { compute_on_host(lane, args); }) {
    if (is_of_host(args)) {
      compute_on_host(lane, args);
      return true;
    }
  }
  return false;
}

}  // namespace

#define TENSORLANE_RUN_ON_LANE(function, Args, ...)            \
  void CudaDevice::function(Lane& lane, const Args& args) {    \
    CudaLane& here = CudaLane::of(lane);                       \
    if (!done_on_host(here, args)) cuda::function(here, args); \
  }
TENSORLANE_ALGEBRA(TENSORLANE_RUN_ON_LANE)
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_RUN_ON_LANE)
#undef TENSORLANE_RUN_ON_LANE

}  // namespace tensorlane::cuda
