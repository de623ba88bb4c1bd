// Kernels of the user's: CUDA C++ compiled by NVRTC for the device at hand, and launched through the driver.
//
// A kernel that touches memory it must not touch loses the device, for this process and for good: there is no
// protection between it and the rest of the device's work.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cuda/libraries/driver.h"
#include "cuda/runtime/context.h"
#include "device/device.h"

namespace tensorlane::cuda {

class CudaLane;

class CudaKernel final : public Kernel {
 public:
  CudaKernel(std::shared_ptr<Context> context, CUmodule module) : context_(std::move(context)), module_(module) {}
  // On any thread, without waiting: the module is unloaded later.
  ~CudaKernel() override { context_->retire_module(module_); }

  CUfunction function = nullptr;
  std::string name;
  int own_shared_bytes = 0;  // of a block, beside what its launch asks for
  // The sizes of its parameters, where the driver tells them.
  std::optional<std::vector<std::size_t>> parameters;
  [[nodiscard]] int device() const noexcept { return context_->device(); }

 private:
  std::shared_ptr<Context> context_;
  CUmodule module_;
};

// What a device allows in a launch.
struct LaunchLimits {
  int threads_per_block = 0;
  int block[3] = {0, 0, 0};
  int grid[3] = {0, 0, 0};
  int shared_bytes = 0;  // of a block of a kernel that asked for it, as every kernel of ours does
};

class KernelCompiler {
 public:
  // `shared_bytes` as in LaunchLimits.
  KernelCompiler(std::shared_ptr<Context> context, int major, int minor, int shared_bytes);

  // The same kernel for the same source, name and options. On a lane's thread. Errors: Kernel, NoRuntime, OutOfMemory.
  std::shared_ptr<Kernel> compile(const std::string& source, const std::string& name,
                                  const std::vector<std::string>& options);

 private:
  static constexpr std::size_t kKept = 64;

  std::shared_ptr<Context> context_;
  std::string architecture_;
  int shared_bytes_;
  std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, std::shared_ptr<Kernel>> kept_;
  std::deque<std::string> order_;  // oldest first
};

// Errors: Argument for what the device does not allow or the kernel does not take, DeviceLost.
void launch_kernel(CudaLane& lane, const LaunchLimits& limits, const LaunchArgs& args);

}  // namespace tensorlane::cuda
