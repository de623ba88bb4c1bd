#include "cuda/memory/host_pool.h"

#include <algorithm>
#include <bit>
#include <string>

#include "core/error.h"
#include "cuda/memory/readable_bytes.h"

namespace tensorlane::cuda {
namespace {

std::size_t class_of(std::size_t bytes) {
  return static_cast<std::size_t>(std::countr_zero(bytes) - std::countr_zero(HostPool::kSmallest));
}

}  // namespace

PinnedBlock& PinnedBlock::operator=(PinnedBlock&& other) noexcept {
  if (this == &other) return *this;
  if (pool_ != nullptr) pool_->give_back(data_, bytes_);
  pool_ = std::exchange(other.pool_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

PinnedBlock::~PinnedBlock() {
  if (pool_ != nullptr) pool_->give_back(data_, bytes_);
}

HostPool::~HostPool() { trim(); }

PinnedBlock HostPool::take(std::size_t bytes) {
  const std::size_t rounded = bytes > kLargest ? bytes : std::bit_ceil(std::max(bytes, kSmallest));
  if (rounded <= kLargest) {
    const std::lock_guard lock(mutex_);
    auto& kept = kept_.at(class_of(rounded));
    if (!kept.empty()) {
      std::byte* data = kept.back();
      kept.pop_back();
      kept_bytes_ -= rounded;
      stats_.used += rounded;
      return {this, data, rounded};
    }
  }
  void* memory = nullptr;
  cudaError_t error = cudaHostAlloc(&memory, rounded, cudaHostAllocPortable);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    trim();
    error = cudaHostAlloc(&memory, rounded, cudaHostAllocPortable);
  }
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    const HostPoolStats now = stats();
    throw Error(Code::OutOfMemory, "out of pinned host memory: " + readable_bytes(rounded) +
                                       " were asked for copies between host and device; " + readable_bytes(now.used) +
                                       " are in use so. Free host memory, raise what the process may lock "
                                       "(ulimit -l, the container's limit), or use smaller batches or fewer lanes");
  }
  check(error, "cudaHostAlloc");
  const std::lock_guard lock(mutex_);
  stats_.pinned += rounded;
  stats_.used += rounded;
  return {this, static_cast<std::byte*>(memory), rounded};
}

void HostPool::give_back(std::byte* data, std::size_t bytes) noexcept {
  {
    const std::lock_guard lock(mutex_);
    stats_.used -= bytes;
    if (bytes <= kLargest && kept_bytes_ + bytes <= keep_bytes_) {
      try {
        kept_.at(class_of(bytes)).push_back(data);
        kept_bytes_ += bytes;
        return;
      } catch (...) {
        // No memory to keep it in: it goes back.
      }
    }
  }
  release(data, bytes);
}

void HostPool::release(std::byte* data, std::size_t bytes) noexcept {
  cudaError_t error = cudaFreeHost(data);
  if (error != cudaSuccess && !is_sticky(error)) error = cudaFreeHost(data);
  health_.note(error, "cudaFreeHost");
  if (error != cudaSuccess) return;  // it stays counted as taken, which it is
  const std::lock_guard lock(mutex_);
  stats_.pinned -= bytes;
}

void HostPool::trim() noexcept {
  std::array<std::vector<std::byte*>, kClasses> kept;
  {
    const std::lock_guard lock(mutex_);
    kept.swap(kept_);
    kept_bytes_ = 0;
  }
  for (std::size_t i = 0; i < kClasses; ++i) {
    for (std::byte* data : kept.at(i)) release(data, kSmallest << i);
  }
}

HostPoolStats HostPool::stats() const noexcept {
  const std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace tensorlane::cuda
