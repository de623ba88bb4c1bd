// Whether the vectors of a decomposition are orthonormal, at a cost that is small beside the decomposition's.
//
// With q^T q = 1 + E, the product of q^T q with a vector of signs differs from that vector by the sums of E's rows under
// those signs: a column that is far from unit length, or from being orthogonal to another one, shows, but for sums that
// cancel. That takes four operations an element, where q^T q itself would take as many as there are columns. The signs
// are the same in every run, and so is the answer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tensorlane::cpu {

// Its sums are kept apart, so that the compiler may take several at a time.
template <typename T>
[[nodiscard]] T dot(const T* a, const T* b, std::int64_t count) {
  constexpr int kApart = 8;
  T sum = 0;
  std::int64_t i = 0;
  if (count >= kApart) {
    T sums[kApart] = {};
    for (; i + kApart <= count; i += kApart) {
      for (int j = 0; j < kApart; ++j) sums[j] += a[i + j] * b[i + j];
    }
    for (const T one : sums) sum += one;
  }
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

template <typename T>
void add_multiple(T factor, const T* from, T* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += factor * from[i];
}

// The elements of workspace that the two below need, for a matrix whose longer side is this.
constexpr std::int64_t orthonormal_work(std::int64_t longer) { return 2 * longer; }

template <typename T>
void set_signs(T* signs, std::int64_t count) {
  std::uint64_t state = 0x9e3779b97f4a7c15ULL;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    signs[i] = (state >> 63U) != 0 ? T{1} : T{-1};
  }
}

// That `image` is `signs` but for rounding; LAPACK's own threshold. What is not finite is not.
template <typename T>
[[nodiscard]] bool is_image(const T* image, const T* signs, std::int64_t count, std::int64_t length) {
  const T tolerance = T{50} * static_cast<T>(length) * std::numeric_limits<T>::epsilon();
  bool all = true;
  for (std::int64_t i = 0; i < count; ++i) all = (std::abs(image[i] - signs[i]) <= tolerance) && all;
  return all;
}

// rows x columns, row-major, rows >= columns: whether its columns are orthonormal.
template <typename T>
[[nodiscard]] bool has_orthonormal_columns(const T* q, std::int64_t rows, std::int64_t columns, T* work) {
  T* signs = work;
  T* image = work + columns;
  set_signs(signs, columns);
  std::fill_n(image, columns, T{0});
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = q + i * columns;
    add_multiple(dot(row, signs, columns), row, image, columns);
  }
  return is_image(image, signs, columns, rows);
}

// rows x columns, row-major, rows <= columns: whether its rows are orthonormal.
template <typename T>
[[nodiscard]] bool has_orthonormal_rows(const T* q, std::int64_t rows, std::int64_t columns, T* work) {
  if (rows == columns) return has_orthonormal_columns(q, rows, columns, work);  // the same, in one pass
  T* signs = work;
  T* sum = work + rows;
  set_signs(signs, rows);
  std::fill_n(sum, columns, T{0});
  for (std::int64_t i = 0; i < rows; ++i) add_multiple(signs[i], q + i * columns, sum, columns);
  const T tolerance = T{50} * static_cast<T>(columns) * std::numeric_limits<T>::epsilon();
  bool all = true;
  for (std::int64_t i = 0; i < rows; ++i) {
    all = (std::abs(dot(q + i * columns, sum, columns) - signs[i]) <= tolerance) && all;
  }
  return all;
}

}  // namespace tensorlane::cpu
