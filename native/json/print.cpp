#include "json/print.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/error.h"
#include "cpu/ops/half.h"

namespace tensorlane::json {
namespace {

using cpu::BFloat16;
using cpu::Half;

constexpr std::size_t kMostDigits = 40;  // characters of any number as std::to_chars writes it here
constexpr double kWholeBelow = 1e15;

template <typename... Arguments>
std::string_view write(std::array<char, kMostDigits>& to, Arguments... arguments) {
  const auto written = std::to_chars(to.data(), to.data() + to.size(), arguments...);
  return {to.data(), static_cast<std::size_t>(written.ptr - to.data())};
}

bool append_not_finite(std::string& to, double value) {
  if (std::isfinite(value)) return false;
  to += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  return true;
}

// ECMA-262, Number::toString: the digits d of the shortest d * 10^(n - k), where k is how many there are, laid out by n. But for -0,
// whose sign is kept.
template <typename Float>
void append_shortest(std::string& to, Float value) {
  if (append_not_finite(to, static_cast<double>(value))) return;
  if (std::signbit(value)) {
    to += '-';
    value = -value;
  }
  std::array<char, kMostDigits> buffer{};
  if (std::is_same_v<Float, float> && static_cast<double>(value) < kWholeBelow && value == std::trunc(value)) {
    to += write(buffer, static_cast<std::int64_t>(value));
    return;
  }
  const std::string_view written = write(buffer, value, std::chars_format::scientific);
  const std::size_t mark = written.find('e');
  std::array<char, kMostDigits> digits{};
  std::size_t k = 0;
  for (const char c : written.substr(0, mark)) {
    if (c != '.') digits.at(k++) = c;
  }
  int exponent = 0;
  const std::size_t sign = written[mark + 1] == '+' ? 1 : 0;  // which from_chars does not know
  std::from_chars(written.data() + mark + 1 + sign, written.data() + written.size(), exponent);
  const std::string_view all(digits.data(), k);
  const int n = exponent + 1;
  if (n > 21 || n <= -6) {
    to += all[0];
    if (k > 1) (to += '.') += all.substr(1);
    to += exponent < 0 ? "e-" : "e+";
    to += write(buffer, std::abs(exponent));
  } else if (n <= 0) {
    to += "0.";
    to.append(static_cast<std::size_t>(-n), '0') += all;
  } else if (k <= static_cast<std::size_t>(n)) {
    (to += all).append(static_cast<std::size_t>(n) - k, '0');
  } else {
    ((to += all.substr(0, static_cast<std::size_t>(n))) += '.') += all.substr(static_cast<std::size_t>(n));
  }
}

// C's %g. `most`: as many digits as always come back as the same.
template <typename Float>
void append_tensorflow(std::string& to, Float value, int most) {
  constexpr int kFew = 6;
  const auto wide = static_cast<double>(value);
  if (append_not_finite(to, wide)) return;
  std::array<char, kMostDigits> buffer{};
  std::string_view text = write(buffer, wide, std::chars_format::general, kFew);
  double back = 0;
  std::from_chars(text.data(), text.data() + text.size(), back);
  if (static_cast<Float>(back) != value) text = write(buffer, wide, std::chars_format::general, most);
  to += text;
  if (text.find_first_of(".e") == std::string_view::npos) to += ".0";
}

// An element of the type T, which lies anywhere. Half precision counts as the number that it is.
template <typename T>
void append(std::string& to, const std::byte* from, Style style) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (std::is_integral_v<T>) {
    std::array<char, kMostDigits> buffer{};
    to += write(buffer, value);
  } else if constexpr (!std::is_floating_point_v<T>) {
    const float wide = cpu::widen(value);
    if (style == Style::Shortest) return append_shortest(to, static_cast<double>(wide));
    append_tensorflow(to, wide, std::numeric_limits<float>::max_digits10);
  } else {
    if (style == Style::Shortest) return append_shortest(to, value);
    append_tensorflow(to, value, std::numeric_limits<T>::max_digits10);
  }
}

// A byte, of which any but 0 is true.
template <>
void append<bool>(std::string& to, const std::byte* from, Style /*style*/) {
  to += *from == std::byte{0} ? "false" : "true";
}

template <typename T>
class Printer {
 public:
  Printer(const std::byte* data, std::span<const std::int64_t> dims, const Format& format)
      : next_(data), dims_(dims), format_(format) {}

