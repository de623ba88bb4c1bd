// Memory that could not be freed in the order of a stream, since its last use no stream could be made to wait for. It
// is freed when the device is known to be idle, and counts as used until then.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "cuda/memory/memory_account.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

// Safe on any thread.
class Stranded {
 public:
  Stranded(MemoryAccount& account, Health& health) : account_(account), health_(health) {}

  void add(void* memory, std::size_t bytes, MemoryKind kind) noexcept;
  // After waiting for the device; does nothing where there is nothing.
  void release() noexcept;

 private:
  struct One {
    void* memory;
    std::size_t bytes;
    MemoryKind kind;
  };

  [[nodiscard]] bool free_one(const One& one) noexcept;

  MemoryAccount& account_;
  Health& health_;
  std::mutex mutex_;
  std::vector<One> all_;  // guarded by mutex_
};

}  // namespace tensorlane::cuda
