// A CUDA device with its lanes, and tasks on them that end with a value or an error, as the binding has them.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/lane.h"
#include "cuda/cuda_device.h"
#include "cuda/runtime/lane.h"
#include "emulation.h"

namespace tensorlane::cuda::testing {

using Work = std::function<void(Lane&)>;

// What a task ends with when it fails. Told as values: the C++ library counts the users of an exception object where
// ThreadSanitizer cannot see it.
struct Failure {
  Code code{};
  std::string message;
  std::vector<std::int64_t> indices;
};
using Outcome = std::optional<Failure>;

// Ends with the first failure of its run() and its completion.
class WorkTask final : public Task {
 public:
  WorkTask(Work work, bool pipelines) : work_(std::move(work)), pipelines_(pipelines) {}
  ~WorkTask() override {
    if (!settled_) ended_.set_value(Failure{Code::Disposed, "the pool was stopped before the task ran", {}});
  }

  std::future<Outcome> ended() { return ended_.get_future(); }
  [[nodiscard]] bool pipelines() const noexcept override { return pipelines_; }

  void run(Lane& lane) noexcept override {
    attempt([&] {
      lane.state()->begin();
      work_(lane);
    });
  }
  void completed(Pending& pending) noexcept override {
    attempt([&] { pending.complete(); });
  }
  void finished(std::unique_ptr<Task> self) noexcept override {
    settled_ = true;
    std::promise<Outcome> ended = std::move(ended_);
    Outcome outcome = std::move(failure_);
    self.reset();  // what the work holds is gone before anyone knows that it ended
    ended.set_value(std::move(outcome));
  }

 private:
  template <typename Step>
  void attempt(Step step) noexcept {
    Outcome failure;
    try {
      step();
    } catch (const Error& error) {
      failure = Failure{error.code(), error.what(), error.indices()};
    } catch (const std::exception& error) {
      failure = Failure{Code::Internal, error.what(), {}};
    }
    if (!failure_.has_value()) failure_ = std::move(failure);
  }

  Work work_;
  bool pipelines_;
  bool settled_ = false;
  Outcome failure_;
  std::promise<Outcome> ended_;
};

// Throws what the task threw. A task that does not end at all ends the test: there is no way to go on.
inline void await(std::future<Outcome> ended) {
  if (ended.wait_for(std::chrono::seconds(120)) != std::future_status::ready) {
    std::fputs("a task hangs: it has not ended within two minutes\n", stderr);
    std::abort();
  }
  const Outcome outcome = ended.get();
  if (outcome.has_value()) throw Error(outcome->code, outcome->message, outcome->indices);
}

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
  [[nodiscard]] LanePool& pool() { return *pool_; }
  [[nodiscard]] Context& context() { return *device_->context(); }

  std::future<Outcome> submit(Work work, std::size_t lane = LanePool::kAnyLane, bool pipelines = true) {
    auto task = std::make_unique<WorkTask>(std::move(work), pipelines);
    std::future<Outcome> ended = task->ended();
    std::unique_ptr<Task> plain(std::move(task));
    static_cast<void>(pool_->submit(plain, lane));
    return ended;
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
