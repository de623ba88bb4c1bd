// Who holds how much of a device's memory, and the limit that all of it stays within. Knows nothing of CUDA.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace tensorlane::cuda {

enum class MemoryKind { Tensor, Workspace, Operation };

struct Usage {
  std::uint64_t tensors = 0, workspaces = 0, operations = 0;
  std::uint64_t used = 0;  // by all of them
  std::uint64_t peak = 0;  // of that
};

// Safe on any thread.
class MemoryAccount {
 public:
  // 0: no limit.
  explicit MemoryAccount(std::uint64_t limit) : limit_(limit) {}

  // False, and nothing is taken, where that would exceed the limit.
  [[nodiscard]] bool take(std::size_t bytes, MemoryKind kind) noexcept;
  void give_back(std::size_t bytes, MemoryKind kind) noexcept;

  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }
  [[nodiscard]] Usage usage() const noexcept;
  // Counts the peak from what is used now.
  void forget_peak() noexcept;

 private:
  // With the lock.
  [[nodiscard]] std::uint64_t used() const noexcept { return used_[0] + used_[1] + used_[2]; }

  const std::uint64_t limit_;
  mutable std::mutex mutex_;  // guards what follows
  std::array<std::uint64_t, 3> used_{};
  std::uint64_t peak_ = 0;
};

}  // namespace tensorlane::cuda
