// A point in a lane's queue that other lanes can wait for, like a CUDA event.
//
// It has two moments: when the lane has come to it (`recorded`), and when all work before it has ended (`done`). Where
// the lane does the work itself they are one; where it hands work to a device, `device` is the device's own event, set
// before `recorded`, and another lane of the device can wait for it without a thread that waits.
//
// It cannot deadlock: an event exists only once its signal is queued, so a wait always comes after the signal in the
// order of submission, and every lane has a thread of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

namespace tensorlane {

class Event {
 public:
  void mark_recorded() { set(recorded_); }
  void mark_done() { set(recorded_, done_); }

  void wait_recorded() { wait(recorded_); }
  void wait_done() { wait(done_); }

  [[nodiscard]] bool recorded() {
    const std::lock_guard lock(mutex_);
    return recorded_;
  }
  [[nodiscard]] bool done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

  std::shared_ptr<void> device;

 private:
  template <typename... Flags>
  void set(Flags&... flags) {
    {
      const std::lock_guard lock(mutex_);
      ((flags = true), ...);
    }
    changed_.notify_all();
  }

  void wait(const bool& flag) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&flag] { return flag; });
  }

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool recorded_ = false;
  bool done_ = false;
};

}  // namespace tensorlane
