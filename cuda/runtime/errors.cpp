#include "cuda/runtime/errors.h"

#include "core/error.h"
#include "cuda/libraries/libraries.h"

namespace tensorlane::cuda {
namespace {

thread_local Health* health_of_thread = nullptr;

// Those of CUDA 13's that older headers do not have.
constexpr auto kContained = static_cast<cudaError_t>(226);
constexpr auto kTensorMemoryLeak = static_cast<cudaError_t>(721);

// All of which NVIDIA says that the process has to be started anew, and what takes the device or its context away.
bool is_known_as_sticky(cudaError_t error) noexcept {
  switch (static_cast<int>(error)) {  // an enumeration's own would refuse what its header does not have
    case cudaErrorCudartUnloading:
    case cudaErrorDevicesUnavailable:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case kContained:
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
    case kTensorMemoryLeak:
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

CurrentDevice::CurrentDevice(int device) noexcept {
  try {
    restores_ = driver().cuCtxGetCurrent(&before_) == CUDA_SUCCESS;
  } catch (...) {
    restores_ = false;  // there is no driver, and so no device
  }
  error_ = cudaSetDevice(device);
}

CurrentDevice::~CurrentDevice() {
  if (restores_) static_cast<void>(driver().cuCtxSetCurrent(before_));
}

OnDevice::OnDevice(int device, Health& health) noexcept : current_(device), health_before_(health_of_thread) {
  health.note(current_.error(), "cudaSetDevice");
  health_of_thread = &health;
}

OnDevice::~OnDevice() { health_of_thread = health_before_; }

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
