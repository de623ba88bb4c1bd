// A run of a model on a CUDA device: its inputs go up on the lane's stream for copies in, the provider computes on its own stream,
// and its outputs come down on the lane's stream for copies out. So the copies of one batch overlap the work on another.
//
//   copy_in: inputs up --event--> provider's stream: the model --event--> copy_out: outputs down
//
// Inputs and outputs lie in buffers that are allocated and freed in the order of copy_in, which nothing but copies is on; the pinned blocks that
// inputs come through are held until the task ends. So two batches in flight have a set of each, and no more is ever taken than that.
#pragma once

#include <memory>

#include "cuda/runtime/lane.h"
#include "device/model_runs.h"

namespace tensorlane::cuda {

class CudaModelRun final : public ModelRun {
 public:
  explicit CudaModelRun(CudaLane& lane) : lane_(lane) {}
  ~CudaModelRun() override;

  std::byte* bring(std::span<const Operand> parts) override;
  Operand operand(std::span<const Operand> parts) override;
  Operand take(std::size_t bytes) override;
  Operand room(std::size_t bytes, bool stays) override;
  void begin(void* stream) override;
  void end() override;
  void join() override;
  void copy(std::byte* to, const std::byte* from, std::size_t bytes) override;
  void await() override;
  void await_device() noexcept override;
  void operated() override;
  std::byte* fetch(const std::byte* from, std::size_t bytes) override;
  std::shared_ptr<Buffer> keep(const std::byte* from, std::size_t bytes) override;
  void hold(std::shared_ptr<void> what) override { lane_.keep(std::move(what)); }
  void defer(std::function<void()> work) override { lane_.defer(std::move(work)); }
  void check_device() override;

 private:
  [[nodiscard]] std::shared_ptr<CudaBuffer> brought(std::span<const Operand> parts);

  CudaLane& lane_;
  bool after_stream_ = false;        // the provider reads what the lane's stream is to have made first
  cudaStream_t provider_ = nullptr;  // between begin() and end()
};

// For lanes of CUDA devices.
class CudaModelRuns final : public ModelRuns {
 public:
  std::unique_ptr<ModelRun> model_run(Lane& lane) override {
    return std::make_unique<CudaModelRun>(CudaLane::of(lane));
  }
};

}  // namespace tensorlane::cuda
