// What the device has yet to do for a task, and what is held until it has.
//
// The rule: nothing the device may still use is given back. Where the device cannot be waited for it is lost, and what
// the task held is kept for ever.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <memory>
#include <vector>

#include "core/lanes/lane_state.h"
#include "cuda/memory/host_pool.h"
#include "cuda/runtime/stream.h"

namespace tensorlane::cuda {

class Context;

// The destruction of these, in this order, is the end of the task's use of them.
struct Held {
  std::vector<PinnedBlock> pinned;
  std::vector<std::shared_ptr<void>> kept;
  std::vector<std::function<void()>> deferred;

  [[nodiscard]] bool empty() const noexcept { return pinned.empty() && kept.empty() && deferred.empty(); }
};

class CudaPending final : public Pending {
 public:
  explicit CudaPending(std::shared_ptr<Context> context);
  ~CudaPending() override;

  // While the task runs.
  Held held;

  // The task's work is done when all that is on the stream now is done. Where no event can be recorded there, the
  // device is waited for at once. Gives the event, or null when there is nothing left to wait for.
  EventRef start(cudaStream_t stream) noexcept;

  [[nodiscard]] bool done() noexcept override;
  void wait() noexcept override;
  void complete() override;

 private:
  void wait_for_stream() noexcept;

  std::shared_ptr<Context> context_;
  cudaStream_t stream_ = nullptr;
  EventRef event_;       // null once it is waited for
  bool failed_ = false;  // the device's work; then nothing that was deferred runs, and the device is lost
};

}  // namespace tensorlane::cuda
