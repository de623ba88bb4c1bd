#include "cuda/cuda_device.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/nvml.h"
#include "cuda/kernels/transpose.h"
#include "cuda/libraries/libraries.h"
#include "cuda/memory/cuda_buffer.h"
#include "cuda/memory/staging.h"
#include "cuda/runtime/errors.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int driver_version() noexcept {
  int version = 0;
  if (cudaDriverGetVersion(&version) == cudaSuccess) return version;
  static_cast<void>(cudaGetLastError());
  return 0;
}

// How many devices there are; `error` says why there are none.
int device_count(cudaError_t& error) noexcept {
  int count = 0;
  error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;
}

DeviceInfo info_of(int index, const cudaDeviceProp& properties) {
  DeviceInfo info;
  info.kind = "cuda";
  info.name = properties.name;
  info.index = index;
  info.memory_bytes = properties.totalGlobalMem;
  info.threads = static_cast<unsigned>(properties.multiProcessorCount);
  info.compute_capability = std::to_string(properties.major) + "." + std::to_string(properties.minor);
  info.driver = version_text(driver_version());
  info.runtime = version_text(CUDART_VERSION);
  info.pci_address =
      pci_address(static_cast<unsigned>(properties.pciDomainID), static_cast<unsigned>(properties.pciBusID),
                  static_cast<unsigned>(properties.pciDeviceID));
  return info;
}

LaunchLimits limits_of(const cudaDeviceProp& properties) {
  LaunchLimits limits;
  limits.threads_per_block = properties.maxThreadsPerBlock;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    limits.block[axis] = properties.maxThreadsDim[axis];
    limits.grid[axis] = properties.maxGridSize[axis];
  }
  limits.shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin);
  return limits;
}

// The device is done with the block when this has returned, or the block is never used again.
void settle(cudaStream_t stream, PinnedBlock& block) {
  cudaError_t ended = cudaStreamSynchronize(stream);
  if (ended != cudaSuccess && !is_sticky(ended)) {
    ended = cudaStreamSynchronize(stream);
    if (ended != cudaSuccess && !is_sticky(ended)) block.abandon();
  }
  check(ended, "cudaStreamSynchronize");
}

