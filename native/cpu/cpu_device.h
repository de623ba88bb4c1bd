// The CPU as a device: OpenBLAS does the algebra, ONNX Runtime's CPU provider the models.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device/device.h"

namespace tensorlane {

struct BufferBytes {
  std::atomic<std::uint64_t> now{0};
  std::atomic<std::uint64_t> peak{0};
};

class CpuDevice final : public Device {
 public:
  // `threads` is how many cores the operations that run at once may use together; 0 means all that this process may run
  // on. There is one such number a process (see BlasShare), so the device opened last decides.
  explicit CpuDevice(unsigned threads);

  // One for what another device leaves to the CPU, in host memory: how many cores operations use stays as it is.
  static std::shared_ptr<CpuDevice> for_host_memory();

  // What opening a CPU device would give, without opening one.
  static DeviceInfo describe();

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] std::size_t default_lanes() const override;

  // What the buffers hold, and what the process keeps of large blocks; the rest of a machine's memory has other keepers.
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

 private:
  explicit CpuDevice(DeviceInfo info) : info_(std::move(info)) {}

  DeviceInfo info_;
  // What buffers hold, which may outlive the device.
  std::shared_ptr<BufferBytes> buffer_bytes_ = std::make_shared<BufferBytes>();
};

}  // namespace tensorlane
