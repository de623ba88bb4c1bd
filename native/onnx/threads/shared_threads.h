// The threads that the runs of all models share: ONNX Runtime's global pool, with the lane that runs as many as there are cores.
// Whom they help is the runtime's matter; whether they may is ours: parking.h has the rules.
//
// Parked they sleep inside of a call of ours (park_model.h). ONNX Runtime hands them work all the same, takes back what none of
// them has begun, and so computes all of it on the lane. How it cuts a run into parts depends on the size of the pool and not
// on who helps: nor do the results, to the last bit.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "onnx/runtime/runtime.h"
#include "onnx/threads/park_model.h"
#include "onnx/threads/parking.h"

namespace tensorlane {

struct SharedThreadsCounters {
  unsigned helpers = 0;        // threads, besides the lanes
  unsigned sleeping = 0;       // of these: those that are parked
  unsigned running = 0;        // runs
  std::uint32_t released = 0;  // how often they were let go
};

class SharedThreads {
 public:
  // Makes runtime.env, which they belong to. Null where there is one core, or where somebody else in this process has made that
  // of the same library before: sessions then have threads of their own. They stand back by `niceness`. Errors: Model, where
  // there is no environment either way.
  static std::unique_ptr<SharedThreads> make(ort::Runtime& runtime, int niceness);

  ~SharedThreads() { close(); }
  SharedThreads(const SharedThreads&) = delete;
  SharedThreads& operator=(const SharedThreads&) = delete;

  // Lets them go for good: the library joins them when the process ends.
  void close();

  [[nodiscard]] int niceness() const noexcept { return niceness_; }
  [[nodiscard]] SharedThreadsCounters counters();

  // One run of a model, also of one that has threads of its own, for as long as this lives.
  class Run {
   public:
    // `threads` may be null. `is_long` is kept with the model: whether its runs take long enough for help. `alone`: it wants none.
    Run(SharedThreads* threads, std::atomic<bool>& is_long, bool alone = false);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    SharedThreads* threads_;
    std::atomic<bool>& is_long_;
    bool wants_help_ = false;
    Parking::Time since_{};
  };

 private:
  SharedThreads(unsigned cores, int niceness);

  static void* create_thread(void* self, void (*work)(void*), void* argument);

  void entered(bool wants_help, Parking::Time now);
  void left(bool wants_help, Parking::Time now);
  void changed(bool was_parked, bool watch_is_needed);  // with the lock

  // On the thread that parks the others.
  void park_again_and_again();
  void watch(std::unique_lock<std::mutex>& lock, std::uint32_t released);
  // On each of them.
  void stay();

  const unsigned cores_;
  const int niceness_;
  std::atomic<unsigned> helpers_{0};
  std::unique_ptr<ParkModel> model_;
  std::thread watcher_;

  std::mutex mutex_;  // guards what follows
  Parking parking_;
  bool closed_ = false;
  bool watch_sleeps_ = false;  // until it is woken
  std::condition_variable wake_watch_;

  // The helpers wait for this to change. Changed with the lock, and read without: they are many, and wake at once.
  std::atomic<std::uint32_t> released_{0};
  std::atomic<unsigned> sleeping_{0};
};

}  // namespace tensorlane
