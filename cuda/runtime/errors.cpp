#include "cuda/runtime/errors.h"

#include "core/error.h"

namespace tensorlane::cuda {
namespace {

thread_local Health* health_of_thread = nullptr;

bool is_known_as_sticky(cudaError_t error) noexcept {
  switch (error) {
    case cudaErrorCudartUnloading:
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorMpsRpcFailure:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
      return true;
    default:
      return false;
  }
}

std::string lost_message(const std::string& device, const std::string& cause) {
  return device + " was lost: " + cause +
         ". Nothing can be computed on it any more in this process, and what it held is gone. Start the process anew.";
}

}  // namespace

// Asking for the last error clears one that is over; one that is there again afterwards stays.
bool is_sticky(cudaError_t error) noexcept {
  if (error == cudaSuccess) return false;
  static_cast<void>(cudaGetLastError());
  return is_known_as_sticky(error) || cudaPeekAtLastError() != cudaSuccess;
}

void Health::lose(const std::string& cause) noexcept {
  const std::lock_guard lock(mutex_);
  if (lost_.load(std::memory_order_relaxed)) return;
  try {
    cause_ = cause;
  } catch (...) {
    // No memory for the reason: it is lost all the same.
  }
  lost_.store(true, std::memory_order_release);
}

void Health::note(cudaError_t error, const char* what) noexcept {
  if (error == cudaSuccess || !is_sticky(error) || lost()) return;
  try {
    lose(describe(error, what));
  } catch (...) {
    lose({});
  }
}

void Health::check() const {
  if (!lost()) return;
  const std::lock_guard lock(mutex_);
  throw Error(Code::DeviceLost, lost_message("CUDA device " + std::to_string(device_), cause_));
}

OnDevice::OnDevice(int device, Health& health) noexcept : health_before_(health_of_thread) {
  if (cudaGetDevice(&device_before_) != cudaSuccess) device_before_ = -1;
  health.note(cudaSetDevice(device), "cudaSetDevice");
  health_of_thread = &health;
}

OnDevice::~OnDevice() {
  if (device_before_ >= 0) health_of_thread->note(cudaSetDevice(device_before_), "cudaSetDevice");
  health_of_thread = health_before_;
}

void watch_this_thread(Health* health) noexcept { health_of_thread = health; }

std::string describe(cudaError_t error, const char* what) {
  return std::string(what) + ": " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")";
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) [[likely]] {
    return;
  }
  const std::string cause = describe(error, what);
  if (is_sticky(error)) {
    if (health_of_thread == nullptr) throw Error(Code::DeviceLost, lost_message("a CUDA device", cause));
    health_of_thread->lose(cause);
    health_of_thread->check();
  }
  throw Error(error == cudaErrorMemoryAllocation ? Code::OutOfMemory : Code::Internal, cause);
}

void check_device_after(const char* what) {
  check(cudaPeekAtLastError(), what);
  check(cudaFree(nullptr), what);  // does nothing but tell of a device that is lost
}

}  // namespace tensorlane::cuda
