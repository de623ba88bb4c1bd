// What can be asked about devices and versions.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/faults.h"
#include "runtime/limits.h"
#include "runtime/state.h"

namespace emulation {

namespace {

constexpr int kL2Bytes = 50 << 20;
constexpr int kRegisters = 65536;
constexpr int kClockKhz = 1'500'000;
constexpr int kThreadsPerMultiprocessor = 2048;
constexpr int kBlocksPerMultiprocessor = 32;

int int_of(std::size_t value) { return static_cast<int>(value); }

bool attribute(cudaDeviceAttr name, int device, int& value) {
  switch (name) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      value = kMaxThreads;
      return true;
    case cudaDevAttrMaxBlockDimZ:
      value = kMaxBlockZ;
      return true;
    case cudaDevAttrMaxGridDimX:
      value = kMaxGridX;
      return true;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      value = kMaxGridYZ;
      return true;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      value = int_of(kSharedMemory);
      return true;
    case cudaDevAttrTotalConstantMemory:
      value = 65536;
      return true;
    case cudaDevAttrWarpSize:
      value = 32;
      return true;
    case cudaDevAttrMaxRegistersPerBlock:
      value = kRegisters;
      return true;
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
      value = kClockKhz;
      return true;
    case cudaDevAttrMultiProcessorCount:
      value = config().multiprocessors;
      return true;
    case cudaDevAttrGlobalMemoryBusWidth:
      value = 5120;
      return true;
    case cudaDevAttrL2CacheSize:
      value = kL2Bytes;
      return true;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      value = kThreadsPerMultiprocessor;
      return true;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      value = kBlocksPerMultiprocessor;
      return true;
    case cudaDevAttrAsyncEngineCount:
      value = 3;
      return true;
    case cudaDevAttrPciBusId:
      value = device + 1;
      return true;
    case cudaDevAttrComputeCapabilityMajor:
      value = config().compute_major;
      return true;
    case cudaDevAttrComputeCapabilityMinor:
      value = config().compute_minor;
      return true;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      value = int_of(most_shared_memory() + 1024);
      return true;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      value = int_of(most_shared_memory());
      return true;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      value = 1024;
      return true;
    case cudaDevAttrCanMapHostMemory:
    case cudaDevAttrConcurrentKernels:
    case cudaDevAttrUnifiedAddressing:
    case cudaDevAttrStreamPrioritiesSupported:
    case cudaDevAttrHostRegisterSupported:
    case cudaDevAttrMemoryPoolsSupported:
      value = 1;
      return true;
    case cudaDevAttrKernelExecTimeout:
    case cudaDevAttrIntegrated:
    case cudaDevAttrComputeMode:
    case cudaDevAttrEccEnabled:
    case cudaDevAttrPciDeviceId:
    case cudaDevAttrTccDriver:
    case cudaDevAttrPciDomainId:
    case cudaDevAttrManagedMemory:
    case cudaDevAttrPageableMemoryAccess:
    case cudaDevAttrCooperativeLaunch:
      value = 0;
      return true;
  }
  return false;
}

void describe(int device, cudaDeviceProp& properties) {
  const auto get = [device](cudaDeviceAttr name) {
    int value = 0;
    attribute(name, device, value);
    return value;
  };
  properties = {};
  std::snprintf(properties.name, sizeof(properties.name), "Emulated CUDA device %d", device);
  std::snprintf(properties.uuid.bytes, sizeof(properties.uuid.bytes), "emulated-%d", device);
  properties.totalGlobalMem = config().memory_bytes;
  properties.sharedMemPerBlock = kSharedMemory;
  properties.regsPerBlock = kRegisters;
  properties.warpSize = 32;
  properties.memPitch = 0x7fffffff;
  properties.maxThreadsPerBlock = kMaxThreads;
  properties.maxThreadsDim[0] = kMaxThreads;
  properties.maxThreadsDim[1] = kMaxThreads;
  properties.maxThreadsDim[2] = kMaxBlockZ;
  properties.maxGridSize[0] = kMaxGridX;
  properties.maxGridSize[1] = kMaxGridYZ;
  properties.maxGridSize[2] = kMaxGridYZ;
  properties.totalConstMem = 65536;
  properties.major = config().compute_major;
  properties.minor = config().compute_minor;
  properties.multiProcessorCount = config().multiprocessors;
  properties.canMapHostMemory = 1;
  properties.concurrentKernels = 1;
  properties.pciBusID = get(cudaDevAttrPciBusId);
  properties.asyncEngineCount = get(cudaDevAttrAsyncEngineCount);
  properties.unifiedAddressing = 1;
  properties.memoryBusWidth = get(cudaDevAttrGlobalMemoryBusWidth);
  properties.l2CacheSize = kL2Bytes;
  properties.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  properties.streamPrioritiesSupported = 1;
  properties.globalL1CacheSupported = 1;
  properties.localL1CacheSupported = 1;
  properties.sharedMemPerMultiprocessor = most_shared_memory() + 1024;
  properties.regsPerMultiprocessor = kRegisters;
  properties.computePreemptionSupported = 1;
  properties.canUseHostPointerForRegisteredMem = 1;
  properties.sharedMemPerBlockOptin = most_shared_memory();
  properties.maxBlocksPerMultiProcessor = kBlocksPerMultiprocessor;
  properties.reservedSharedMemPerBlock = 1024;
  properties.hostRegisterSupported = 1;
  properties.memoryPoolsSupported = 1;
}

bool exists(int device) { return device >= 0 && device < std::min(config().devices, kMaxDevices); }

}  // namespace

}  // namespace emulation

