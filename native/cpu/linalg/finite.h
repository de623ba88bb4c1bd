// Copies a matrix and says whether all of it is finite, in one pass.
//
// LAPACK may loop for ever on an Inf and silently drop a NaN, so nothing reaches it unchecked. It is the copy that is
// checked: the source may be memory that its owner changes meanwhile.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tensorlane::cpu {

// Whether all of it is.
template <typename T>
[[nodiscard]] bool all_finite(const T* values, std::size_t count) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits kExponent = sizeof(T) == 4 ? Bits{0x7f800000U} : static_cast<Bits>(0x7ff0000000000000ULL);
  Bits bad = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, values + i, sizeof(T));
    bad |= static_cast<Bits>((bits & kExponent) == kExponent);  // all exponent bits set: NaN or infinite
  }
  return bad == 0;
}

// Of both parts of each.
template <typename T>
[[nodiscard]] bool all_finite(const std::complex<T>* values, std::size_t count) {
  return all_finite(reinterpret_cast<const T*>(values), 2 * count);
}

template <typename T>
[[nodiscard]] bool copy_finite(const T* from, T* to, std::size_t count) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>);
  constexpr std::size_t kBlock = 4096;  // stays in the first-level cache between the copy and the check
  bool finite = true;
  for (std::size_t start = 0; start < count; start += kBlock) {
    const std::size_t size = count - start < kBlock ? count - start : kBlock;
    std::memcpy(to + start, from + start, size * sizeof(T));
    finite = all_finite(to + start, size) && finite;
  }
  return finite;
}

template <typename T>
[[nodiscard]] bool copy_finite(const std::complex<T>* from, std::complex<T>* to, std::size_t count) {
  return copy_finite(reinterpret_cast<const T*>(from), reinterpret_cast<T*>(to), 2 * count);
}

// The same for the lower triangle of a row-major square matrix alone; zeros go where the upper one would.
template <typename T>
[[nodiscard]] bool copy_finite_lower(const T* from, T* to, std::size_t size) {
  bool finite = true;
  for (std::size_t row = 0; row < size; ++row) {
    finite = copy_finite(from + row * size, to + row * size, row + 1) && finite;
    std::fill_n(to + row * size + row + 1, size - row - 1, T{0});
  }
  return finite;
}

}  // namespace tensorlane::cpu
