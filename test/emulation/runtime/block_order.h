// The order in which a grid's blocks run: never that of their numbers, another one with another seed
// (EMULATION_DELAYS), and the same one every time with the same.
#pragma once

#include <cstdint>
#include <numeric>

namespace emulation {

class BlockOrder {
 public:
  BlockOrder(std::uint64_t blocks, std::uint64_t seed) : blocks_(blocks) {
    if (blocks < 2) return;
    const std::uint64_t mixed = mix(seed + blocks * 0x9E3779B97F4A7C15U);
    next_ = mixed % blocks;
    step_ = 1 + mix(mixed) % (blocks - 1);
    while (std::gcd(step_, blocks) != 1) --step_;
    if (next_ == 0 && step_ == 1) next_ = step_ = blocks - 1;
  }

  // The number of the block that runs next: each exactly once.
  std::uint64_t next() {
    const std::uint64_t block = next_;
    next_ = (next_ + step_) % blocks_;
    return block;
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
  }

  std::uint64_t blocks_;
  std::uint64_t next_ = 0;
  std::uint64_t step_ = 1;
};

}  // namespace emulation
