#include "cuda/memory/driver_pool.h"

#include <string>

#include "core/error.h"

namespace tensorlane::cuda {

DriverPool::DriverPool(int device, std::uint64_t keep_bytes, Health& health) : health_(health) {
  int supported = 0;
  check(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, device), "cudaDeviceGetAttribute");
  if (supported == 0) {
    throw Error(Code::NotSupported, "CUDA device " + std::to_string(device) +
                                        " has no memory pools: its driver or its virtualisation does not support them "
                                        "(cudaDevAttrMemoryPoolsSupported is 0). Update the driver, or use the CPU");
  }
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.handleTypes = cudaMemHandleTypeNone;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate");
  try {
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep_bytes), "cudaMemPoolSetAttribute");
    // Else an allocation on one lane could wait, unseen, for what another lane does.
    int no = 0;
    check(cudaMemPoolSetAttribute(pool_, cudaMemPoolReuseAllowInternalDependencies, &no), "cudaMemPoolSetAttribute");
  } catch (...) {
    cuda::give_back([this] { return cudaMemPoolDestroy(pool_); });
    throw;
  }
}

DriverPool::~DriverPool() {
  cuda::give_back([this] { return cudaMemPoolDestroy(pool_); });
}

cudaError_t DriverPool::allocate(cudaStream_t stream, std::size_t bytes, void** memory) noexcept {
  const cudaError_t error = cudaMallocFromPoolAsync(memory, bytes, pool_, stream);
  if (error == cudaErrorMemoryAllocation) static_cast<void>(cudaGetLastError());
  return error;
}

std::uint64_t DriverPool::reserved() const noexcept {
  std::uint64_t value = 0;
  const cudaError_t error = cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &value);
  if (error == cudaSuccess) return value;
  health_.note(error, "cudaMemPoolGetAttribute");
  return 0;
}

}  // namespace tensorlane::cuda
