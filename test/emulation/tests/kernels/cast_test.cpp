// Every type to every other, against what the definition gives: a number goes by way of a long double, which holds all
// of them exactly, and to a 16-bit float by looking for the nearest of all there are.
#include "cuda/kernels/cast.h"

#include <algorithm>
#include <string>
#include <type_traits>

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64, "a long double must hold every 64-bit integer");

struct Half {
  static constexpr int kMantissa = 10;
  static constexpr int kExponent = 5;
  std::uint16_t bits;
};
struct BFloat {
  static constexpr int kMantissa = 7;
  static constexpr int kExponent = 8;
  std::uint16_t bits;
};
struct Truth {
  std::uint8_t byte;
};
template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat>;
template <typename T>
inline constexpr bool kIsFloat = kIsHalf<T> || std::is_floating_point_v<T>;

// A 16-bit float's value; infinity counts as the power of two after the largest number.
template <typename T>
long double magnitude_of(unsigned bits) {
  const int exponent = static_cast<int>(bits >> T::kMantissa);
  const auto mantissa = static_cast<long double>(bits & ((1U << T::kMantissa) - 1));
  const long double one = std::ldexp(1.0L, T::kMantissa);
  const int bias = (1 << (T::kExponent - 1)) - 1;
  return exponent == 0 ? std::ldexp(mantissa, 1 - bias - T::kMantissa)
                       : std::ldexp(one + mantissa, exponent - bias - T::kMantissa);
}

template <typename T>
T nearest(long double value) {
  constexpr unsigned kInfinity = ((1U << T::kExponent) - 1) << T::kMantissa;
  const unsigned sign = std::signbit(value) ? 0x8000U : 0U;
  const long double size = std::abs(value);
  if (std::isnan(value)) return T{static_cast<std::uint16_t>(kInfinity | 1)};
  unsigned low = 0;  // the last one that is not above
  unsigned high = kInfinity;
  if (size >= magnitude_of<T>(kInfinity)) return T{static_cast<std::uint16_t>(sign | kInfinity)};
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (magnitude_of<T>(middle) <= size ? low : high) = middle;
  }
  const long double below = size - magnitude_of<T>(low);
  const long double above = magnitude_of<T>(high) - size;
  const bool up = above < below || (above == below && low % 2 == 1);
  return T{static_cast<std::uint16_t>(sign | (up ? high : low))};
}

template <typename T>
long double exact(T value) {
  if constexpr (kIsHalf<T>) {
    const unsigned size = value.bits & 0x7fffU;
    constexpr unsigned kInfinity = ((1U << T::kExponent) - 1) << T::kMantissa;
    const long double sign = (value.bits & 0x8000U) != 0 ? -1.0L : 1.0L;
    if (size > kInfinity) return std::numeric_limits<long double>::quiet_NaN();
    return sign * (size == kInfinity ? std::numeric_limits<long double>::infinity() : magnitude_of<T>(size));
  } else if constexpr (std::is_same_v<T, Truth>) {
    return value.byte != 0 ? 1.0L : 0.0L;
  } else {
    return static_cast<long double>(value);
  }
}

template <typename To, typename From>
To reference(From from) {
  const long double value = exact(from);
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (std::is_same_v<To, Truth>) {
    return Truth{static_cast<std::uint8_t>(value != 0.0L ? 1 : 0)};
  } else if constexpr (kIsHalf<To>) {
    return nearest<To>(value);
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (kIsFloat<From>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(value)) return 0;
    const long double whole = std::trunc(value);
    if (whole <= static_cast<long double>(Limits::min())) return Limits::min();
    if (whole >= static_cast<long double>(Limits::max())) return Limits::max();
    return static_cast<To>(whole);
  } else if constexpr (std::is_same_v<From, Truth>) {
    return static_cast<To>(from.byte != 0 ? 1 : 0);
  } else {
    return static_cast<To>(from);
  }
}

template <typename T>
bool equal(T a, T b) {
  if constexpr (kIsFloat<T>) {
    if (std::isnan(exact(a)) && std::isnan(exact(b))) return true;
  }
  return same_bits(a, b);
}

// Numbers of all sizes: any bits, near powers of two, halfway between neighbours of narrower types, around the limits.
template <typename T>
T any_number(Random& random) {
  if constexpr (std::is_same_v<T, Truth>) {
    return Truth{static_cast<std::uint8_t>(between(random, 0, 1))};
  } else if constexpr (kIsHalf<T>) {
    return T{static_cast<std::uint16_t>(random())};
  } else if constexpr (std::is_floating_point_v<T>) {
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> bits = 0;
    const auto kind = between(random, 0, 5);
    T value = random_values<T>(random, 1, Values::Special)[0];
    if (kind == 0) return value;
    if (kind == 1) {
      bits = static_cast<decltype(bits)>(random());
      std::memcpy(&value, &bits, sizeof(T));
      return value;
    }
    // Few bits, and perhaps the smallest change: the ties of 16-bit floats and those next to them.
    const auto mantissa = static_cast<T>(between(random, -4096, 4096));
    value = std::ldexp(mantissa, static_cast<int>(between(random, kind == 2 ? -150 : -30, kind == 2 ? 130 : 55)));
    if (kind == 3) value = std::nextafter(value, T{0});
    if (kind == 4) value = std::nextafter(value, std::numeric_limits<T>::infinity());
    return value;
  } else {
    const auto shift = static_cast<int>(between(random, 0, 63));
    const auto bits = (random() >> shift) + static_cast<std::uint64_t>(between(random, -1, 1));
    const auto kind = between(random, 0, 3);
    if (kind == 0) return static_cast<T>(bits);
    if (kind == 1) return static_cast<T>(std::uint64_t{0} - bits);
    if (kind == 2)
      return static_cast<T>((std::uint64_t{1} << shift) + static_cast<std::uint64_t>(between(random, -1, 1)));
    return static_cast<T>(((std::uint64_t{0x8080} + random() % 0x8000) << shift >> 8) +
                          static_cast<std::uint64_t>(between(random, -1, 1)));
  }
}

