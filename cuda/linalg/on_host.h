// An operation that the host does for a device: its operands are brought there, where they are not, and its results back. The
// lane's thread waits for the device once, and then computes.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "core/lanes/lane.h"
#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

class OnHost {
 public:
  explicit OnHost(CudaLane& lane) : lane_(lane) {}

  // An operand in host memory, which is there when compute() runs. Errors: OutOfMemory, DeviceLost.
  [[nodiscard]] Operand input(const Operand& operand);
  // Where a result is to be written.
  [[nodiscard]] Operand output(const Operand& operand);

  // Runs the computation on a lane that has nothing but a workspace. Errors: DeviceLost, and what it throws.
  void compute(const std::function<void(Lane&)>& computation);

 private:
  CudaLane& lane_;
  bool brought_ = false;
  std::vector<std::pair<Operand, Operand>> results_;  // on the host, and where they are wanted
};

}  // namespace tensorlane::cuda
