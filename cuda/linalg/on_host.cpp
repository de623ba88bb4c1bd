#include "cuda/linalg/on_host.h"

#include <cuda_runtime.h>

#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

Operand OnHost::input(const Operand& operand) {
  if (operand.buffer == nullptr || operand.bytes == 0) return operand;
  Operand here{lane_.pinned(operand.bytes), operand.bytes, nullptr};
  check(cudaMemcpyAsync(here.data, lane_.reads(operand), operand.bytes, cudaMemcpyDeviceToHost, lane_.stream()),
        "cudaMemcpyAsync");
  brought_ = true;
  return here;
}

Operand OnHost::output(const Operand& operand) {
  if (operand.buffer == nullptr || operand.bytes == 0) return operand;
  Operand here{lane_.pinned(operand.bytes), operand.bytes, nullptr};
  results_.emplace_back(here, operand);
  return here;
}

void OnHost::compute(const std::function<void(Lane&)>& computation) {
  if (brought_) check(cudaStreamSynchronize(lane_.stream()), "cudaStreamSynchronize");
  Lane own(0);
  computation(own);
  for (const auto& [here, there] : results_) {
    check(cudaMemcpyAsync(lane_.writes(there), here.data, there.bytes, cudaMemcpyHostToDevice, lane_.stream()),
          "cudaMemcpyAsync");
  }
}

}  // namespace tensorlane::cuda
