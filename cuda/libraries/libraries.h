// NVIDIA's libraries, opened when they are first asked for, once a process, and never closed. Only those of the CUDA
// major version that this is built for: the runtime's structures differ between majors.
//
// Errors of all of them: NoRuntime, with every path that was tried, why it was not that, and what to install.
#pragma once

#include <string>
#include <vector>

#include "cuda/libraries/cublas.h"
#include "cuda/libraries/cusolver.h"
#include "cuda/libraries/driver.h"
#include "cuda/libraries/nvrtc.h"

namespace tensorlane::cuda {

[[nodiscard]] const Cublas& cublas();
[[nodiscard]] const CublasLt& cublas_lt();
[[nodiscard]] const Cusolver& cusolver();
[[nodiscard]] const Nvrtc& nvrtc();
[[nodiscard]] const Driver& driver();

// Where NVRTC lies, near which its headers do; and what to install where a part of it is missing.
[[nodiscard]] const std::vector<std::string>& nvrtc_folders();
[[nodiscard]] const std::string& nvrtc_remedy();

// "cuSOLVER 12.0.4, cuBLAS 13.1.0", or "none: " and the reason.
[[nodiscard]] std::string describe_algebra() noexcept;

}  // namespace tensorlane::cuda
