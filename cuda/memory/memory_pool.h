// Device memory in the order of streams, from a pool of this device's own, so that its limit and its figures are not
// mixed up with what other libraries in the process take.
//
// A free takes effect when its stream comes to it; the memory is then reused without a call to the system. When there
// is no more, allocate() takes back what idle lanes keep, waits for what was freed, gives the system back what is kept
// for reuse, and tries once more; what it then throws says who holds the memory, and the device goes on working.
//
// Composed of: the account (who holds how much, the limit), the driver's pool, what is stranded, the workspaces that
// lanes keep. Here is the order in which they serve a request, and give back.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/memory/driver_pool.h"
#include "cuda/memory/kept_workspaces.h"
#include "cuda/memory/memory_account.h"
#include "cuda/memory/stranded.h"
#include "cuda/runtime/errors.h"
#include "device/device.h"

namespace tensorlane::cuda {

struct PoolStats {
  std::uint64_t limit = 0;  // 0: none
  Usage usage;
  std::uint64_t reserved = 0;  // taken from the system
};

class MemoryPool {
 public:
  // On the device, which is the thread's current one. Errors: Argument, NotSupported where the device has no memory
  // pools, OutOfMemory.
  MemoryPool(int device, const MemoryOptions& options, Health& health);
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool() = default;

  // Usable on this stream from now on. Null for 0 bytes. Errors: OutOfMemory, DeviceLost.
  [[nodiscard]] void* allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind);
  // When the stream has come to it. Never waits. `bytes` and `kind` as they were allocated.
  void free(cudaStream_t stream, void* memory, std::size_t bytes, MemoryKind kind) noexcept;
  // For memory whose last use no stream could be made to wait for: freed when the device is known to be idle.
  void free_later(void* memory, std::size_t bytes, MemoryKind kind) noexcept;

  // A lane's workspace, between its tasks: its own the next time, unless the memory was needed meanwhile.
  void keep(const KeptWorkspace& workspace) noexcept;
  [[nodiscard]] KeptWorkspace take_kept(cudaStream_t stream) noexcept { return kept_.take(stream); }

  // Gives back to the system what is kept for reuse beyond `keep_bytes`. Waits for the device where it must.
  void trim(std::uint64_t keep_bytes = 0);
  // The same without waiting: for what is free already.
  void trim_idle(std::uint64_t keep_bytes) noexcept;

  // Frees what free_later() was given, after waiting for the device; does nothing when that is nothing.
  void release_stranded() noexcept { stranded_.release(); }

  [[nodiscard]] PoolStats stats() const noexcept;
  [[nodiscard]] std::uint64_t limit() const noexcept { return account_.limit(); }

 private:
  void reserve_limit();
  [[nodiscard]] cudaError_t try_allocate(cudaStream_t stream, std::size_t bytes, MemoryKind kind, void** memory);
  void free_kept() noexcept;
  void settle();
  void stay_within_limit() noexcept;

  int device_;
  Health& health_;
  bool growth_;
  MemoryAccount account_;
  DriverPool pool_;
  Stranded stranded_;
  KeptWorkspaces kept_;
};

}  // namespace tensorlane::cuda
