// Devices that are not there, calls that fail, errors that stay, and what is left behind.
#include <string>
#include <vector>

#include "runtime/support.h"

using emulation::Effect;
using emulation_tests::Clean;
using emulation_tests::Memory;
using emulation_tests::on;
using emulation_tests::Stream;

namespace {

__global__ void fill(int* values, int value) { values[threadIdx.x] = value; }

__global__ void half_wait_for_warp(int* values) {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    __syncwarp();
  values[threadIdx.x] = 1;
}

__global__ void trap_in_one(int* values) {
  __syncthreads();
  if (threadIdx.x == 5) __trap();
  __syncthreads();
  values[threadIdx.x] = 1;
}

}  // namespace

TEST_CASE("no device, or no driver for it") {
  const Clean clean;
  int count = -1;
  emulation::config().devices = 0;
  CHECK_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  CHECK_EQ(count, 0);
  emulation::config().devices = 3;
  OK(cudaGetDeviceCount(&count));
  CHECK_EQ(count, 3);
  const int driver = emulation::config().driver_version;
  for (const int version : {0, 12090}) {
    emulation::config().driver_version = version;
    CHECK_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
    int seen = -1;
    OK(cudaDriverGetVersion(&seen));
    CHECK_EQ(seen, version);
  }
  emulation::config().driver_version = driver;
}

TEST_CASE("what a device says about itself") {
  cudaDeviceProp properties;
  OK(cudaGetDeviceProperties(&properties, 0));
  CHECK_EQ(std::string(properties.name), "Emulated CUDA device 0");
  CHECK_EQ(properties.major, 9);
  CHECK_EQ(properties.warpSize, 32);
  CHECK_EQ(properties.sharedMemPerBlockOptin, 232448);
  int value = 0;
  OK(cudaDeviceGetAttribute(&value, cudaDevAttrMemoryPoolsSupported, 0));
  CHECK_EQ(value, 1);
  OK(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0));
  CHECK_EQ(value, 9);
  CHECK_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 5), cudaErrorInvalidDevice);
  CHECK_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  CHECK_EQ(std::string(cudaGetErrorName(cudaErrorIllegalAddress)), "cudaErrorIllegalAddress");
  CHECK_EQ(std::string(cudaGetErrorString(cudaErrorMemoryAllocation)), "out of memory");
}

TEST_CASE("a planned fault fails the nth call of a name, or of any") {
  const Clean clean;
  const std::uint64_t before = emulation::calls("cudaMalloc");
  void* memory = nullptr;
  emulation::plan_fault("cudaMalloc", 2, cudaErrorMemoryAllocation);
  OK(cudaMalloc(&memory, 16));
  OK(cudaFree(memory));
  CHECK_EQ(cudaMalloc(&memory, 16), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaPeekAtLastError(), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  CHECK_EQ(cudaGetLastError(), cudaSuccess);
  OK(cudaMalloc(&memory, 16));
  CHECK_EQ(emulation::calls("cudaMalloc") - before, 3);

  const std::uint64_t all = emulation::calls();
  emulation::plan_fault("", 3, cudaErrorUnknown);
  OK(cudaFree(memory));
  OK(cudaFree(nullptr));
  CHECK_EQ(cudaFree(nullptr), cudaErrorUnknown);
  OK(cudaFree(nullptr));
  CHECK_EQ(emulation::calls() - all, 4);

  emulation::plan_fault("cudaFree", 1, cudaErrorUnknown);
  emulation::clear_faults();
  OK(cudaFree(nullptr));
  emulation::plan_fault("cublasCreate_v2", 1, cudaErrorMemoryAllocation);
  CHECK_EQ(emulation::fault("cublasCreate_v2"), cudaErrorMemoryAllocation);
  CHECK_EQ(emulation::fault("cublasCreate_v2"), cudaSuccess);
}

TEST_CASE("a sticky error is returned by every call of the device until it is reset") {
  const Clean clean;
  emulation::config().devices = 2;
  const emulation::Live before = emulation::live();
  {
    const Stream stream;
    const Memory<int> values(32);
    const cudaError_t lost = cudaErrorDevicesUnavailable;
    emulation::plan_fault("cudaMemsetAsync", 1, lost);
    CHECK_EQ(cudaMemsetAsync(values, 0, 4, stream), lost);
    CHECK_EQ(cudaMemsetAsync(values, 0, 4, stream), lost);
    CHECK_EQ(cudaStreamSynchronize(stream), lost);
    CHECK_EQ(cudaDeviceSynchronize(), lost);
    CHECK_EQ(cudaGetLastError(), lost);
    CHECK_EQ(cudaGetLastError(), lost);
    CHECK_EQ(emulation::sticky(), lost);
    CHECK_EQ(emulation::fault("anything"), lost);
    void* memory = nullptr;
    CHECK_EQ(cudaMalloc(&memory, 1), lost);
    // The other device works.
    OK(cudaSetDevice(1));
    OK(cudaMalloc(&memory, 1));
    OK(cudaFree(memory));
    OK(cudaSetDevice(0));
  }
  // What was given back meanwhile is gone.
  CHECK_EQ(emulation::live(), before);
  emulation::reset_errors();
  OK(cudaDeviceSynchronize());
  OK(cudaGetLastError());
}

TEST_CASE("a fault at execution shows when the work would have been done") {
  const Clean clean;
  const Stream stream;
  const Memory<int> values(32);
  bool ran = false;
  bool open = false;
  OK(emulation::enqueue(stream, [&ran] { ran = true; }));
  stream.wait();
  CHECK(ran);
  emulation::plan_fault("cudaLaunchKernelEx", 1, cudaErrorIllegalAddress, Effect::AtExecution);
  cudaEvent_t event = nullptr;
  OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  const auto config = on(stream, 1, 32);
  OK(cudaLaunchKernelEx(&config, fill, values, 1));
  cudaEventRecord(event, stream);
  emulation::enqueue(stream, [&open] { open = true; });
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  CHECK_FALSE(open);
  CHECK_EQ(cudaEventQuery(event), cudaErrorIllegalAddress);
  CHECK_EQ(cudaEventDestroy(event), cudaErrorIllegalAddress);
  emulation::reset_errors();
  OK(cudaLaunchKernelEx(&config, fill, values, 2));
  stream.wait();
  CHECK_EQ(values.values()[3], 2);
}

TEST_CASE("a barrier that nobody else reaches does not hang") {
  const Clean clean;
  const Stream stream;
  const Memory<int> values(96);
  const auto config = on(stream, 4, 32);
  OK(cudaLaunchKernelEx(&config, half_wait_for_warp, values));
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchTimeout);
  CHECK_EQ(cudaGetLastError(), cudaErrorLaunchTimeout);
  emulation::reset_errors();
  const auto larger = on(stream, 1, 96);
  OK(cudaLaunchKernelEx(&larger, trap_in_one, values));
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorLaunchFailure);
  emulation::reset_errors();
  OK(cudaLaunchKernelEx(&larger, fill, values, 9));
  stream.wait();
  for (const int value : values.values()) CHECK_EQ(value, 9);
}

