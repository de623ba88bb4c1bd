// A memory pool of CUDA's, of one device: what is taken from the system stays in it until it is trimmed. Gives CUDA's
// errors as they are; counting, limits and second tries are its owner's.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

class DriverPool {
 public:
  // On the device, which is the thread's current one. What is freed stays in the pool up to `keep_bytes`.
  // Errors: NotSupported where the device has no memory pools, OutOfMemory, DeviceLost.
  DriverPool(int device, std::uint64_t keep_bytes, Health& health);
  ~DriverPool();
  DriverPool(const DriverPool&) = delete;
  DriverPool& operator=(const DriverPool&) = delete;

  // Usable on this stream from now on. No error stays in cudaGetLastError where memory is out.
  [[nodiscard]] cudaError_t allocate(cudaStream_t stream, std::size_t bytes, void** memory) noexcept;
  // Gives back to the system what is free beyond so much, without waiting.
  [[nodiscard]] cudaError_t trim(std::uint64_t keep_bytes) noexcept { return cudaMemPoolTrimTo(pool_, keep_bytes); }
  // Taken from the system. What was freed on a stream that has not come to it counts.
  [[nodiscard]] std::uint64_t reserved() const noexcept;

 private:
  Health& health_;
  cudaMemPool_t pool_ = nullptr;
};

}  // namespace tensorlane::cuda
