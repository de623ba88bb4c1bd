// Matrices for the tests of linear algebra, and what their results are measured with. Made and measured in double by
// plain loops, which share nothing with the library under test.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "core/dtype.h"

namespace tensorlane::test {

template <typename T>
inline constexpr DType kDType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;

// What LAPACK's ratios of an error to what rounding explains must stay below.
inline constexpr double kThreshold = 50;

struct Matrix {
  Matrix() = default;
  Matrix(std::int64_t rows, std::int64_t columns)
      : m(rows), n(columns), data(static_cast<std::size_t>(rows * columns)) {}

  [[nodiscard]] double& operator()(std::int64_t i, std::int64_t j) { return data[static_cast<std::size_t>(i * n + j)]; }
  [[nodiscard]] double operator()(std::int64_t i, std::int64_t j) const {
    return data[static_cast<std::size_t>(i * n + j)];
  }

  std::int64_t m = 0;
  std::int64_t n = 0;
  std::vector<double> data;  // row-major
};

template <typename T>
Matrix widen(const T* data, std::int64_t m, std::int64_t n) {
  Matrix matrix(m, n);
  std::copy_n(data, m * n, matrix.data.begin());
  return matrix;
}

template <typename T>
std::vector<T> narrow(const Matrix& matrix) {
  std::vector<T> data(matrix.data.size());
  std::ranges::transform(matrix.data, data.begin(), [](double value) { return static_cast<T>(value); });
  return data;
}

// Matrices of the same size one after the other, as a batch.
template <typename T>
std::vector<T> narrow_all(const std::vector<Matrix>& matrices) {
  std::vector<T> all;
  for (const Matrix& matrix : matrices) {
    const std::vector<T> one = narrow<T>(matrix);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

inline Matrix transpose(const Matrix& a) {
  Matrix result(a.n, a.m);
  for (std::int64_t i = 0; i < a.m; ++i) {
    for (std::int64_t j = 0; j < a.n; ++j) result(j, i) = a(i, j);
  }
  return result;
}

// A third of what the suite of the SVD does, and not optimized: so it walks along the rows by pointers.
inline Matrix multiply(const Matrix& a, const Matrix& b) {
  Matrix result(a.m, b.n);
  for (std::int64_t i = 0; i < a.m; ++i) {
    double* const to = result.data.data() + i * b.n;
    for (std::int64_t l = 0; l < a.n; ++l) {
      const double factor = a(i, l);
      const double* const from = b.data.data() + l * b.n;
      for (std::int64_t j = 0; j < b.n; ++j) to[j] += factor * from[j];
    }
  }
  return result;
}

// The 1-norm: the largest sum of a column's absolute values.
inline double norm(const Matrix& a) {
  std::vector<double> sums(static_cast<std::size_t>(a.n), 0.0);
  for (std::int64_t i = 0; i < a.m; ++i) {
    for (std::int64_t j = 0; j < a.n; ++j) sums[static_cast<std::size_t>(j)] += std::abs(a(i, j));
  }
  return sums.empty() ? 0.0 : *std::ranges::max_element(sums);
}

inline Matrix subtract(Matrix a, const Matrix& b) {
  for (std::size_t i = 0; i < a.data.size(); ++i) a.data[i] -= b.data[i];
  return a;
}

inline Matrix identity(std::int64_t size) {
  Matrix result(size, size);
  for (std::int64_t i = 0; i < size; ++i) result(i, i) = 1;
  return result;
}

// How far the columns of q are from orthonormal: LAPACK's ratio |q^T q - 1| / (m eps).
inline double orthogonality(const Matrix& q, double eps) {
  if (q.data.empty()) return 0;
  return norm(subtract(multiply(transpose(q), q), identity(q.n))) / (static_cast<double>(q.m) * eps);
}

inline Matrix diagonal(std::int64_t m, std::int64_t n, const std::vector<double>& values) {
  Matrix result(m, n);
  for (std::size_t i = 0; i < values.size(); ++i) {
    result(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)) = values[i];
  }
  return result;
}

using Random = std::mt19937_64;

inline Matrix random_matrix(Random& random, std::int64_t m, std::int64_t n) {
  std::normal_distribution<double> normal;
  Matrix result(m, n);
  for (double& value : result.data) value = normal(random);
  return result;
}

// m x n with orthonormal columns, n <= m: random columns, each made orthogonal (twice, against rounding) to those
// before.
inline Matrix random_orthonormal(Random& random, std::int64_t m, std::int64_t n) {
  Matrix rows = random_matrix(random, n, m);  // as rows, where they lie together
  for (std::int64_t i = 0; i < n; ++i) {
    const auto dot = [&](std::int64_t a, std::int64_t b) {
      double sum = 0;
      for (std::int64_t j = 0; j < m; ++j) sum += rows(a, j) * rows(b, j);
      return sum;
    };
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t earlier = 0; earlier < i; ++earlier) {
        const double along = dot(i, earlier);
        for (std::int64_t j = 0; j < m; ++j) rows(i, j) -= along * rows(earlier, j);
      }
      const double length = std::sqrt(dot(i, i));
      for (std::int64_t j = 0; j < m; ++j) rows(i, j) /= length;
    }
  }
  return transpose(rows);
}

// m x n with these min(m, n) singular values, between random orthogonal factors.
inline Matrix with_spectrum(Random& random, std::int64_t m, std::int64_t n, const std::vector<double>& spectrum) {
  const std::int64_t k = std::min(m, n);
  const Matrix left = random_orthonormal(random, m, k);
  const Matrix right = random_orthonormal(random, n, k);
  return multiply(multiply(left, diagonal(k, k, spectrum)), transpose(right));
}

}  // namespace tensorlane::test