  Printed print(std::size_t elements) {
    // Most numbers have fewer characters than this with what parts them.
    printed_.text.reserve(elements * 12);
    if (format_.layout == Layout::Flat) {
      for (std::size_t i = 0; i < elements; ++i) {
        if (i > 0) printed_.text += ',';
        element();
      }
    } else if (format_.layout == Layout::Rows) {
      for (std::int64_t i = 0; i < dims_[0]; ++i) {
        if (i > 0) printed_.text += ", ";
        within(1);
        printed_.ends.push_back(static_cast<double>(printed_.text.size()));
      }
    } else {
      within(0);
    }
    return std::move(printed_);
  }

 private:
  // What is within one place of the dimensions before `level`.
  void within(std::size_t level) {
    if (level == dims_.size()) return element();
    const bool has_lines = format_.layout == Layout::Lines;
    std::string& text = printed_.text;
    text += '[';
    for (std::int64_t i = 0; i < dims_[level]; ++i) {
      if (i > 0) text += has_lines ? "," : ", ";
      if (has_lines) line(level + 1);
      within(level + 1);
    }
    if (has_lines && dims_[level] > 0) line(level);
    text += ']';
  }

  void line(std::size_t level) {
    printed_.text += '\n';
    printed_.text.append((format_.indent + level) * 4, ' ');
  }

  void element() {
    append<T>(printed_.text, next_, format_.style);
    next_ += sizeof(T);
  }

  const std::byte* next_;
  std::span<const std::int64_t> dims_;
  const Format& format_;
  Printed printed_;
};

// Errors: Shape.
std::size_t count_elements(std::span<const std::int64_t> dims) {
  // Also of arrays that hold nothing, whose brackets are printed.
  constexpr std::size_t kMost = std::size_t{1} << 40U;
  std::size_t count = 1;
  bool is_empty = false;
  for (const std::int64_t dim : dims) {
    if (dim < 0 || static_cast<std::size_t>(dim) > kMost / count) throw Error(Code::Shape, "dims are out of range");
    if (dim == 0) is_empty = true;
    if (dim > 0) count *= static_cast<std::size_t>(dim);
  }
  return is_empty ? 0 : count;
}

}  // namespace

Printed print_numbers(DType type, std::span<const std::byte> data, std::span<const std::int64_t> dims,
                      const Format& format) {
  if (format.layout == Layout::Rows && dims.empty()) throw Error(Code::Shape, "a scalar has no rows");
  const auto print = [&]<typename T>(std::type_identity<T>) {
    const std::size_t elements = count_elements(dims);
    if (elements * sizeof(T) != data.size()) throw Error(Code::Shape, "the data are not of these dims");
    return Printer<T>(data.data(), dims, format).print(elements);
  };
  switch (type) {
    case DType::Float32:
      return print(std::type_identity<float>{});
    case DType::Float64:
      return print(std::type_identity<double>{});
    case DType::Float16:
      return print(std::type_identity<Half>{});
    case DType::BFloat16:
      return print(std::type_identity<BFloat16>{});
    case DType::Int8:
      return print(std::type_identity<std::int8_t>{});
    case DType::Int16:
      return print(std::type_identity<std::int16_t>{});
    case DType::Int32:
      return print(std::type_identity<std::int32_t>{});
    case DType::Int64:
      return print(std::type_identity<std::int64_t>{});
    case DType::UInt8:
      return print(std::type_identity<std::uint8_t>{});
    case DType::UInt16:
      return print(std::type_identity<std::uint16_t>{});
    case DType::UInt32:
      return print(std::type_identity<std::uint32_t>{});
    case DType::UInt64:
      return print(std::type_identity<std::uint64_t>{});
    case DType::Bool:
      return print(std::type_identity<bool>{});
    default:
      throw Error(Code::NotSupported, "JSON has no numbers for elements of " + std::string(dtype_name(type)));
  }
}

}  // namespace tensorlane::json
