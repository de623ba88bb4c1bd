// A CUDA GPU as a device. Opening one proves that it works; several may be open at once, also of the same GPU.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "cuda/memory/memory_pool.h"
#include "cuda/runtime/batch_sizes.h"
#include "cuda/runtime/context.h"
#include "cuda/runtime/user_kernel.h"
#include "device/device.h"

namespace tensorlane::cuda {

struct CudaOptions {
  int index = 0;
  std::size_t lanes = 0;          // how many there will be; 0: default_lanes()
  std::size_t high_priority = 0;  // the last so many of them
  MemoryOptions memory{};
  BatchSizes batches{};
};

class CudaDevice final : public Device {
 public:
  static constexpr std::size_t kDefaultLanes = 4;

  // The GPUs there are, without opening one. Not on a thread that must not wait: the driver takes its time.
  [[nodiscard]] static std::vector<DeviceInfo> list() noexcept;
  // Why there is none, and what to do; empty where there is one.
  [[nodiscard]] static std::string missing();

  // Not on a thread that must not wait. Errors: NoDevice, Argument, OutOfMemory, DeviceLost, NotSupported.
  explicit CudaDevice(const CudaOptions& options);
  ~CudaDevice() override;

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] std::size_t default_lanes() const override { return kDefaultLanes; }
  [[nodiscard]] MemoryStats memory() override;
  std::unique_ptr<LaneState> lane_state(std::size_t lane) override;

  std::shared_ptr<Buffer> allocate(Lane& lane, std::size_t bytes) override;
  void copy(Lane& lane, const Operand& from, const Operand& to) override;
  void trim(Lane& lane) override;

  TENSORLANE_ALGEBRA(TENSORLANE_OVERRIDDEN_OPERATION)
  TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_OVERRIDDEN_OPERATION)

  std::shared_ptr<Kernel> compile(Lane& lane, const std::string& source, const std::string& name,
                                  const std::vector<std::string>& options) override;
  void launch(Lane& lane, const LaunchArgs& args) override;

  [[nodiscard]] const std::shared_ptr<Context>& context() const noexcept { return context_; }
  [[nodiscard]] const CudaOptions& options() const noexcept { return options_; }
  [[nodiscard]] int compute_major() const noexcept { return major_; }
  [[nodiscard]] int multiprocessors() const noexcept { return multiprocessors_; }
  [[nodiscard]] const LaunchLimits& limits() const noexcept { return limits_; }

 private:
  CudaOptions options_;
  DeviceInfo info_;
  int major_ = 0;
  int minor_ = 0;
  int multiprocessors_ = 0;
  LaunchLimits limits_;
  std::shared_ptr<Context> context_;
  std::unique_ptr<KernelCompiler> compiler_;
};

}  // namespace tensorlane::cuda
