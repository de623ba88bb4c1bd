// What several kernels do within a warp, and the choice between float32 and float64.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "core/dtype.h"
#include "core/error.h"

namespace tensorlane::cuda {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffU;

// Whether any lane of the caller's group has `condition`. Groups are aligned and of `lanes` lanes, a power of two up to
// a warp; all of the warp's lanes take part.
__device__ inline bool any_of_group(bool condition, unsigned lanes) {
  const unsigned votes = __ballot_sync(kAllLanes, condition ? 1 : 0);
  const unsigned lane = (threadIdx.y * blockDim.x + threadIdx.x) % kWarp;
  const unsigned group = lanes == kWarp ? kAllLanes : ((1U << lanes) - 1U) << (lane & ~(lanes - 1U));
  return (votes & group) != 0;
}

// Calls `run` with a zero of the type. Errors: DType.
template <typename Run>
void with_float(const char* what, DType type, Run run) {
  if (type == DType::Float32) return run(float{});
  if (type == DType::Float64) return run(double{});
  throw Error(Code::DType, std::string(what) + ": elements of type " + std::string(dtype_name(type)) +
                               "; expected float32 or float64");
}

}  // namespace tensorlane::cuda
