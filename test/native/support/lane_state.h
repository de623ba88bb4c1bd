// A lane's state whose device is the test: what a task hands it is done when the test says so.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/lanes/lane.h"
#include "core/lanes/lane_state.h"
#include "support/tasks.h"

namespace tensorlane::test {

// What happened, in order.
class Journal {
 public:
  void add(const std::string& what) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(what);
  }
  std::vector<std::string> entries() {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> entries_;
};

inline bool has(Journal& journal, const std::string& entry) {
  const std::vector<std::string> entries = journal.entries();
  return std::ranges::find(entries, entry) != entries.end();
}

// What a task hands to the device.
struct HandedWork {
  Gate done;
  bool fails = false;
  std::atomic<int> waits{0};
  std::atomic<int> completions{0};
  std::atomic<int> destroyed{0};
};

class FakePending final : public Pending {
 public:
  explicit FakePending(HandedWork& work) : work_(work) {}
  FakePending(const FakePending&) = delete;
  FakePending& operator=(const FakePending&) = delete;
  ~FakePending() override { ++work_.destroyed; }

  [[nodiscard]] bool done() noexcept override { return work_.done.is_open(); }
  void wait() noexcept override {
    ++work_.waits;
    work_.done.wait();
  }
  void complete() override {
    ++work_.completions;
    if (work_.fails) throw Error(Code::DeviceLost, "as the test wished");
  }

 private:
  HandedWork& work_;
};

// What became of the states of a pool.
struct States {
  std::atomic<int> made{0};
  std::atomic<int> destroyed{0};
  std::atomic<int> ended{0};  // how often end() was called
  std::atomic<int> idled{0};
  std::atomic<int> elsewhere{0};  // destroyed or told to idle on another thread than where it was made
};

class FakeState final : public LaneState {
 public:
  explicit FakeState(States& states) : states_(states) { ++states_.made; }
  FakeState(const FakeState&) = delete;
  FakeState& operator=(const FakeState&) = delete;
  ~FakeState() override {
    judge_thread();
    ++states_.destroyed;
  }

  static FakeState& of(Lane& lane) { return static_cast<FakeState&>(*lane.state()); }

  [[nodiscard]] std::thread::id made_on() const noexcept { return thread_; }

  // For the task in hand.
  void hand(HandedWork& work) { work_ = &work; }

  void begin() override {}
  std::unique_ptr<Pending> end() noexcept override {
    HandedWork* work = std::exchange(work_, nullptr);
    ++states_.ended;
    return work == nullptr ? nullptr : std::make_unique<FakePending>(*work);
  }
  void idle() noexcept override {
    judge_thread();
    ++states_.idled;
  }
  void record(Event& /*event*/) override {}
  void wait(Event& /*event*/) override {}

 private:
  void judge_thread() {
    if (std::this_thread::get_id() != thread_) ++states_.elsewhere;
  }

  States& states_;
  std::thread::id thread_ = std::this_thread::get_id();
  HandedWork* work_ = nullptr;
};

// Writes what happens to it into a journal, as "run NAME", "completed NAME" and "finished NAME".
class DeviceTask final : public Task {
 public:
  // `work` may be null: then it hands the device nothing.
  DeviceTask(std::string name, Journal& journal, HandedWork* work, bool pipelines)
      : name_(std::move(name)), journal_(journal), work_(work), pipelines_(pipelines) {}

  void run(Lane& lane) noexcept override {
    journal_.add("run " + name_);
    if (work_ != nullptr) FakeState::of(lane).hand(*work_);
  }
  [[nodiscard]] bool pipelines() const noexcept override { return pipelines_; }
  void completed(Pending& pending) noexcept override {
    journal_.add("completed " + name_);
    Task::completed(pending);
  }
  void finished(std::unique_ptr<Task> self) noexcept override {
    journal_.add("finished " + name_);
    self.reset();
  }

 private:
  std::string name_;
  Journal& journal_;
  HandedWork* work_;
  bool pipelines_;
};

inline LaneOptions with_fake_states(std::size_t lanes, States& states) {
  LaneOptions options;
  options.lanes = lanes;
  options.idle_after = std::chrono::nanoseconds(0);
  options.state = [&states](std::size_t /*lane*/) { return std::make_unique<FakeState>(states); };
  return options;
}

}  // namespace tensorlane::test
