// Every type to every other, against what the definition gives: a number goes by way of a long double, which holds all
// of them exactly, and to a 16-bit float by looking for the nearest of all there are.
#include "cuda/kernels/cast.h"

#include <algorithm>
#include <functional>
#include <optional>
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

template <typename To>
To reference(long double value, bool of_float) {
  if constexpr (std::is_same_v<To, Truth>) {
    return Truth{static_cast<std::uint8_t>(value != 0.0L ? 1 : 0)};
  } else if constexpr (kIsHalf<To>) {
    return nearest<To>(value);
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if (of_float) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(value)) return 0;
    const long double whole = std::trunc(value);
    if (whole <= static_cast<long double>(Limits::min())) return Limits::min();
    if (whole >= static_cast<long double>(Limits::max())) return Limits::max();
    return static_cast<To>(whole);
  } else {
    // Integers lose their upper bits.
    const auto size = static_cast<std::uint64_t>(std::abs(value));
    return static_cast<To>(value < 0 ? std::uint64_t{0} - size : size);
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

// Numbers on the device, whatever their type: what is done for every pair of types is compiled once.
struct Source {
  DType type;
  bool is_float;
  std::size_t count;
  std::size_t at;
  const void* data;
  std::function<long double(std::size_t)> exact;
};

template <typename T>
void give(const Stream& stream, DType type, const std::vector<T>& numbers, std::size_t at,
          const std::function<void(const Source&)>& use) {
  const Array<T> array(stream, numbers, at * sizeof(T));
  use({type, kIsFloat<T>, numbers.size(), at, array.data(), [&](std::size_t i) { return exact(numbers[i]); }});
}

// The first element that is not what it should be.
struct Wrong {
  std::size_t element;
  long double got;
  long double expected;
};

template <typename T>
std::optional<Wrong> cast_to(const Stream& stream, const Source& source, DType type, std::size_t at) {
  const Array<T> target(stream, source.count, at * sizeof(T));
  cuda::cast(stream, source.type, source.data, type, target.data(), static_cast<std::int64_t>(source.count));
  const std::vector<T> result = target.fetch();
  for (std::size_t i = 0; i < source.count; ++i) {
    const T expected = reference<T>(source.exact(i), source.is_float);
    if (!equal(result[i], expected)) return Wrong{i, exact(result[i]), exact(expected)};
  }
  return std::nullopt;
}

struct Type {
  DType type;
  void (*give_any)(const Stream&, DType, Random&, std::size_t count, std::size_t at,
                   const std::function<void(const Source&)>& use);
  std::optional<Wrong> (*cast_to)(const Stream&, const Source&, DType, std::size_t at);
};

template <typename T>
Type type_of(DType type) {
  return {type,
          [](const Stream& stream, DType of, Random& random, std::size_t count, std::size_t at,
             const std::function<void(const Source&)>& use) {
            std::vector<T> numbers(count);
            for (T& number : numbers) number = any_number<T>(random);
            give(stream, of, numbers, at, use);
          },
          cast_to<T>};
}

const Type kTypes[] = {
    type_of<float>(DType::Float32),        type_of<double>(DType::Float64),       type_of<Half>(DType::Float16),
    type_of<BFloat>(DType::BFloat16),      type_of<std::int8_t>(DType::Int8),     type_of<std::int16_t>(DType::Int16),
    type_of<std::int32_t>(DType::Int32),   type_of<std::int64_t>(DType::Int64),   type_of<std::uint8_t>(DType::UInt8),
    type_of<std::uint16_t>(DType::UInt16), type_of<std::uint32_t>(DType::UInt32), type_of<std::uint64_t>(DType::UInt64),
    type_of<Truth>(DType::Bool),
};

void check_cast(const Stream& stream, const Source& source, const Type& to, std::size_t to_at) {
  const std::string what = std::string(dtype_name(source.type)) + " to " + std::string(dtype_name(to.type));
  CAPTURE(what);
  CAPTURE(source.count);
  CAPTURE(source.at);
  CAPTURE(to_at);
  const std::optional<Wrong> wrong = to.cast_to(stream, source, to.type, to_at);
  if (!wrong.has_value()) return;
  FAIL_CHECK("element " << wrong->element << ", " << static_cast<double>(source.exact(wrong->element)) << ", became "
                        << static_cast<double>(wrong->got) << " instead of " << static_cast<double>(wrong->expected));
}

TEST_CASE("kernels: every type is converted to every other as the definition says") {
  Random random(8);
  const Stream stream;
  for (const Type& from : kTypes) {
    from.give_any(stream, from.type, random, kSpeed == 0 ? 3001 : 20'011, 0, [&](const Source& source) {
      for (const Type& to : kTypes) check_cast(stream, source, to, 0);
    });
  }
}

TEST_CASE("kernels: casts take any length and any place") {
  Random random(9);
  const Stream stream;
  for (const Type& from : kTypes) {
    for (const Type& to : kTypes) {
      for (int i = 0; i < 4; ++i) {
        const auto count = static_cast<std::size_t>(i == 0 ? between(random, 0, 3) : any_size(random, 300));
        const auto from_at = static_cast<std::size_t>(between(random, 0, 1));
        const auto to_at = static_cast<std::size_t>(between(random, 0, 1));
        from.give_any(stream, from.type, random, count, from_at,
                      [&](const Source& source) { check_cast(stream, source, to, to_at); });
      }
    }
  }
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
  const auto to_all = [&](const Source& source) {
    for (const Type& to : kTypes) check_cast(stream, source, to, 0);
  };
  give(stream, DType::Float16, half, 0, to_all);
  give(stream, DType::BFloat16, bfloat, 0, to_all);
}

TEST_CASE("kernels: a cast of more elements than the grid has threads") {
  if (kSpeed == 0) return;
  Random random(10);
  const Stream stream;
  const Type to = type_of<std::int8_t>(DType::Int8);
  give(stream, DType::UInt8, random_bytes(random, 17'000'000), 1,
       [&](const Source& source) { check_cast(stream, source, to, 0); });
}

TEST_CASE("kernels: cast refuses types without a conversion") {
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::String, nullptr, DType::Float32, nullptr, 1), Error);
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::Float32, nullptr, DType::Int4, nullptr, 1), Error);
  CHECK_THROWS_AS(cuda::cast(nullptr, DType::Float8E4M3FN, nullptr, DType::Float32, nullptr, 0), Error);
}

}  // namespace
}  // namespace tensorlane::test
