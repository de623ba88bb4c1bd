// Device memory that callers hold: it knows which streams used it and when, so that each use comes after those that it
// must come after, and the memory is freed after the last, whoever drops it and where.
//
// A task's use counts from the end of its run() on, when there is an event that tells when it is done. Two tasks that
// run at once on two lanes, one of which writes what the other uses, are ordered by an event between the lanes or not
// at all.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/runtime/stream.h"
#include "device/device.h"

namespace tensorlane::cuda {

class Context;

class CudaBuffer final : public Buffer {
 public:
  // On the stream; other streams may use it only after the task that allocates it, see CudaLane::writes().
  // Errors: OutOfMemory, DeviceLost.
  CudaBuffer(std::shared_ptr<Context> context, cudaStream_t stream, std::size_t bytes);
  // Never waits.
  ~CudaBuffer() override;

  [[nodiscard]] std::byte* data() const noexcept override { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }
  [[nodiscard]] int device() const noexcept;

  // Makes `stream` wait for what it must come after. Errors: DeviceLost, Internal.
  void before_read(cudaStream_t stream);
  void before_write(cudaStream_t stream);
  // The use on `stream` is over when `event` is. A null event: it is over now.
  void used(cudaStream_t stream, const EventRef& event, bool wrote) noexcept;

 private:
  struct Use {
    cudaStream_t stream = nullptr;
    EventRef event;  // null: nothing to wait for
  };

  static void wait_for(const Use& use, cudaStream_t stream);

  std::shared_ptr<Context> context_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;

  std::mutex mutex_;       // guards what follows
  Use write_;              // the last one
  std::vector<Use> uses_;  // the last one of each stream, writes included
  cudaStream_t last_ = nullptr;
};

}  // namespace tensorlane::cuda
