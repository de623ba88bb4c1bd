// Scratch memory that belongs to one lane: it only grows, so the steady state allocates nothing. What take() returned
// is valid until the next take().
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace tensorlane {

class Workspace {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register

  [[nodiscard]] std::byte* take(std::size_t bytes) {
    if (bytes > capacity_) {
      memory_.reset();
      capacity_ = 0;
      const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
      void* memory = std::aligned_alloc(kAlignment, rounded);
      if (memory == nullptr) throw std::bad_alloc();
      memory_.reset(static_cast<std::byte*>(memory));
      capacity_ = rounded;
    }
    return memory_.get();
  }

  // Gives back a workspace that one large operation left behind.
  void trim(std::size_t keep_bytes) {
    if (capacity_ <= keep_bytes) return;
    memory_.reset();
    capacity_ = 0;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t capacity_ = 0;
};

}  // namespace tensorlane
