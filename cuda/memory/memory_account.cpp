#include "cuda/memory/memory_account.h"

#include <algorithm>

namespace tensorlane::cuda {
namespace {

constexpr auto index(MemoryKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

bool MemoryAccount::take(std::size_t bytes, MemoryKind kind) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint64_t before = used();
  if (limit_ != 0 && (before > limit_ || bytes > limit_ - before)) return false;
  used_.at(index(kind)) += bytes;
  peak_ = std::max(peak_, before + bytes);
  return true;
}

void MemoryAccount::give_back(std::size_t bytes, MemoryKind kind) noexcept {
  const std::lock_guard lock(mutex_);
  used_.at(index(kind)) -= bytes;
}

Usage MemoryAccount::usage() const noexcept {
  const std::lock_guard lock(mutex_);
  return {used_.at(index(MemoryKind::Tensor)), used_.at(index(MemoryKind::Workspace)),
          used_.at(index(MemoryKind::Operation)), used(), peak_};
}

void MemoryAccount::forget_peak() noexcept {
  const std::lock_guard lock(mutex_);
  peak_ = used();
}

}  // namespace tensorlane::cuda
