#include "json/element.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>
#include <type_traits>

#include "cpu/ops/half.h"

namespace tensorlane::json {
namespace {

constexpr std::array<std::string_view, 5> kWords{"NaN", "Infinity", "-Infinity", "true", "false"};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_word(char c) noexcept { return c == 'N' || c == 'I' || c == 't' || c == 'f'; }

// Whether a number that no double is near enough to is a large one, and not a small one: the place of its first digit that is not 0
// says so.
bool is_large(std::string_view number) noexcept {
  constexpr std::int64_t kBeyondAny = std::int64_t{1} << 50U;  // as many digits as no text has
  std::int64_t place = 0;
  bool begun = false;
  bool behind_point = false;
  std::size_t at = 0;
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.') behind_point = true;
    if (!is_digit(number[at])) continue;
    begun = begun || number[at] != '0';
    if (begun && !behind_point) ++place;
    if (!begun && behind_point) --place;
  }
  if (at < number.size()) ++at;
  if (at < number.size() && number[at] == '+') ++at;
  std::int64_t exponent = 0;
  const auto read = std::from_chars(number.data() + at, number.data() + number.size(), exponent);
  if (read.ec == std::errc::result_out_of_range) return number[at] != '-';
  if (exponent > kBeyondAny || exponent < -kBeyondAny) return exponent > 0;
  return place + exponent > 0;
}

template <typename T>
bool put(T value, std::byte* to) noexcept {
  std::memcpy(to, &value, sizeof(T));
  return true;
}

bool is_bool(std::string_view text) noexcept { return text == "true" || text == "false"; }

template <typename T>
bool store_integer(const Element& element, std::byte* to) noexcept {
  if (is_bool(element.text)) return false;
  const double value = to_double(element.text);
  const bool is_in_range = value >= static_cast<double>(std::numeric_limits<T>::min()) &&
                           value <= static_cast<double>(std::numeric_limits<T>::max());
  return is_in_range && value == std::trunc(value) && put(static_cast<T>(value), to);
}

// What has a point or an exponent is a double's, and so an integer only as far as a double counts.
template <typename T>
bool store_long(const Element& element, std::byte* to) noexcept {
  constexpr double kSafe = 9007199254740991.0;  // Number.MAX_SAFE_INTEGER
  if (is_bool(element.text)) return false;
  if (!element.is_whole) {
    const double value = to_double(element.text);
    if (!(std::fabs(value) <= kSafe) || value != std::trunc(value)) return false;
    if (std::is_unsigned_v<T> && value < 0) return false;
    return put(static_cast<T>(value), to);
  }
  if (std::is_unsigned_v<T> && element.text == "-0") return put(T{0}, to);
  T value = 0;
  const char* const end = element.text.data() + element.text.size();
  const auto read = std::from_chars(element.text.data(), end, value);
  return read.ec == std::errc{} && read.ptr == end && put(value, to);
}

bool store_bool(const Element& element, std::byte* to) noexcept {
  const double value = to_double(element.text);
  return (value == 0 || value == 1) && put(static_cast<std::uint8_t>(value), to);
}

// `most`: from where on the nearest of the type would be an infinity.
template <typename Round>
bool store_float(const Element& element, double most, std::byte* to, Round round) noexcept {
  if (is_bool(element.text)) return false;
  const double value = to_double(element.text);
  if (std::isfinite(value) && !(std::fabs(value) < most)) return false;
  return put(round(value), to);
}

bool store_float64(const Element& element, std::byte* to) noexcept {
  return store_float(element, std::numeric_limits<double>::infinity(), to, [](double value) { return value; });
}

bool store_float32(const Element& element, std::byte* to) noexcept {
  return store_float(element, 0x1.ffffffp127, to, [](double value) { return static_cast<float>(value); });
}

bool store_float16(const Element& element, std::byte* to) noexcept {
  constexpr std::uint16_t kNan = 0x7e00;
  return store_float(element, 65520, to,
                     [](double value) { return std::isnan(value) ? kNan : cpu::to_half(cpu::to_odd(value)).bits; });
}

bool store_bfloat16(const Element& element, std::byte* to) noexcept {
  constexpr std::uint16_t kNan = 0x7fc0;
  return store_float(element, 0x1.ffp127, to,
                     [](double value) { return std::isnan(value) ? kNan : cpu::to_bfloat16(cpu::to_odd(value)).bits; });
}

}  // namespace

Element scan_element(std::string_view text) noexcept {
  const std::size_t size = text.size();
  if (size == 0) return {};
  std::size_t at = text[0] == '-' ? 1 : 0;
  if (at == size || !is_digit(text[at])) {
    for (const std::string_view word : kWords) {
      if (text.starts_with(word)) return {word, false};
    }
    return {};
  }
  const auto skip_digits = [&] {
    const std::size_t from = at;
    while (at < size && is_digit(text[at])) ++at;
    return at > from;
  };
  if (text[at] == '0') {
    ++at;
    if (at < size && is_digit(text[at])) return {};
  } else {
    skip_digits();
  }
  bool is_whole = true;
  if (at < size && text[at] == '.') {
    is_whole = false;
    ++at;
    if (!skip_digits()) return {};
  }
  if (at < size && (text[at] == 'e' || text[at] == 'E')) {
    is_whole = false;
    ++at;
    if (at < size && (text[at] == '-' || text[at] == '+')) ++at;
    if (!skip_digits()) return {};
  }
  return {text.substr(0, at), is_whole};
}

double to_double(std::string_view element) noexcept {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool is_negative = element[0] == '-';
  if (is_word(element[is_negative ? 1 : 0])) {
    if (element == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (is_bool(element)) return element == "true" ? 1 : 0;
    return is_negative ? -kInfinity : kInfinity;
  }
  double value = 0;
  const auto read = std::from_chars(element.data(), element.data() + element.size(), value);
  if (read.ec == std::errc{}) return value;
  const double size = is_large(element.substr(is_negative ? 1 : 0)) ? kInfinity : 0.0;
  return is_negative ? -size : size;
}

Store store_of(DType type) noexcept {
  switch (type) {
    case DType::Float32:
      return store_float32;
    case DType::Float64:
      return store_float64;
    case DType::Float16:
      return store_float16;
    case DType::BFloat16:
      return store_bfloat16;
    case DType::Int8:
      return store_integer<std::int8_t>;
    case DType::Int16:
      return store_integer<std::int16_t>;
    case DType::Int32:
      return store_integer<std::int32_t>;
    case DType::Int64:
      return store_long<std::int64_t>;
    case DType::UInt8:
      return store_integer<std::uint8_t>;
    case DType::UInt16:
      return store_integer<std::uint16_t>;
    case DType::UInt32:
      return store_integer<std::uint32_t>;
    case DType::UInt64:
      return store_long<std::uint64_t>;
    case DType::Bool:
      return store_bool;
    default:
      return nullptr;
  }
}

}  // namespace tensorlane::json
