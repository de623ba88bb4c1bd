// How every kernel of this project is launched.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/runtime/check.h"

namespace tensorlane::cuda {

// Arguments are converted to the types of the kernel's parameters. Errors: as check().
template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t stream, dim3 grid, dim3 block, std::size_t shared_bytes, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments), "a kernel gets one argument for each parameter");
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "cudaLaunchKernelEx");
}

}  // namespace tensorlane::cuda
