// Failures of CUDA's calls as typed errors, and the end of a device.
//
// Some failures ("sticky" ones) are the end of a device: every later call of this process fails with the same. Its
// Health keeps the first such cause, so that whatever comes after is refused with what went wrong, not with what it
// met.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <atomic>
#include <mutex>
#include <string>

#include "cuda/runtime/check.h"

namespace tensorlane::cuda {

// Whether no call of this process on the device can succeed after this one. Leaves nothing in cudaGetLastError.
[[nodiscard]] bool is_sticky(cudaError_t error) noexcept;

class Health {
 public:
  explicit Health(int device) : device_(device) {}
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
  // The first cause counts.
  void lose(const std::string& cause) noexcept;
  // For what cannot throw: loses the device where the error is sticky, and leaves nothing in cudaGetLastError.
  void note(cudaError_t error, const char* what) noexcept;
  // Errors: DeviceLost, with the first cause.
  void check() const;

 private:
  int device_;
  std::atomic<bool> lost_{false};
  mutable std::mutex mutex_;
  std::string cause_;  // guarded by mutex_
};

// While it lives, the device is the one that CUDA's calls of this thread are for. Afterwards the thread has the context
// that it had before, or none: a thread that never chose a device is not given one, since choosing one makes its
// context, which takes hundreds of megabytes. So does, on such a thread, nearly every call.
class CurrentDevice {
 public:
  explicit CurrentDevice(int device) noexcept;
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

  // What choosing it came to.
  [[nodiscard]] cudaError_t error() const noexcept { return error_; }

 private:
  CUcontext before_ = nullptr;
  bool restores_ = false;
  cudaError_t error_;
};

// The same; and check() on this thread loses this device when it meets a sticky error.
class OnDevice {
 public:
  OnDevice(int device, Health& health) noexcept;
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  CurrentDevice current_;
  Health* health_before_;
};

// The same for a thread that works for one device only, until it is called again. Null: none.
void watch_this_thread(Health* health) noexcept;

// "cudaMalloc: cudaErrorMemoryAllocation (out of memory)"
[[nodiscard]] std::string describe(cudaError_t error, const char* what);

// For a call that gives something back: tried once more where that may help. Not where the device is lost: then what it
// held is gone, and a handle may be as well.
template <typename Release>
void give_back(Release release) noexcept {
  const cudaError_t error = release();
  if (error != cudaSuccess && !is_sticky(error)) static_cast<void>(is_sticky(release()));
}

// After a call of a library failed: if it failed because the device did, throws DeviceLost.
void check_device_after(const char* what);

}  // namespace tensorlane::cuda
