// The shared memory whose size a launch gives (dynamicSmemBytes), as an array of T. All calls in a block name the same
// memory. The emulation, which runs a block on one thread, hands it out itself.
#pragma once

#include <cuda_runtime.h>

namespace tensorlane::cuda {

template <typename T>
__device__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char tensorlane_dynamic_shared[];
  return reinterpret_cast<T*>(tensorlane_dynamic_shared);
#else
  return static_cast<T*>(::emulation::dynamic_shared_memory());
#endif
}

}  // namespace tensorlane::cuda
