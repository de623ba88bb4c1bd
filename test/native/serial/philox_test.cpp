// Random numbers against the vectors that Random123, the authors' library, is tested with.
#include "core/philox.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>

using namespace tensorlane;

TEST_CASE("philox: the bits of the authors' own") {
  const auto words = [](const RandomBits& bits) {
    return std::array{bits.words[0], bits.words[1], bits.words[2], bits.words[3]};
  };
  CHECK(words(philox(0, 0)) == std::array{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  CHECK(set_bits(0) == 0);
  CHECK(set_bits(0xffffffffU) == 32);
  CHECK(set_bits(0x80000101U) == 3);
}

TEST_CASE("random numbers: the moments of normal ones of variance 32") {
  constexpr std::uint64_t kCount = 200'000;
  for (const std::uint64_t seed : {0ULL, 7ULL, 1ULL << 40U}) {
    double mean = 0;
    double square = 0;
    double fourth = 0;
    double beside = 0;
    for (std::uint64_t i = 0; i < kCount; ++i) {
      const double x = random_number(i, seed) / std::sqrt(32.0);
      mean += x / kCount;
      square += x * x / kCount;
      fourth += x * x * x * x / kCount;
      beside += x * random_number(i + 1, seed) / std::sqrt(32.0) / kCount;
    }
    CHECK(std::abs(mean) < 0.01);
    CHECK(std::abs(square - 1) < 0.02);
    CHECK(std::abs(fourth - 3) < 0.1);
    CHECK(std::abs(beside) < 0.01);
  }
}
