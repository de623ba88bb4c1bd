// Division by a number that a launch knows.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace tensorlane::cuda {

// Divides numbers below 2^16 by one that is below 2^16, with a multiplication.
struct Divisor {
  std::uint64_t inverse;  // 2^32 / divisor, rounded up
  __device__ unsigned divide(unsigned n) const { return static_cast<unsigned>((n * inverse) >> 32); }
};
inline Divisor divisor(std::int64_t by) {
  return {((std::uint64_t{1} << 32) + static_cast<std::uint64_t>(by) - 1) / static_cast<std::uint64_t>(by)};
}

}  // namespace tensorlane::cuda
