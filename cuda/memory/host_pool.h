// Pinned host memory, which the device reads and writes by itself. Taking it from the system is slow (it can wait for
// the whole device), so blocks are kept: in classes of powers of two, up to a bound. Larger blocks are taken and given
// back exactly. Safe on any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

class HostPool;

// A block in use; goes back when it is destroyed. The device must be done with it by then.
class PinnedBlock {
 public:
  PinnedBlock() = default;
  PinnedBlock(PinnedBlock&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  PinnedBlock& operator=(PinnedBlock&& other) noexcept;
  ~PinnedBlock();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  // At least what was asked for.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // Never to be given back: the device may use it for ever.
  void abandon() noexcept { pool_ = nullptr; }

 private:
  friend class HostPool;
  PinnedBlock(HostPool* pool, std::byte* data, std::size_t bytes) : pool_(pool), data_(data), bytes_(bytes) {}

  HostPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

struct HostPoolStats {
  std::uint64_t pinned = 0;  // taken from the system
  std::uint64_t used = 0;    // of it: in blocks in use
};

class HostPool {
 public:
  static constexpr std::size_t kSmallest = std::size_t{4} << 10U;
  static constexpr std::size_t kLargest = std::size_t{64} << 20U;
  static constexpr std::size_t kClasses = 15;  // 4 KiB to 64 MiB
  static constexpr std::uint64_t kKeep = std::uint64_t{256} << 20U;

  explicit HostPool(Health& health, std::uint64_t keep_bytes = kKeep) : health_(health), keep_bytes_(keep_bytes) {}
  ~HostPool();
  HostPool(const HostPool&) = delete;
  HostPool& operator=(const HostPool&) = delete;

  // Errors: OutOfMemory, DeviceLost.
  [[nodiscard]] PinnedBlock take(std::size_t bytes);
  // Gives back to the system what is kept for reuse.
  void trim() noexcept;
  [[nodiscard]] HostPoolStats stats() const noexcept;

 private:
  friend class PinnedBlock;
  // Without the lock.
  void give_back(std::byte* data, std::size_t bytes) noexcept;
  void release(std::byte* data, std::size_t bytes) noexcept;

  Health& health_;
  std::uint64_t keep_bytes_;
  mutable std::mutex mutex_;  // guards what follows
  std::array<std::vector<std::byte*>, kClasses> kept_;
  std::uint64_t kept_bytes_ = 0;
  HostPoolStats stats_;
};

}  // namespace tensorlane::cuda
