// The functions of NVRTC, the compiler for CUDA C++, which is found at run time.
#pragma once

#include <nvrtc.h>

namespace tensorlane::cuda {

// clang-format off
#define TENSORLANE_NVRTC_FUNCTIONS(X)                                                   \
  X(nvrtcVersion) X(nvrtcGetErrorString) X(nvrtcCreateProgram) X(nvrtcDestroyProgram)   \
  X(nvrtcAddNameExpression) X(nvrtcGetLoweredName) X(nvrtcCompileProgram)               \
  X(nvrtcGetProgramLogSize) X(nvrtcGetProgramLog) X(nvrtcGetCUBINSize) X(nvrtcGetCUBIN)
// clang-format on

// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member
#define TENSORLANE_MEMBER(name) decltype(&::name) name = nullptr;
struct Nvrtc {
  TENSORLANE_NVRTC_FUNCTIONS(TENSORLANE_MEMBER)
};
#undef TENSORLANE_MEMBER

}  // namespace tensorlane::cuda
