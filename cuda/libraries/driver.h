// The functions of the driver (libcuda.so.1), which is found at run time.
#pragma once

#include <cuda.h>

#include <cstddef>

namespace tensorlane::cuda {

// clang-format off
#define TENSORLANE_DRIVER_FUNCTIONS(X)                                                      \
  X(cuGetErrorString) X(cuModuleLoadData) X(cuModuleGetFunction) X(cuModuleUnload)          \
  X(cuLaunchKernel) X(cuFuncGetAttribute) X(cuFuncSetAttribute)                             \
  X(cuCtxGetCurrent) X(cuCtxSetCurrent)
// clang-format on

// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member
#define TENSORLANE_MEMBER(name) decltype(&::name) name = nullptr;
struct Driver {
  TENSORLANE_DRIVER_FUNCTIONS(TENSORLANE_MEMBER)
  // Since CUDA 12.4: older headers do not declare it, older drivers do not have it, and then it is null.
  CUresult (*cuFuncGetParamInfo)(CUfunction, std::size_t, std::size_t*, std::size_t*) = nullptr;
};
#undef TENSORLANE_MEMBER

}  // namespace tensorlane::cuda
