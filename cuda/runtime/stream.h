// Streams and events. Owning classes here; a plain cudaStream_t elsewhere is a view of a stream that somebody owns.
//
// Creating an event costs, so a device keeps those that are not in use. An EventRef is an event in use: it goes back
// when nobody refers to it any more, on whatever thread.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tensorlane::cuda {

// In its order with no other stream, the default stream included.
class Stream {
 public:
  explicit Stream(bool high_priority);
  Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// A moment on a stream. A host thread that waits for it sleeps.
class StreamEvent {
 public:
  StreamEvent();
  StreamEvent(StreamEvent&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  StreamEvent& operator=(StreamEvent&&) = delete;
  ~StreamEvent();

  void record(cudaStream_t stream);
  // Makes what is put on `stream` from now on wait.
  void let_wait(cudaStream_t stream) const;
  // The host waits.
  void wait() const;
  // False also when that cannot be told.
  [[nodiscard]] bool done() const noexcept;

  [[nodiscard]] cudaEvent_t get() const noexcept { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

using EventRef = std::shared_ptr<StreamEvent>;

class EventPool : public std::enable_shared_from_this<EventPool> {
 public:
  explicit EventPool(int device) : device_(device) {}
  // On any thread.
  ~EventPool();
  EventPool(const EventPool&) = delete;
  EventPool& operator=(const EventPool&) = delete;

  // On a thread whose current device is the pool's. Errors: OutOfMemory, DeviceLost.
  [[nodiscard]] EventRef take();
  // Recorded on the stream.
  [[nodiscard]] EventRef record(cudaStream_t stream);

 private:
  void give_back(StreamEvent* event) noexcept;

  int device_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<StreamEvent>> free_;  // guarded by mutex_
};

}  // namespace tensorlane::cuda
