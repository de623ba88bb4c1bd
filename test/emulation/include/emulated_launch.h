// Kernel launches under the emulation.
//
// A launch hands its kernel translated pointers, so a kernel's parameters are pointers, numbers, or classes that hold
// no device pointers: a pointer inside of a class is not translated, and the kernel that follows it is stopped.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda_runtime_api.h"

#pragma GCC visibility push(default)
namespace emulation {

// The address at which the device's code reaches what `pointer` names; any other pointer comes back as it was.
void* device_alias(const volatile void* pointer);

struct KernelCall {
  const void* function;               // what cudaFuncSetAttribute names; may be null
  std::vector<const void*> pointers;  // the arguments that are pointers, as the host gave them
  std::function<void()> body;         // runs the kernel for one CUDA thread
};

cudaError_t launch_kernel(const cudaLaunchConfig_t& config, KernelCall call);

template <typename T>
T translated(T value, std::vector<const void*>& pointers) {
  static_assert(std::is_trivially_copyable_v<T>, "A kernel's parameters are copied as bytes.");
  if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>) {
    pointers.push_back(const_cast<const void*>(static_cast<const volatile void*>(value)));
    return static_cast<T>(device_alias(value));
  } else {
    return value;
  }
}

}  // namespace emulation
#pragma GCC visibility pop

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  static_assert((!std::is_reference_v<Parameters> && ...), "A kernel cannot take references.");
  if (config == nullptr || kernel == nullptr) return cudaErrorInvalidValue;
  // The conversions to the parameters' types happen here, as in a call.
  const std::tuple<std::remove_cv_t<Parameters>...> given(static_cast<Parameters>(arguments)...);
  emulation::KernelCall call;
  call.function = reinterpret_cast<const void*>(kernel);
  auto values = std::apply(
      [&call](auto... value) { return std::make_tuple(emulation::translated(value, call.pointers)...); }, given);
  call.body = [kernel, values = std::move(values)] { std::apply(kernel, values); };
  return emulation::launch_kernel(*config, std::move(call));
}
