// Work on the lanes of a device that ends with a value or an error, as the binding has it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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
#include "core/lanes/lane.h"

namespace tensorlane::test {

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
      if (lane.state() != nullptr) lane.state()->begin();
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

inline std::future<Outcome> start(LanePool& pool, Work work, std::size_t lane = LanePool::kAnyLane,
                                  bool pipelines = true) {
  auto task = std::make_unique<WorkTask>(std::move(work), pipelines);
  std::future<Outcome> ended = task->ended();
  std::unique_ptr<Task> plain(std::move(task));
  static_cast<void>(pool.submit(plain, lane));
  return ended;
}

// Throws what the task threw. A task that does not end at all ends the test: there is no way to go on.
inline void await(std::future<Outcome> ended) {
  if (ended.wait_for(std::chrono::minutes(10)) != std::future_status::ready) {
    std::fputs("a task hangs: it has not ended within ten minutes\n", stderr);
    std::abort();
  }
  const Outcome outcome = ended.get();
  if (outcome.has_value()) throw Error(outcome->code, outcome->message, outcome->indices);
}

}  // namespace tensorlane::test