TEST_CASE("a kernel cannot use memory of another device, nor memory of the host") {
  const Clean clean;
  emulation::config().devices = 2;
  int* other = nullptr;
  OK(cudaSetDevice(1));
  OK(cudaMalloc(&other, 128));
  OK(cudaSetDevice(0));
  const Stream stream;
  const auto config = on(stream, 1, 32);
  int host[32] = {};
  for (int* wrong : {other, &host[0]}) {
    OK(cudaLaunchKernelEx(&config, fill, wrong, 1));
    CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
    emulation::reset_errors();
  }
  int* pinned = nullptr;
  OK(cudaHostAlloc(&pinned, 128, cudaHostAllocMapped));
  OK(cudaLaunchKernelEx(&config, fill, pinned, 6));
  stream.wait();
  CHECK_EQ(pinned[31], 6);
  OK(cudaFreeHost(pinned));
  OK(cudaFree(other));
  cudaEvent_t event = nullptr;
  OK(cudaSetDevice(1));
  OK(cudaEventCreate(&event));
  CHECK_EQ(cudaEventRecord(event, stream), cudaErrorInvalidResourceHandle);
  OK(cudaEventDestroy(event));
}

TEST_CASE("what is alive is counted") {
  const Clean clean;
  const emulation::Live before = emulation::live();
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  void* device = nullptr;
  void* pinned = nullptr;
  cudaMemPool_t pool = nullptr;
  cudaMemPoolProps properties = {};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  OK(cudaStreamCreate(&stream));
  OK(cudaEventCreate(&event));
  OK(cudaMalloc(&device, 100));
  OK(cudaHostAlloc(&pinned, 50, cudaHostAllocDefault));
  OK(cudaMemPoolCreate(&pool, &properties));
  const emulation::Live now = emulation::live();
  CHECK_EQ(now.streams - before.streams, 1);
  CHECK_EQ(now.events - before.events, 1);
  CHECK_EQ(now.device_allocations - before.device_allocations, 1);
  CHECK_EQ(now.device_bytes - before.device_bytes, 100);
  CHECK_EQ(now.pinned_bytes - before.pinned_bytes, 50);
  CHECK_EQ(now.pools - before.pools, 1);
  OK(cudaStreamDestroy(stream));
  OK(cudaEventDestroy(event));
  OK(cudaFree(device));
  OK(cudaFreeHost(pinned));
  OK(cudaMemPoolDestroy(pool));
  CHECK_EQ(emulation::live(), before);
}
