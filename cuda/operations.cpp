// The operations of a CUDA device, as its parts have them: each is done by the function of its name on the lane.
#include "cuda/cuda_device.h"
#include "cuda/linalg/complex.h"
#include "cuda/linalg/linalg.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {
namespace {

// Whether it was one of complex numbers, which is done then.
template <typename Args>
bool of_complex(CudaLane& lane, const Args& args) {
  if constexpr (requires { complex_on_host(lane, args); }) {
    if (is_complex(args.type)) {
      complex_on_host(lane, args);
      return true;
    }
  }
  return false;
}

}  // namespace

#define TENSORLANE_RUN_ALGEBRA_ON_LANE(function, Args, ...)  \
  void CudaDevice::function(Lane& lane, const Args& args) {  \
    CudaLane& here = CudaLane::of(lane);                     \
    if (!of_complex(here, args)) cuda::function(here, args); \
  }
#define TENSORLANE_RUN_ON_LANE(function, Args, ...) \
  void CudaDevice::function(Lane& lane, const Args& args) { cuda::function(CudaLane::of(lane), args); }
TENSORLANE_ALGEBRA(TENSORLANE_RUN_ALGEBRA_ON_LANE)
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_RUN_ON_LANE)
#undef TENSORLANE_RUN_ALGEBRA_ON_LANE
#undef TENSORLANE_RUN_ON_LANE

}  // namespace tensorlane::cuda
