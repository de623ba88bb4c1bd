// By itself, for the kernels: a compiler for GPUs reads what they include once for the host and once an architecture, which takes
// longer than most kernels.
#pragma once

#include <cuda_runtime.h>

namespace tensorlane::cuda {

// Errors: DeviceLost for sticky errors, OutOfMemory, else Internal. None of them stays in cudaGetLastError.
void check(cudaError_t error, const char* what);

}  // namespace tensorlane::cuda
