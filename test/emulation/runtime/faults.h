// How calls begin and end: planned faults, the errors that stay, and the error that cudaGetLastError remembers.
#pragma once

#include <string_view>
#include <utility>

#include "runtime/state.h"

namespace emulation {

void plan_faults_from_text(std::string_view text);

// The fault planned for this call, or what keeps every call from working; counts the call.
cudaError_t begin_call(const char* call);
// Whether begin_call() was told that the work of this call is to fail when it is done.
cudaError_t take_fault_at_execution();
// The sticky error of a device, as the caller finds it.
cudaError_t sticky_error(const Device& device);
// Under the lock.
void fail(Device& device, cudaError_t error);

int current_device();
// Under the lock: the device, which is the current one, has its context, and the calling thread has that.
void enter_context(Device& device);
// Keeps an error for cudaGetLastError and returns it.
cudaError_t remembered(cudaError_t error);

// The frame of a function that needs the current device: faults and sticky errors first.
template <typename Work>
cudaError_t device_call(const char* call, Work work) {
  cudaError_t error = begin_call(call);
  if (error == cudaSuccess) {
    Device* device = nullptr;
    {
      const Quiet quiet;
      device = find_device(current_device());
      error = device == nullptr ? cudaErrorInvalidDevice : device->sticky;
      if (device != nullptr) enter_context(*device);
    }
    if (error == cudaSuccess) error = work(*device);
  }
  return remembered(error);
}

// The same for a function that gives something back, which also happens on a device that has failed.
template <typename Work>
cudaError_t releasing_call(const char* call, Work work) {
  cudaError_t error = begin_call(call);
  if (error == cudaSuccess) {
    Device* device = nullptr;
    {
      const Quiet quiet;
      device = find_device(current_device());
      if (device != nullptr) {
        error = device->sticky;
        enter_context(*device);
      }
    }
    if (device == nullptr) return remembered(cudaErrorInvalidDevice);
    const cudaError_t own = work(*device);
    if (error == cudaSuccess) error = own;
  }
  return remembered(error);
}

// The frame of a function that needs no device to work.
template <typename Work>
cudaError_t plain_call(const char* call, Work work) {
  cudaError_t error = begin_call(call);
  if (error == cudaSuccess) error = work();
  return remembered(error);
}

}  // namespace emulation