// Memory, both directions, and a kernel of ours: what all else builds on.
void prove(Context& context, const DeviceInfo& info) {
  const cudaStream_t stream = context.take_stream(false);
  const std::array<float, 4> given{1, 2, 3, 4};
  const std::array<float, 4> expected{1, 3, 2, 4};
  constexpr std::size_t kBytes = sizeof given;
  std::array<float, 4> got{};
  PinnedBlock block = context.pinned().take(kBytes);
  auto* memory = static_cast<std::byte*>(context.memory().allocate(stream, 2 * kBytes, MemoryKind::Operation));
  try {
    std::memcpy(block.data(), given.data(), kBytes);
    check(cudaMemcpyAsync(memory, block.data(), kBytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
    transpose(stream, sizeof(float), memory, memory + kBytes, 1, 2, 2);
    check(cudaMemcpyAsync(block.data(), memory + kBytes, kBytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  } catch (...) {
    context.memory().free(stream, memory, 2 * kBytes, MemoryKind::Operation);
    settle(stream, block);
    throw;
  }
  context.memory().free(stream, memory, 2 * kBytes, MemoryKind::Operation);
  settle(stream, block);
  std::memcpy(got.data(), block.data(), kBytes);
  context.give_back_stream(stream, false);
  if (got != expected) {
    throw Error(Code::NoDevice, info.name + " (CUDA device " + std::to_string(info.index) +
                                    ") computes wrongly: a 2 x 2 matrix did not come back transposed");
  }
}

}  // namespace

std::vector<DeviceInfo> CudaDevice::list() noexcept {
  std::vector<DeviceInfo> devices;
  try {
    cudaError_t error = cudaSuccess;
    const int count = device_count(error);
    for (int index = 0; index < count; ++index) {
      cudaDeviceProp properties{};
      if (cudaGetDeviceProperties(&properties, index) == cudaSuccess) devices.push_back(info_of(index, properties));
    }
    static_cast<void>(cudaGetLastError());
  } catch (...) {
    // No memory for the list: what is there so far.
  }
  return devices;
}

std::string CudaDevice::missing() {
  cudaError_t error = cudaSuccess;
  if (device_count(error) > 0) return {};
  const int version = driver_version();
  if (version == 0) {
    return "there is no NVIDIA driver (libcuda.so.1 was not found, or finds no GPU). Install the GPU's driver; in a "
           "container, start it with the NVIDIA container toolkit (docker run --gpus all)";
  }
  if (error == cudaErrorInsufficientDriver || error == cudaErrorSystemDriverMismatch) {
    return "the NVIDIA driver supports CUDA up to " + version_text(version) + ", and this is built for CUDA " +
           version_text(CUDART_VERSION) + ". Update the driver";
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::string text = "the NVIDIA driver (CUDA " + version_text(version) + ") finds no GPU";
  if (error != cudaSuccess) text += ": " + describe(error, "cudaGetDeviceCount");
  if (visible != nullptr) text += ". CUDA_VISIBLE_DEVICES is '" + std::string(visible) + "'";
  return text;
}

CudaDevice::CudaDevice(const CudaOptions& options) : options_(options) {
  cudaError_t error = cudaSuccess;
  const int count = device_count(error);
  if (count == 0) throw Error(Code::NoDevice, "there is no CUDA device: " + missing());
  if (options.index < 0 || options.index >= count) {
    throw Error(Code::NoDevice, "there is no CUDA device " + std::to_string(options.index) + "; expected 0 to " +
                                    std::to_string(count - 1));
  }
  // Until there is a context; for this constructor alone, which runs on a thread of the caller's.
  Health opening(options.index);
  const OnDevice here(options.index, opening);
  check(cudaSetDevice(options.index), "cudaSetDevice");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, options.index), "cudaGetDeviceProperties");
  info_ = info_of(options.index, properties);
  major_ = properties.major;
  minor_ = properties.minor;
  multiprocessors_ = properties.multiProcessorCount;
  limits_ = limits_of(properties);
  context_ = std::make_shared<Context>(options.index, options.memory);
  prove(*context_, info_);
  info_.library = describe_algebra();
  compiler_ = std::make_unique<KernelCompiler>(context_, major_, minor_, limits_.shared_bytes);
}

CudaDevice::~CudaDevice() = default;

MemoryStats CudaDevice::memory() {
  const OnDevice here(context_->device(), context_->health());
  const PoolStats pool = context_->memory().stats();
  const HostPoolStats host = context_->pinned().stats();
  MemoryStats stats;
  stats.limit = pool.limit;
  stats.used = pool.usage.used;
  stats.peak = pool.usage.peak;
  stats.reserved = pool.reserved;
  stats.tensors = pool.usage.tensors;
  stats.workspaces = pool.usage.workspaces;
  stats.pinned = host.pinned;
  stats.pinned_used = host.used;
  return stats;
}

std::unique_ptr<LaneState> CudaDevice::lane_state(std::size_t lane) { return std::make_unique<CudaLane>(*this, lane); }

std::shared_ptr<Buffer> CudaDevice::allocate(Lane& lane, std::size_t bytes) {
  CudaLane& here = CudaLane::of(lane);
  auto buffer = std::make_shared<CudaBuffer>(context_, here.stream(), bytes);
  here.made(buffer);
  return buffer;
}

void CudaDevice::copy(Lane& lane, const Operand& from, const Operand& to) {
  CudaLane& here = CudaLane::of(lane);
  const std::size_t bytes = std::min(from.bytes, to.bytes);
  if (bytes == 0) return;
  if (from.buffer != nullptr && to.buffer != nullptr) {
    const void* source = here.reads(from);
    void* target = here.writes(to);
    check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, here.stream()), "cudaMemcpyAsync");
  } else if (to.buffer != nullptr) {
    Uploader(here, here.stream(), bytes).copy(here.writes(to), from.data, bytes);
  } else if (from.buffer != nullptr) {
    Downloader download(here, here.stream(), bytes);
    download.copy(to.data, here.reads(from), bytes);
    download.finish();
  } else {
    std::memmove(to.data, from.data, bytes);
  }
}

void CudaDevice::trim(Lane&) {
  context_->unload_modules();
  context_->memory().trim();
  context_->pinned().trim();
}

std::shared_ptr<Kernel> CudaDevice::compile(Lane&, const std::string& source, const std::string& name,
                                            const std::vector<std::string>& options) {
  return compiler_->compile(source, name, options);
}

void CudaDevice::launch(Lane& lane, const LaunchArgs& args) { launch_kernel(CudaLane::of(lane), limits_, args); }

}  // namespace tensorlane::cuda
