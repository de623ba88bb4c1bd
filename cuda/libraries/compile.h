// CUDA C++ compiled by NVRTC to machine code for one architecture. It takes no GPU and no driver.
#pragma once

#include <string>
#include <vector>

namespace tensorlane::cuda {

struct CompiledKernel {
  std::string cubin;
  std::string symbol;  // of the kernel in it
};

// `name` is the kernel's as C++ would refer to it, `architecture` such as "sm_90". Headers that lie near NVRTC
// (cuda_fp16.h and the like) are found. Errors: Kernel with the compiler's log, NoRuntime, OutOfMemory.
[[nodiscard]] CompiledKernel compile_kernel(const std::string& source, const std::string& name,
                                            const std::string& architecture, const std::vector<std::string>& options);

}  // namespace tensorlane::cuda
