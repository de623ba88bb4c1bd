// A library's handle: the stream its work goes to, and the rule that only one thread at a time uses it.
//
// The flag orders nothing (relaxed): threads that share a handle without order are seen by ThreadSanitizer, too.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "libraries/call.h"

namespace emulation::libraries {

struct Handle {
  static constexpr std::uint32_t kAlive = 0x7E4503A1;
  std::uint32_t magic = kAlive;
  std::atomic<bool> busy{false};
  int device = 0;  // the one that was current when it was created
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

class InUse {
 public:
  explicit InUse(Handle* handle) : handle_(handle) {
    require(handle != nullptr && handle->magic == Handle::kAlive, "a handle that was created and not destroyed");
    if (handle->busy.exchange(true, std::memory_order_relaxed))
      throw Refusal(Outcome::ExecutionFailed, "another thread is in a call with this handle");
  }
  ~InUse() { handle_->busy.store(false, std::memory_order_relaxed); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  Handle* handle_;
};

inline void bind_to_device(Handle& handle) {
  const cudaError_t error = cudaGetDevice(&handle.device);
  if (error != cudaSuccess) throw Refusal(outcome_of(error), "no device");
}

inline void submit(cudaStream_t stream, std::function<void()> work) {
  const cudaError_t error = enqueue(stream, std::move(work));
  if (error == cudaErrorInvalidResourceHandle)
    throw Refusal(Outcome::InvalidValue, "the handle has no stream, or one that was destroyed");
  if (error != cudaSuccess) throw Refusal(outcome_of(error), "the stream does not take work");
}

// Told when a piece of work has run, or was dropped because the device failed before.
class Completion {
 public:
  struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false;
    bool ran = false;
  };
  // Part of the work; its end is the work's end.
  class Guard {
   public:
    explicit Guard(std::shared_ptr<Signal> signal) : signal_(std::move(signal)) {}
    ~Guard() {
      const std::lock_guard lock(signal_->mutex);
      signal_->ended = true;
      signal_->changed.notify_all();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    void ran() {
      const std::lock_guard lock(signal_->mutex);
      signal_->ran = true;
    }

   private:
    std::shared_ptr<Signal> signal_;
  };

  [[nodiscard]] std::shared_ptr<Guard> guard() { return std::make_shared<Guard>(signal_); }
  // True when the work has run.
  bool wait() {
    std::unique_lock lock(signal_->mutex);
    signal_->changed.wait(lock, [this] { return signal_->ended; });
    return signal_->ran;
  }

 private:
  std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
};

// For the routines that return only when the device is done with them.
inline void submit_and_wait(cudaStream_t stream, std::function<void()> work) {
  Completion completion;
  submit(stream, [guard = completion.guard(), work = std::move(work)] {
    work();
    guard->ran();
  });
  if (!completion.wait()) throw Refusal(Outcome::ExecutionFailed, "the device failed");
}

}  // namespace emulation::libraries
