// Launches: what a GPU would refuse, and what becomes of a kernel that may run.
#include <cstdio>
#include <memory>
#include <utility>

#include "cuda_runtime.h"
#include "runtime/address_space.h"
#include "runtime/block_runner.h"
#include "runtime/faults.h"
#include "runtime/limits.h"
#include "runtime/state.h"
#include "runtime/streams.h"

namespace emulation {

namespace {

cudaError_t check(const Grid& grid, const void* function) {
  const dim3& block = grid.block;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > kMaxThreads || block.x > kMaxThreads || block.y > kMaxThreads || block.z > kMaxBlockZ)
    return cudaErrorInvalidConfiguration;
  if (grid.grid.x == 0 || grid.grid.y == 0 || grid.grid.z == 0) return cudaErrorInvalidConfiguration;
  if (grid.grid.x > kMaxGridX || grid.grid.y > kMaxGridYZ || grid.grid.z > kMaxGridYZ)
    return cudaErrorInvalidConfiguration;
  if (grid.shared <= kSharedMemory) return cudaSuccess;
  const Quiet quiet;
  const auto asked = state().max_dynamic_shared.find(function);
  return asked != state().max_dynamic_shared.end() && grid.shared <= asked->second ? cudaSuccess
                                                                                   : cudaErrorInvalidValue;
}

// A kernel can use memory of its own device and pinned memory. That a pointer is wrong shows when the kernel runs.
bool reachable(const Device& device, const void* pointer) {
  if (pointer == nullptr) return true;
  const Device* owner = device_of(pointer);
  if (owner != nullptr) return owner == &device;
  const Quiet quiet;
  return is_pinned(pointer, 0);
}

void run(Device& device, const Grid& grid, const std::function<void()>& body) {
  const cudaError_t error = run_grid(grid, body);
  if (error == cudaSuccess) return;
  const Quiet quiet;
  fail(device, error);
}

cudaError_t launch_on(CUstream_st& stream, const Grid& grid, KernelCall call) {
  const cudaError_t error = check(grid, call.function);
  if (error != cudaSuccess) return error;
  Device& device = *stream.device;
  auto op = std::make_unique<Op>();
  bool legal = true;
  for (const void* pointer : call.pointers) legal = legal && reachable(device, pointer);
  if (legal) {
    op->work = [&device, grid, body = std::move(call.body)] { run(device, grid, body); };
  } else {
    op->work = [&device] {
      std::fputs("emulation: a kernel was given an address that its device cannot reach\n", stderr);
      const Quiet quiet;
      fail(device, cudaErrorIllegalAddress);
    };
  }
  submit(stream, std::move(op));
  return cudaSuccess;
}

}  // namespace

cudaError_t launch_kernel(const cudaLaunchConfig_t& config, KernelCall call) {
  return stream_call("cudaLaunchKernelEx", config.stream, [&](CUstream_st& stream) {
    return launch_on(stream, {config.gridDim, config.blockDim, config.dynamicSmemBytes}, std::move(call));
  });
}

cudaError_t launch(std::function<void()> body, dim3 grid, dim3 block, std::size_t shared, cudaStream_t handle) {
  const HeldStream stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  const cudaError_t error = sticky_error(*stream->device);
  if (error != cudaSuccess) return error;
  return launch_on(*stream, {grid, block, shared}, {nullptr, {}, std::move(body)});
}

}  // namespace emulation

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* func, cudaFuncAttribute attr, int value) {
  return emulation::device_call("cudaFuncSetAttribute", [&](emulation::Device&) {
    if (func == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attr == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
    if (attr != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
        static_cast<std::size_t>(value) > emulation::most_shared_memory())
      return cudaErrorInvalidValue;
    const emulation::Quiet quiet;
    emulation::state().max_dynamic_shared[func] = static_cast<std::size_t>(value);
    return cudaSuccess;
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attr, const void* func) {
  return emulation::device_call("cudaFuncGetAttributes", [&](emulation::Device&) {
    if (attr == nullptr || func == nullptr) return cudaErrorInvalidValue;
    *attr = {};
    attr->maxThreadsPerBlock = static_cast<int>(emulation::kMaxThreads);
    attr->numRegs = 32;
    const int compute = emulation::config().compute_major * 10 + emulation::config().compute_minor;
    attr->ptxVersion = attr->binaryVersion = compute;
    const emulation::Quiet quiet;
    const auto& asked = emulation::state().max_dynamic_shared;
    const auto found = asked.find(func);
    attr->maxDynamicSharedSizeBytes = static_cast<int>(found == asked.end() ? emulation::kSharedMemory : found->second);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, const void* func, int blockSize,
                                                          std::size_t dynamicSMemSize) {
  return emulation::device_call("cudaOccupancyMaxActiveBlocksPerMultiprocessor", [&](emulation::Device&) {
    if (numBlocks == nullptr || func == nullptr || blockSize <= 0) return cudaErrorInvalidValue;
    constexpr int kThreads = 2048;
    int blocks = kThreads / blockSize;
    if (dynamicSMemSize > 0) {
      const auto fitting = static_cast<int>(emulation::most_shared_memory() / dynamicSMemSize);
      blocks = fitting < blocks ? fitting : blocks;
    }
    *numBlocks = blocks < 32 ? blocks : 32;
    return cudaSuccess;
  });
}
}
