// A point in a lane's queue that other lanes can wait for, like a CUDA event.
//
// It cannot deadlock: an event exists only once its signal is queued, so a wait always comes after the signal in the
// order of submission, and every lane has a thread of its own.
#pragma once

#include <condition_variable>
#include <mutex>

namespace tensorlane {

class Event {
 public:
  void signal() {
    {
      const std::lock_guard lock(mutex_);
      signalled_ = true;
    }
    changed_.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return signalled_; });
  }

  [[nodiscard]] bool signalled() {
    const std::lock_guard lock(mutex_);
    return signalled_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool signalled_ = false;
};

}  // namespace tensorlane
