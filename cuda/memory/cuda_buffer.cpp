#include "cuda/memory/cuda_buffer.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "cuda/runtime/context.h"

namespace tensorlane::cuda {

CudaBuffer::CudaBuffer(std::shared_ptr<Context> context, cudaStream_t stream, std::size_t bytes)
    : context_(std::move(context)), bytes_(bytes), last_(stream) {
  data_ = static_cast<std::byte*>(context_->memory().allocate(stream, bytes, MemoryKind::Tensor));
}

CudaBuffer::~CudaBuffer() {
  if (data_ == nullptr) return;
  const OnDevice here(context_->device(), context_->health());
  bool ordered = true;
  try {
    for (const Use& use : uses_) wait_for(use, last_);
  } catch (...) {
    ordered = false;
  }
  if (ordered) {
    context_->memory().free(last_, data_, bytes_, MemoryKind::Tensor);
  } else {
    context_->memory().free_later(data_, bytes_, MemoryKind::Tensor);
  }
}

int CudaBuffer::device() const noexcept { return context_->device(); }

// What is done already is not waited for: so a free seldom makes one lane's stream wait for another's.
void CudaBuffer::wait_for(const Use& use, cudaStream_t stream) {
  if (use.event == nullptr || use.stream == stream || use.event->done()) return;
  use.event->let_wait(stream);
}

void CudaBuffer::before_read(cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  wait_for(write_, stream);
}

void CudaBuffer::before_write(cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  for (const Use& use : uses_) wait_for(use, stream);
}

void CudaBuffer::used(cudaStream_t stream, const EventRef& event, bool wrote) noexcept {
  const std::lock_guard lock(mutex_);
  last_ = stream;
  if (wrote) write_ = {stream, event};
  const auto same = std::ranges::find(uses_, stream, &Use::stream);
  if (same != uses_.end()) {
    same->event = event;
  } else {
    uses_.push_back({stream, event});
  }
}

}  // namespace tensorlane::cuda
