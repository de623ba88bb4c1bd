// Memory for results and tensors of the CPU, which begins a cache line, as cpu/linalg/line_start.h would have it. Large ones come from
// what is kept (kept_memory.h); those that are new there are in pages of 2 MiB instead of 4 KiB, as numpy asks for them: to get so many
// small ones takes longer than most of what is computed into them.
#pragma once

#include <cstddef>
#include <memory>

#include "core/memory/kept_memory.h"

namespace tensorlane {

class HostBlock {
 public:
  HostBlock() = default;
  // data() is null where there is no memory, and never else.
  explicit HostBlock(std::size_t bytes) noexcept;

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct GiveBack {
    std::size_t bytes;  // with what is before the cache line

    void operator()(void* memory) const noexcept { KeptMemory::shared().give({memory, bytes}); }
  };

  std::unique_ptr<void, GiveBack> memory_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace tensorlane
