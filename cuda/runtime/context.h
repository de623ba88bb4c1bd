// What the lanes, buffers and kernels of an open device share. Each of them holds it, so it is there until the last of
// them is gone, also when the device object went first.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/memory/copy_crew.h"
#include "cuda/memory/host_pool.h"
#include "cuda/memory/memory_pool.h"
#include "cuda/runtime/errors.h"
#include "cuda/runtime/stream.h"

namespace tensorlane::cuda {

class Context {
 public:
  // On the device, which is the thread's current one. Errors: as MemoryPool.
  Context(int device, const MemoryOptions& memory);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] int device() const noexcept { return device_; }
  [[nodiscard]] Health& health() noexcept { return health_; }
  [[nodiscard]] MemoryPool& memory() noexcept { return memory_; }
  [[nodiscard]] HostPool& pinned() noexcept { return pinned_; }
  // For copies between callers' memory and pinned blocks.
  [[nodiscard]] CopyCrew& copies() noexcept { return copies_; }
  [[nodiscard]] EventPool& events() noexcept { return *events_; }

  // Streams stay until the context ends: a buffer may be freed on one when its lane is long gone. One that was given
  // back is taken again.
  [[nodiscard]] cudaStream_t take_stream(bool high_priority);
  void give_back_stream(cudaStream_t stream, bool high_priority) noexcept;

  // How many lanes are not idle (see LaneState::idle); the last to fall idle gives back memory that only busy lanes
  // need.
  void lane_stirs() noexcept { busy_.fetch_add(1, std::memory_order_relaxed); }
  void lane_idles() noexcept;

  // A module of the driver's that nothing uses any more, to be unloaded by unload_modules(), which may wait.
  void retire_module(void* module) noexcept;
  void unload_modules() noexcept;

 private:
  int device_;
  Health health_;
  std::optional<OnDevice> ending_;  // from the destructor on, until what comes after it here is gone
  MemoryPool memory_;
  HostPool pinned_;
  CopyCrew copies_;
  std::shared_ptr<EventPool> events_;
  std::atomic<int> busy_{0};

  std::mutex mutex_;  // guards what follows
  std::vector<Stream> streams_;
  std::array<std::vector<cudaStream_t>, 2> free_streams_;
  std::vector<void*> retired_;
};

}  // namespace tensorlane::cuda
