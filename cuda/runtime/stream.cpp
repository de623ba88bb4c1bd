#include "cuda/runtime/stream.h"

#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {
namespace {

// More are destroyed when they come back.
constexpr std::size_t kKeptEvents = 1024;

}  // namespace

Stream::Stream(bool high_priority) {
  int least = 0;
  int greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, high_priority ? greatest : least),
        "cudaStreamCreateWithPriority");
}

Stream::~Stream() {
  if (stream_ != nullptr) give_back([this] { return cudaStreamDestroy(stream_); });
}

StreamEvent::StreamEvent() {
  check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming | cudaEventBlockingSync), "cudaEventCreateWithFlags");
}

StreamEvent::~StreamEvent() {
  if (event_ != nullptr) give_back([this] { return cudaEventDestroy(event_); });
}

void StreamEvent::record(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "cudaEventRecord"); }

void StreamEvent::let_wait(cudaStream_t stream) const {
  check(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
}

void StreamEvent::wait() const { check(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

bool StreamEvent::done() const noexcept {
  const cudaError_t error = cudaEventQuery(event_);
  if (error != cudaSuccess) static_cast<void>(cudaGetLastError());
  return error == cudaSuccess;
}

EventRef EventPool::take() {
  std::unique_ptr<StreamEvent> event;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      event = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (event == nullptr) event = std::make_unique<StreamEvent>();
  const auto give_back = [pool = shared_from_this()](StreamEvent* used) { pool->give_back(used); };
  return EventRef(event.release(), give_back);
}

EventRef EventPool::record(cudaStream_t stream) {
  EventRef event = take();
  event->record(stream);
  return event;
}

EventPool::~EventPool() {
  if (free_.empty()) return;
  const CurrentDevice here(device_);
  free_.clear();
}

void EventPool::give_back(StreamEvent* used) noexcept {
  std::unique_ptr<StreamEvent> event(used);
  {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kKeptEvents) {
      try {
        free_.push_back(std::move(event));
        return;
      } catch (...) {
        // No memory to keep it in: it is destroyed.
      }
    }
  }
  const CurrentDevice here(device_);
  event.reset();
}

}  // namespace tensorlane::cuda
