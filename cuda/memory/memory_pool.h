// Device memory in the order of streams, from a pool of this device's own, so that its limit and its figures are not
// mixed up with what other libraries in the process take.
//
// A free takes effect when its stream comes to it; the memory is then reused without a call to the system. When there
// is no more, allocate() waits for what was freed, gives the system back what is kept for reuse, and tries once more;
// what it then throws says who holds the memory, and the device goes on working.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/runtime/errors.h"
#include "device/device.h"

namespace tensorlane::cuda {

enum class MemoryKind { Tensor, Workspace, Operation };

struct PoolStats {
  std::uint64_t limit = 0;  // 0: none
  std::uint64_t used = 0, peak = 0;
  std::uint64_t tensors = 0, workspaces = 0, operations = 0;
  std::uint64_t reserved = 0;  // taken from the system
};

class MemoryPool {
 public:
  // On the device, which is the thread's current one. Errors: Argument, NotSupported where the device has no memory
  // pools, OutOfMemory.
  MemoryPool(int device, const MemoryOptions& options, Health& health);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // Usable on this stream from now on. Null for 0 bytes. Errors: OutOfMemory, DeviceLost.
  [[nodiscard]] void* allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind);
  // When the stream has come to it. Never waits. `bytes` and `kind` as they were allocated.
  void free(cudaStream_t stream, void* memory, std::size_t bytes, MemoryKind kind) noexcept;
  // For memory whose last use no stream could be made to wait for: freed when the device is known to be idle.
  void free_later(void* memory, std::size_t bytes, MemoryKind kind) noexcept;

  // Gives back to the system what is kept for reuse beyond `keep_bytes`. Waits for the device where it must.
  void trim(std::uint64_t keep_bytes = 0);
  // The same without waiting: for what is free already.
  void trim_idle(std::uint64_t keep_bytes) noexcept;

  // Frees what free_later() was given, after waiting for the device; does nothing when that is nothing.
  void release_stranded() noexcept;

  [[nodiscard]] PoolStats stats() noexcept;
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }

 private:
  struct Stranded {
    void* memory;
    std::size_t bytes;
    MemoryKind kind;
  };

  void reserve_limit();
  [[nodiscard]] bool count(std::size_t bytes, MemoryKind kind) noexcept;
  void discount(std::size_t bytes, MemoryKind kind) noexcept;
  [[nodiscard]] cudaError_t try_allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind, void** memory);
  void settle();
  void stay_within_limit() noexcept;
  [[nodiscard]] std::uint64_t attribute(cudaMemPoolAttr which) const noexcept;
  [[noreturn]] void throw_out_of_memory(std::size_t bytes);

  int device_;
  Health& health_;
  std::uint64_t total_ = 0;  // of the device
  std::uint64_t limit_ = 0;
  bool growth_ = true;
  cudaMemPool_t pool_ = nullptr;

  std::mutex mutex_;  // of what follows
  std::array<std::uint64_t, 3> used_{};
  std::uint64_t peak_ = 0;
  std::vector<Stranded> stranded_;
};

// "1.5 GiB", for messages.
[[nodiscard]] std::string readable_bytes(std::uint64_t bytes);

}  // namespace tensorlane::cuda