template <typename T>
struct Type {
  using type = T;
};

template <typename Run>
void for_each_type(Run run) {
  run(DType::Float32, Type<float>{});
  run(DType::Float64, Type<double>{});
  run(DType::Float16, Type<Half>{});
  run(DType::BFloat16, Type<BFloat>{});
  run(DType::Int8, Type<std::int8_t>{});
  run(DType::Int16, Type<std::int16_t>{});
  run(DType::Int32, Type<std::int32_t>{});
  run(DType::Int64, Type<std::int64_t>{});
  run(DType::UInt8, Type<std::uint8_t>{});
  run(DType::UInt16, Type<std::uint16_t>{});
  run(DType::UInt32, Type<std::uint32_t>{});
  run(DType::UInt64, Type<std::uint64_t>{});
  run(DType::Bool, Type<Truth>{});
}

template <typename From, typename To>
void check_cast(const Stream& stream, DType from_type, DType to_type, const std::vector<From>& from,
                std::size_t from_at, std::size_t to_at) {
  const std::string what = std::string(dtype_name(from_type)) + " to " + std::string(dtype_name(to_type));
  CAPTURE(what);
  CAPTURE(from.size());
  CAPTURE(from_at);
  CAPTURE(to_at);
  const Array<From> source(stream, from, from_at * sizeof(From));
  const Array<To> target(stream, from.size(), to_at * sizeof(To));
  cuda::cast(stream, from_type, source.data(), to_type, target.data(), static_cast<std::int64_t>(from.size()));
  const std::vector<To> result = target.fetch();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (equal(result[i], reference<To>(from[i]))) continue;
    const auto value = static_cast<double>(exact(from[i]));
    const auto got = static_cast<double>(exact(result[i]));
    const auto expected = static_cast<double>(exact(reference<To>(from[i])));
    FAIL_CHECK("element " << i << ", " << value << ", became " << got << " instead of " << expected);
    return;
  }
}

TEST_CASE("kernels: every type is converted to every other as the definition says") {
  Random random(8);
  const Stream stream;
  const std::int64_t count = kSpeed == 0 ? 3001 : 20'011;
  for_each_type([&](DType from_type, auto source) {
    using From = typename decltype(source)::type;
    std::vector<From> from(static_cast<std::size_t>(count));
    for (From& value : from) value = any_number<From>(random);
    for_each_type([&](DType to_type, auto target) {
      using To = typename decltype(target)::type;
      check_cast<From, To>(stream, from_type, to_type, from, 0, 0);
    });
  });
}

TEST_CASE("kernels: casts take any length and any place") {
  Random random(9);
  const Stream stream;
  for_each_type([&](DType from_type, auto source) {
    using From = typename decltype(source)::type;
    for_each_type([&](DType to_type, auto target) {
      using To = typename decltype(target)::type;
      for (int i = 0; i < 4; ++i) {
        std::vector<From> from(static_cast<std::size_t>(i == 0 ? between(random, 0, 3) : any_size(random, 300)));
        for (From& value : from) value = any_number<From>(random);
        check_cast<From, To>(stream, from_type, to_type, from, static_cast<std::size_t>(between(random, 0, 1)),
                             static_cast<std::size_t>(between(random, 0, 1)));
      }
    });
  });
}

TEST_CASE("kernels: every 16-bit float is converted") {
  if (kSpeed == 0) return;
  const Stream stream;
  std::vector<Half> half(65536);
  std::vector<BFloat> bfloat(65536);
  for (unsigned i = 0; i < 65536; ++i) {
    half[i].bits = static_cast<std::uint16_t>(i);
    bfloat[i].bits = static_cast<std::uint16_t>(i);
  }
  for_each_type([&](DType to_type, auto target) {
    using To = typename decltype(target)::type;
    check_cast<Half, To>(stream, DType::Float16, to_type, half, 0, 0);
    check_cast<BFloat, To>(stream, DType::BFloat16, to_type, bfloat, 0, 0);
  });
}

TEST_CASE("kernels: a cast of more elements than the grid has threads") {
  if (kSpeed == 0) return;
  Random random(10);
  const Stream stream;
  std::vector<std::uint8_t> from = random_bytes(random, 17'000'000);
  check_cast<std::uint8_t, std::int8_t>(stream, DType::UInt8, DType::Int8, from, 1, 0);
}

TEST_CASE("kernels: cast refuses types without a conversion") {
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::String, nullptr, DType::Float32, nullptr, 1), Error);
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::Float32, nullptr, DType::Int4, nullptr, 1), Error);
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::Float8E4M3FN, nullptr, DType::Float32, nullptr, 0), Error);
}

}  // namespace
}  // namespace tensorlane::test
