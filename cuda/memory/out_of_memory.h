// What is said of a device whose memory is out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cuda/memory/memory_pool.h"

namespace tensorlane::cuda {

// As cudaMemGetInfo has it.
struct SystemMemory {
  std::uint64_t free = 0;
  std::uint64_t total = 0;
};

// What was asked, what is free, who holds the rest, and what to do. `system` where it could be asked.
[[nodiscard]] std::string out_of_memory_text(int device, std::uint64_t asked, const PoolStats& pool,
                                             const std::optional<SystemMemory>& system);

}  // namespace tensorlane::cuda
