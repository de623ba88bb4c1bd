// The CPU as a device: OpenBLAS does the algebra, ONNX Runtime's CPU provider the models.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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

  // What opening a CPU device would give, without opening one.
  static DeviceInfo describe();

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] std::size_t default_lanes() const override;

  // What the buffers hold; the rest of a machine's memory has other keepers.
  [[nodiscard]] MemoryStats memory() override;
  std::unique_ptr<LaneState> lane_state(std::size_t lane) override;

  std::shared_ptr<Buffer> allocate(Lane& lane, std::size_t bytes) override;
  void copy(Lane& lane, const Operand& from, const Operand& to) override;
  void trim(Lane& lane) override;

  void svd(Lane& lane, const SvdArgs& args) override;
  void eigh(Lane& lane, const EighArgs& args) override;
  void matmul(Lane& lane, const MatmulArgs& args) override;
  void solve(Lane& lane, const SolveArgs& args) override;
  void inv(Lane& lane, const InvArgs& args) override;
  void cholesky(Lane& lane, const CholeskyArgs& args) override;
  void qr(Lane& lane, const QrArgs& args) override;
  void det(Lane& lane, const DetArgs& args) override;

  void cast(Lane& lane, const CastArgs& args) override;
  void transpose(Lane& lane, const TransposeArgs& args) override;
  void reduce(Lane& lane, const ReduceArgs& args) override;
  void argmax(Lane& lane, const ArgmaxArgs& args) override;
  void top_k(Lane& lane, const TopKArgs& args) override;
  void has_non_finite(Lane& lane, const HasNonFiniteArgs& args) override;
  void gather(Lane& lane, const GatherArgs& args) override;
  void scatter(Lane& lane, const ScatterArgs& args) override;
  void pad(Lane& lane, const PadArgs& args) override;
  void image_to_tensor(Lane& lane, const ImageToTensorArgs& args) override;

  std::shared_ptr<Kernel> compile(Lane& lane, const std::string& source, const std::string& name,
                                  const std::vector<std::string>& options) override;
  void launch(Lane& lane, const LaunchArgs& args) override;

 private:
  DeviceInfo info_;
  // What buffers hold, which may outlive the device.
  std::shared_ptr<BufferBytes> buffer_bytes_ = std::make_shared<BufferBytes>();
};

}  // namespace tensorlane
