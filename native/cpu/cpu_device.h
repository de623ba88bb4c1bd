// The CPU as a device: OpenBLAS does the algebra, ONNX Runtime's CPU provider the models.
#pragma once

#include "device.h"

namespace tensorlane {

class CpuDevice final : public Device {
 public:
  // `threads` is how many cores the operations that run at once may use together; 0 means all that this process may run
  // on. There is one such number a process (see BlasShare), so the device opened last decides.
  explicit CpuDevice(unsigned threads);

  // What opening a CPU device would give, without opening one.
  static DeviceInfo describe();

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  [[nodiscard]] std::size_t default_lanes() const override;

  void svd(Lane& lane, const SvdArgs& args) override;
  void matmul(Lane& lane, const MatmulArgs& args) override;
  void solve(Lane& lane, const SolveArgs& args) override;

 private:
  DeviceInfo info_;
};

}  // namespace tensorlane
