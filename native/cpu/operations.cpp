#include "cpu/operations.h"

#include "cpu/cpu_device.h"

namespace tensorlane {

#define TENSORLANE_RUN(function, Args, ...) \
  void CpuDevice::function(Lane& lane, const Args& args) { cpu::function(lane, args); }
TENSORLANE_ALGEBRA(TENSORLANE_RUN)
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_RUN)
#undef TENSORLANE_RUN

}  // namespace tensorlane
