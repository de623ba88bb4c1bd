// Conversions to and from 16-bit floats, against their definition: the nearest one, of two the even one.
#include "cpu/ops/half.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <random>

using namespace tensorlane::cpu;

namespace {

struct HalfFormat {
  using Type = Half;
  static constexpr int kExponent = 5, kMantissa = 10;
  static Half from(float value) { return to_half(value); }
};
struct BFloat16Format {
  using Type = BFloat16;
  static constexpr int kExponent = 8, kMantissa = 7;
  static BFloat16 from(float value) { return to_bfloat16(value); }
};

template <typename Format>
constexpr std::uint16_t kInfinity = ((1U << Format::kExponent) - 1) << Format::kMantissa;

// Of a positive one that is finite, or the next beyond the largest.
template <typename Format>
double value_of(unsigned bits) {
  const int field = static_cast<int>(bits >> Format::kMantissa);
  const unsigned fraction = bits & ((1U << Format::kMantissa) - 1);
  const int bias = (1 << (Format::kExponent - 1)) - 1;
  const unsigned significand = field == 0 ? fraction : fraction | 1U << Format::kMantissa;
  return std::ldexp(significand, (field == 0 ? 1 : field) - bias - Format::kMantissa);
}

template <typename Format>
std::uint16_t nearest(long double value) {  // which holds every integer of 64 bits

  const unsigned sign = std::signbit(value) ? 0x8000 : 0;
  const long double size = std::fabs(value);
  unsigned low = 0;
  unsigned high = kInfinity<Format>;
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (size >= value_of<Format>(middle) ? low : high) = middle;
  }
  const long double halfway = (value_of<Format>(low) + value_of<Format>(high)) / 2;
  const bool up = size > halfway || (size == halfway && low % 2 == 1);
  return static_cast<std::uint16_t>(sign | (up ? high : low));
}

}  // namespace

TEST_CASE_TEMPLATE("half: every one becomes the float that it is, and back", Format, HalfFormat, BFloat16Format) {
  for (unsigned bits = 0; bits < 0x8000; ++bits) {
    CAPTURE(bits);
    for (const unsigned sign : {0U, 0x8000U}) {
      const float value = widen(typename Format::Type{static_cast<std::uint16_t>(bits | sign)});
      if (bits > kInfinity<Format>) {
        REQUIRE(std::isnan(value));
        REQUIRE((Format::from(value).bits & 0x7fff) > kInfinity<Format>);
        continue;
      }
      const double expected =
          bits == kInfinity<Format> ? std::numeric_limits<double>::infinity() : value_of<Format>(bits);
      REQUIRE(static_cast<double>(std::fabs(value)) == expected);
      REQUIRE(std::signbit(value) == (sign != 0));
      REQUIRE(Format::from(value).bits == (bits | sign));
    }
  }
}

TEST_CASE_TEMPLATE("half: a float is rounded to the nearest", Format, HalfFormat, BFloat16Format) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const float value = i % 2 == 0
                            ? std::bit_cast<float>(static_cast<std::uint32_t>(random()))
                            : std::ldexp(static_cast<float>(random() % 8192), static_cast<int>(random() % 50) - 38);
    if (std::isnan(value) || std::isinf(value)) continue;
    CAPTURE(value);
    REQUIRE(Format::from(value).bits == nearest<Format>(value));
  }
}

TEST_CASE_TEMPLATE("half: wider numbers are rounded as if once", Format, HalfFormat, BFloat16Format) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    // Near the middle between two of them, and a little aside.
    const auto bits = static_cast<unsigned>(random() % kInfinity<Format>);
    const double middle = (value_of<Format>(bits) + value_of<Format>(bits + 1)) / 2;
    for (const double value : {middle, std::nextafter(middle, 0.0), std::nextafter(middle, 1e39), -middle}) {
      CAPTURE(value);
      REQUIRE(Format::from(to_odd(value)).bits == nearest<Format>(value));
    }
  }
  for (int i = 0; i < 100'000; ++i) {
    const auto value = static_cast<std::int64_t>(random() >> random() % 64);
    CAPTURE(value);
    REQUIRE(Format::from(to_odd(to_odd_double(value))).bits == nearest<Format>(value));
    const auto large = static_cast<std::uint64_t>(random());
    CAPTURE(large);
    REQUIRE(Format::from(to_odd(to_odd_double(large))).bits == nearest<Format>(large));
  }
  // 2^62 and half of the distance to the next bfloat16, and one more than that.
  const std::int64_t middle = (std::int64_t{1} << 62) + (std::int64_t{1} << 54);
  CHECK(to_bfloat16(to_odd(to_odd_double(middle))).bits == 0x5e80);
  CHECK(to_bfloat16(to_odd(to_odd_double(middle + 1))).bits == 0x5e81);
  CHECK(to_bfloat16(to_odd(to_odd_double(static_cast<std::uint64_t>(middle) + 1))).bits == 0x5e81);
}
