// A CUDA device with its lanes, and tasks on them that end with a value or an error, as the binding has them.
#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/lanes/lane.h"
#include "cuda/cuda_device.h"
#include "cuda/runtime/lane.h"
#include "emulation.h"
#include "support/work.h"

namespace tensorlane::cuda::testing {

using test::await;
using test::Outcome;
using test::Work;

class Rig {
 public:
  // Lanes wait for work and for the device without polling, so that the same calls are made on each run, and fall idle
  // at once.
  explicit Rig(CudaOptions options = {}, std::chrono::nanoseconds idle_after = std::chrono::nanoseconds(0)) {
    if (options.lanes == 0) options.lanes = 1;
    device_ = std::make_shared<CudaDevice>(options);
    LaneOptions lanes;
    lanes.lanes = options.lanes;
    lanes.high_priority = options.high_priority;
    lanes.poll_device = std::chrono::nanoseconds(0);
    lanes.idle_after = idle_after;
    lanes.state = [device = device_.get()](std::size_t lane) { return device->lane_state(lane); };
    pool_ = std::make_unique<LanePool>(lanes);
  }

  [[nodiscard]] CudaDevice& device() { return *device_; }
  [[nodiscard]] const std::shared_ptr<CudaDevice>& shared_device() { return device_; }
  [[nodiscard]] LanePool& pool() { return *pool_; }
  [[nodiscard]] Context& context() { return *device_->context(); }

  std::future<Outcome> submit(Work work, std::size_t lane = LanePool::kAnyLane, bool pipelines = true) {
    return test::start(*pool_, std::move(work), lane, pipelines);
  }

  void run(Work work, std::size_t lane = LanePool::kAnyLane) { await(submit(std::move(work), lane)); }

  void close() {
    pool_.reset();
    device_.reset();
  }

 private:
  std::shared_ptr<CudaDevice> device_;
  std::unique_ptr<LanePool> pool_;
};

// The code of the error that `work` ends with, or none.
template <typename Run>
std::optional<Code> code_of(Run run, std::string* message = nullptr) {
  try {
    run();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.what();
    return error.code();
  }
  return std::nullopt;
}

inline Operand host(std::vector<float>& values) {
  return {reinterpret_cast<std::byte*>(values.data()), values.size() * sizeof(float), nullptr};
}

inline Operand on_device(const std::shared_ptr<Buffer>& buffer) { return {buffer->data(), buffer->bytes(), buffer}; }

// Adds `summand` to `count` floats on the device, in the order of the stream, as a kernel of a test's own.
inline void add(cudaStream_t stream, const void* from, void* to, std::size_t count, float summand) {
  const cudaError_t error = emulation::enqueue(stream, [=] {
    const float* source = emulation::on_device(static_cast<const float*>(from));
    float* target = emulation::on_device(static_cast<float*>(to));
    for (std::size_t i = 0; i < count; ++i) target[i] = source[i] + summand;
  });
  check(error, "add");
}

}  // namespace tensorlane::cuda::testing
