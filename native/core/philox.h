// Random numbers that are a function of their place: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, Parallel random numbers:
// as easy as 1, 2, 3, SC 2011). Whoever computes them, in whatever order, gets the same ones.
#pragma once

#include <cstdint>

namespace tensorlane {

// 128 random bits.
struct RandomBits {
  std::uint32_t words[4];
};

// Those of a counter of 128 bits, of which the upper half is 0, under a key of 64 bits.
constexpr RandomBits philox(std::uint64_t counter, std::uint64_t key) {
  constexpr int kRounds = 10;
  constexpr std::uint64_t kFirst = 0xD2511F53U;
  constexpr std::uint64_t kSecond = 0xCD9E8D57U;
  constexpr std::uint32_t kFirstStep = 0x9E3779B9U;   // the golden ratio
  constexpr std::uint32_t kSecondStep = 0xBB67AE85U;  // the root of 3, less 1
  std::uint32_t a = static_cast<std::uint32_t>(counter);
  std::uint32_t b = static_cast<std::uint32_t>(counter >> 32U);
  std::uint32_t c = 0;
  std::uint32_t d = 0;
  std::uint32_t first = static_cast<std::uint32_t>(key);
  std::uint32_t second = static_cast<std::uint32_t>(key >> 32U);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t one = kFirst * a;
    const std::uint64_t other = kSecond * c;
    a = static_cast<std::uint32_t>(other >> 32U) ^ b ^ first;
    b = static_cast<std::uint32_t>(other);
    c = static_cast<std::uint32_t>(one >> 32U) ^ d ^ second;
    d = static_cast<std::uint32_t>(one);
    first += kFirstStep;
    second += kSecondStep;
  }
  return {{a, b, c, d}};
}

// How many of 32 bits are set.
constexpr std::uint32_t set_bits(std::uint32_t bits) {
  bits -= (bits >> 1U) & 0x55555555U;
  bits = (bits & 0x33333333U) + ((bits >> 2U) & 0x33333333U);
  bits = (bits + (bits >> 4U)) & 0x0F0F0F0FU;
  return (bits * 0x01010101U) >> 24U;
}

// The place-th of the numbers of a seed: an integer from -64 to 64 of mean 0 and variance 32, distributed nearly as normal numbers are,
// since it is half the sum of 128 signs. Every type holds it, and no function has to be rounded to make it.
constexpr int random_number(std::uint64_t place, std::uint64_t seed) {
  const RandomBits bits = philox(place, seed);
  std::uint32_t set = 0;
  for (const std::uint32_t word : bits.words) set += set_bits(word);
  return static_cast<int>(set) - 64;
}

}  // namespace tensorlane