using emulation::plain_call;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return emulation::remembered(cudaErrorInvalidValue);
  *count = 0;
  return plain_call("cudaGetDeviceCount", [&] {
    *count = std::min(emulation::config().devices, emulation::kMaxDevices);
    return cudaSuccess;
  });
}

cudaError_t cudaSetDeviceFlags(unsigned int) {
  return plain_call("cudaSetDeviceFlags", [] { return cudaSuccess; });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  return plain_call("cudaDeviceGetAttribute", [&] {
    if (value == nullptr) return cudaErrorInvalidValue;
    if (!emulation::exists(device)) return cudaErrorInvalidDevice;
    return emulation::attribute(attr, device, *value) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  return plain_call("cudaGetDeviceProperties", [&] {
    if (prop == nullptr) return cudaErrorInvalidValue;
    if (!emulation::exists(device)) return cudaErrorInvalidDevice;
    emulation::describe(device, *prop);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* pciBusId, int len, int device) {
  return plain_call("cudaDeviceGetPCIBusId", [&] {
    if (pciBusId == nullptr || len < 13) return cudaErrorInvalidValue;
    if (!emulation::exists(device)) return cudaErrorInvalidDevice;
    std::snprintf(pciBusId, static_cast<std::size_t>(len), "0000:%02X:00.0", static_cast<unsigned>(device + 1) & 0xffU);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceCanAccessPeer(int* canAccessPeer, int device, int peerDevice) {
  return plain_call("cudaDeviceCanAccessPeer", [&] {
    if (canAccessPeer == nullptr) return cudaErrorInvalidValue;
    if (!emulation::exists(device) || !emulation::exists(peerDevice)) return cudaErrorInvalidDevice;
    *canAccessPeer = 0;
    return cudaSuccess;
  });
}

// Both work without a driver and without a device.
cudaError_t cudaDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return emulation::remembered(cudaErrorInvalidValue);
  *driverVersion = emulation::config().driver_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  if (runtimeVersion == nullptr) return emulation::remembered(cudaErrorInvalidValue);
  *runtimeVersion = emulation::config().runtime_version;
  return cudaSuccess;
}
}
