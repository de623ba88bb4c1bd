// What a device of some compute capability can do, as far as launches and queries are concerned.
#pragma once

#include <cstddef>

#include "emulation.h"

namespace emulation {

inline constexpr unsigned kMaxThreads = 1024;  // of a block
inline constexpr unsigned kMaxBlockZ = 64;
inline constexpr unsigned kMaxGridX = 0x7fffffff;
inline constexpr unsigned kMaxGridYZ = 65535;
inline constexpr std::size_t kSharedMemory = std::size_t{48} << 10;  // without asking for more

// With cudaFuncSetAttribute.
inline std::size_t most_shared_memory() {
  const int compute = config().compute_major * 10 + config().compute_minor;
  if (compute == 80 || compute == 87) return std::size_t{163} << 10;
  if (compute >= 90 && compute < 120) return std::size_t{227} << 10;
  return (compute < 80 ? std::size_t{64} : std::size_t{99}) << 10;
}

}  // namespace emulation
