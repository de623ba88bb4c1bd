// Powers of two that bring the largest element of every row and of every column of a matrix near 1.
//
// OpenBLAS divides by a pivot p as it multiplies by 1/p, which is infinite where p is subnormal; what elimination adds up
// may overflow where neither the matrix nor the result does, and beside the smallest numbers it loses digits. So where
// LU factors come out infinite, NaN, or with pivots so small, the matrix is scaled to a' = 2^-row(i) a 2^-column(j),
// factorised once more, and the result scaled back. A power of two changes no digit, and an element that vanishes in it
// was nothing beside those of its row and column.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "cpu/linalg/finite.h"
#include "cpu/linalg/operation.h"

namespace tensorlane::cpu {

// How large a number is, to within a factor of two: that of the larger of its parts.
template <typename T>
[[nodiscard]] Real<T> magnitude(const T& value) {
  if constexpr (kIsComplex<T>) {
    return std::max(std::abs(value.real()), std::abs(value.imag()));
  } else {
    return std::abs(value);
  }
}

// Of what is not 0.
template <typename T>
[[nodiscard]] int exponent_of(const T& value) {
  return std::ilogb(magnitude(value));
}

template <typename T>
[[nodiscard]] T times_power_of_two(const T& value, int exponent) {
  if constexpr (kIsComplex<T>) {
    return {std::ldexp(value.real(), exponent), std::ldexp(value.imag(), exponent)};
  } else {
    return std::ldexp(value, exponent);
  }
}

// How a matrix lies: one row after the other, or one column.
enum class Layout { Rows, Columns };

class Equilibration {
 public:
  // Scales the finite matrix: first the rows, whatever the layout.
  template <typename T>
  Equilibration(T* a, std::int64_t size, Layout layout = Layout::Rows)
      : rows_(static_cast<std::size_t>(size), kNone), columns_(static_cast<std::size_t>(size), kNone), layout_(layout) {
    std::vector<int> exponents(static_cast<std::size_t>(size) * static_cast<std::size_t>(size), kNone);
    for_each(size, [&](std::size_t at, std::size_t i, std::size_t) {
      if (a[at] == T{0}) return;
      exponents[at] = exponent_of(a[at]);
      rows_[i] = std::max(rows_[i], exponents[at]);
    });
    for_each(size, [&](std::size_t at, std::size_t i, std::size_t j) {
      if (exponents[at] != kNone) columns_[j] = std::max(columns_[j], exponents[at] - rows_[i]);
    });
    for (auto* all : {&rows_, &columns_}) std::ranges::replace(*all, kNone, 0);  // zeros alone
    for_each(size, [&](std::size_t at, std::size_t i, std::size_t j) {
      a[at] = times_power_of_two(a[at], -(rows_[i] + columns_[j]));
    });
  }

  [[nodiscard]] int row(std::int64_t i) const { return rows_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] int column(std::int64_t j) const { return columns_[static_cast<std::size_t>(j)]; }
  // By which power of two the determinant became smaller.
  [[nodiscard]] std::int64_t total() const {
    std::int64_t sum = 0;
    for (const int exponent : rows_) sum += exponent;
    for (const int exponent : columns_) sum += exponent;
    return sum;
  }

 private:
  static constexpr int kNone = std::numeric_limits<int>::min();

  // With the row and the column of each element.
  template <typename Visit>
  void for_each(std::int64_t size, Visit visit) const {
    const auto n = static_cast<std::size_t>(size);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (layout_ == Layout::Rows) {
          visit(i * n + j, i, j);
        } else {
          visit(i * n + j, j, i);
        }
      }
    }
  }

  std::vector<int> rows_, columns_;
  Layout layout_;
};

// What is smaller has fewer digits than others, or its rounding error would be so.
template <typename T>
inline constexpr Real<T> kLeastWithAllDigits =
    std::numeric_limits<Real<T>>::min() / std::numeric_limits<Real<T>>::epsilon();

// Whether elimination has kept its digits, by the pivots on the diagonal of its factors: none so small that rounding is
// absolute there, none so small beside another one that the quotients of their rows vanish, and none so large that its inverse has lost some.
template <typename T>
[[nodiscard]] bool has_safe_pivots(const T* factors, std::int64_t size) {
  using Limits = std::numeric_limits<Real<T>>;
  Real<T> smallest = Limits::max();
  Real<T> largest = 1;
  for (std::int64_t i = 0; i < size; ++i) {
    const T& factor = factors[i * (size + 1)];
    if (!all_finite(&factor, 1)) return false;
    const Real<T> pivot = magnitude(factor);
    smallest = pivot < smallest ? pivot : smallest;
    largest = pivot > largest ? pivot : largest;
  }
  // That of a complex pivot is found by way of at most twice its larger part.
  constexpr Real<T> kMost = Real<T>{0.5} / Limits::min();
  return smallest >= kLeastWithAllDigits<T> * largest && largest <= kMost;
}

// Whether one of so many elements is so small that what elimination takes from it may vanish: a pivot that came out 0 says nothing then.
template <typename T>
[[nodiscard]] bool has_tiny(const T* values, std::int64_t count) {
  return std::any_of(values, values + count,
                     [](const T& value) { return value != T{0} && magnitude(value) < kLeastWithAllDigits<T>; });
}

// That of the largest of so many elements; 0 of zeros alone.
template <typename T>
[[nodiscard]] int exponent_of_largest(const T* values, std::int64_t count) {
  Real<T> largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, magnitude(values[i]));
  return largest == 0 ? 0 : std::ilogb(largest);
}

}  // namespace tensorlane::cpu
