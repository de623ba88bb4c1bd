// A clock that can wait for less than the millisecond of JS timers: one thread that sleeps until the earliest deadline.
//
// Rules: a timer fires at most once; after cancel() returned it does not fire; fire() is called on the timer's own
// thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace tensorlane {

class Timer {
 public:
  using Clock = std::chrono::steady_clock;
  using Id = std::uint64_t;

  explicit Timer(std::function<void(Id)> fire);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  Id schedule(std::chrono::nanoseconds delay);
  // False when it had fired before.
  bool cancel(Id id);
  // Joins the thread; nothing fires any more. May be called twice.
  void stop();

 private:
  void work();

  using Entry = std::pair<Clock::time_point, Id>;

  std::function<void(Id)> fire_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::set<Entry> entries_;
  Id next_id_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tensorlane
