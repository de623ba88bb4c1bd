// What the tests of lanes are made of. Nothing here asserts: tasks run on lanes' threads, and only the main thread
// judges.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "core/lanes/lane.h"

namespace tensorlane::test {

// Longer than anything takes on a busy machine under a sanitizer. A wait that lasts this long has found something that
// hangs.
inline constexpr std::chrono::seconds kLimit{200};

// A number that threads raise and wait for.
class Count {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++value_;
    changed_.notify_all();  // under the lock: whoever waited may destroy this as soon as it has the lock
  }

  // False when `value` was not reached within the limit.
  bool wait_for(std::size_t value) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLimit, [&] { return value_ >= value; });
  }

  std::size_t value() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t value_ = 0;
};

// Closed until someone opens it. Whoever waits goes on after the limit all the same, so that a failed test can end.
class Gate {
 public:
  void open() { opened_.add(); }
  bool wait() { return opened_.wait_for(1); }
  bool is_open() { return opened_.value() > 0; }

 private:
  Count opened_;
};

class FunctionTask : public Task {
 public:
  explicit FunctionTask(std::function<void(Lane&)> function) : function_(std::move(function)) {}
  void run(Lane& lane) noexcept override { function_(lane); }

 private:
  std::function<void(Lane&)> function_;
};

inline bool submit(LanePool& pool, std::function<void(Lane&)> function, std::size_t lane = LanePool::kAnyLane) {
  std::unique_ptr<Task> task = std::make_unique<FunctionTask>(std::move(function));
  return pool.submit(task, lane);
}

// Keeps one lane busy until the gate opens, and returns once the lane is: what is submitted meanwhile is all there when
// the lane looks again. The gate must outlive the pool.
inline bool occupy(LanePool& pool, std::size_t lane, Gate& gate) {
  const auto reached = std::make_shared<Gate>();
  const auto task = [&gate, reached](Lane& /*lane*/) {
    reached->open();
    gate.wait();
  };
  return submit(pool, task, lane) && reached->wait();
}

// Long enough for a lane to do what it must not.
inline void give_time() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

// Whether `condition` came to hold, asked again and again, for what has no signal to wait for.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace tensorlane::test
