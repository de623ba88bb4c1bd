// The functions of the driver (libcuda.so.1), which is found at run time.
#pragma once

#include <cuda.h>

namespace tensorlane::cuda {

// clang-format off
#define TENSORLANE_DRIVER_FUNCTIONS(X)                                                      \
  X(cuGetErrorString) X(cuModuleLoadData) X(cuModuleGetFunction) X(cuModuleUnload)          \
  X(cuLaunchKernel) X(cuFuncSetAttribute)
// clang-format on

#define TENSORLANE_MEMBER(name) decltype(&::name) name = nullptr;
struct Driver {
  TENSORLANE_DRIVER_FUNCTIONS(TENSORLANE_MEMBER)
};
#undef TENSORLANE_MEMBER

}  // namespace tensorlane::cuda
