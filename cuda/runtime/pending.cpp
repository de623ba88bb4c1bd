#include "cuda/runtime/pending.h"

#include <mutex>
#include <utility>

#include "core/error.h"
#include "cuda/runtime/context.h"

namespace tensorlane::cuda {
namespace {

// What the device may use for ever.
void keep_for_ever(Held held) {
  static std::mutex mutex;
  static auto* all = new std::vector<Held>;
  for (PinnedBlock& block : held.pinned) block.abandon();
  const std::lock_guard lock(mutex);
  all->push_back(std::move(held));
}

}  // namespace

CudaPending::CudaPending(std::shared_ptr<Context> context) : context_(std::move(context)) {}

CudaPending::~CudaPending() { wait(); }

EventRef CudaPending::start(cudaStream_t stream) noexcept {
  stream_ = stream;
  try {
    event_ = context_->events().record(stream);
  } catch (...) {
    wait_for_stream();
  }
  return event_;
}

bool CudaPending::done() noexcept {
  if (event_ == nullptr) return true;
  const cudaError_t error = cudaEventQuery(event_->get());
  if (error == cudaSuccess) return true;
  static_cast<void>(cudaGetLastError());
  return error != cudaErrorNotReady;
}

void CudaPending::wait() noexcept {
  if (event_ == nullptr) return;
  const cudaError_t error = cudaEventSynchronize(event_->get());
  if (error != cudaSuccess) wait_for_stream();
  event_.reset();
}

void CudaPending::wait_for_stream() noexcept {
  cudaError_t error = cudaStreamSynchronize(stream_);
  if (error == cudaSuccess) return;
  failed_ = true;
  if (is_sticky(error)) {
    context_->health().note(error, "cudaStreamSynchronize");
    return;  // nothing runs on it any more
  }
  context_->health().lose(describe(error, "it cannot be waited for: cudaStreamSynchronize"));
  keep_for_ever(std::move(held));
  held = {};
}

void CudaPending::complete() {
  wait();
  Held ended = std::move(held);
  held = {};
  if (failed_) {
    ended = {};
    context_->health().check();
  }
  std::exception_ptr first;
  for (const std::function<void()>& work : ended.deferred) {
    try {
      work();
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  ended = {};
  if (first != nullptr) std::rethrow_exception(first);
}

}  // namespace tensorlane::cuda
