// Streams: threads with a queue each, which is worked off in order and knows of no other.
//
// A stream that is destroyed leaves the table of handles at once and goes on until its queue is empty.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "runtime/faults.h"
#include "runtime/graphs.h"
#include "runtime/state.h"

struct CUstream_st {
  emulation::Device* device = nullptr;
  unsigned int flags = 0;
  int priority = 0;
  std::uint64_t number = 0;  // counts streams; the random delays follow from it

  std::deque<std::unique_ptr<emulation::Op>> queue;
  std::condition_variable filled;
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
  bool closing = false;
  std::unique_ptr<emulation::Capture> capture;
  char order = 0;  // the object of release() and acquire() for hosts that wait for the stream
};

namespace emulation {

using StreamPointer = std::shared_ptr<CUstream_st>;

// A stream that was found, held without the count of its pointer being seen by ThreadSanitizer.
class HeldStream {
 public:
  explicit HeldStream(cudaStream_t handle);
  ~HeldStream();
  HeldStream(const HeldStream&) = delete;
  HeldStream& operator=(const HeldStream&) = delete;

  explicit operator bool() const { return stream_ != nullptr; }
  CUstream_st* operator->() const { return stream_.get(); }
  CUstream_st& operator*() const { return *stream_; }

 private:
  StreamPointer stream_;
};

// Returns the position in the stream, for wait_for_stream(). The work of a call that has a fault planned at its
// execution is replaced by the fault. On a stream that captures it is kept for the graph, and nothing is there to wait for.
std::uint64_t submit(CUstream_st& stream, std::unique_ptr<Op> op);
// Its two halves, for what must be on the stream at the moment in which others can see it: prepare() without the lock,
// append() under it.
void prepare(Op& op);
std::uint64_t append(CUstream_st& stream, std::unique_ptr<Op> op);
void wait_for_stream(CUstream_st& stream, std::uint64_t position);
// All that was submitted to a device's streams, or to those that synchronise with the default stream only.
void wait_for_device(const Device& device, bool blocking_streams_only = false);
void wait_for_all_streams();
void stop_streams();

// The frame of a function that works on a stream: faults, the handle, and the sticky error of the stream's device.
template <typename Work>
cudaError_t stream_call(const char* call, cudaStream_t handle, Work work) {
  cudaError_t error = begin_call(call);
  if (error != cudaSuccess) return remembered(error);
  const HeldStream stream(handle);
  if (!stream) return remembered(cudaErrorInvalidResourceHandle);
  error = sticky_error(*stream->device);
  return remembered(error != cudaSuccess ? error : work(*stream));
}

}  // namespace emulation
