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

namespace tensorlane::cpu {

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
      if (a[at] == 0) return;
      exponents[at] = std::ilogb(a[at]);
      rows_[i] = std::max(rows_[i], exponents[at]);
    });
    for_each(size, [&](std::size_t at, std::size_t i, std::size_t j) {
      if (exponents[at] != kNone) columns_[j] = std::max(columns_[j], exponents[at] - rows_[i]);
    });
    for (auto* all : {&rows_, &columns_}) std::ranges::replace(*all, kNone, 0);  // zeros alone
    for_each(size, [&](std::size_t at, std::size_t i, std::size_t j) {
      a[at] = std::ldexp(a[at], -(rows_[i] + columns_[j]));
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

// Whether elimination has kept its digits, by the pivots on the diagonal of its factors: none so small that rounding is
// absolute there, and none so small beside another one that the quotients of their rows vanish.
template <typename T>
[[nodiscard]] bool has_safe_pivots(const T* factors, std::int64_t size) {
  constexpr T kLeast = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  T smallest = std::numeric_limits<T>::max();
  T largest = 1;
  bool finite = true;
  for (std::int64_t i = 0; i < size; ++i) {
    const T pivot = std::abs(factors[i * (size + 1)]);
    finite = pivot <= std::numeric_limits<T>::max() && finite;
    smallest = pivot < smallest ? pivot : smallest;
    largest = pivot > largest ? pivot : largest;
  }
  return finite && smallest >= kLeast * largest;
}

// Whether one of so many elements is so small that what elimination takes from it may vanish: a pivot that came out 0 says nothing then.
template <typename T>
[[nodiscard]] bool has_tiny(const T* values, std::int64_t count) {
  constexpr T kLeast = std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon();
  return std::any_of(values, values + count, [](T value) { return value != 0 && std::abs(value) < kLeast; });
}

// That of the largest of so many elements; 0 of zeros alone.
template <typename T>
[[nodiscard]] int exponent_of_largest(const T* values, std::int64_t count) {
  T largest = 0;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest == 0 ? 0 : std::ilogb(largest);
}

}  // namespace tensorlane::cpu
