// Matrices for the tests of linear algebra, and what their results are measured with. Made and measured in double by
// plain loops, which share nothing with the library under test.
#pragma once

#include <algorithm>
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

Matrix transpose(const Matrix& a);
Matrix multiply(const Matrix& a, const Matrix& b);

// The 1-norm: the largest sum of a column's absolute values.
double norm(const Matrix& a);

Matrix subtract(Matrix a, const Matrix& b);
Matrix identity(std::int64_t size);

// How far the columns of q are from orthonormal: LAPACK's ratio |q^T q - 1| / (m eps).
double orthogonality(const Matrix& q, double eps);

Matrix diagonal(std::int64_t m, std::int64_t n, const std::vector<double>& values);

using Random = std::mt19937_64;

Matrix random_matrix(Random& random, std::int64_t m, std::int64_t n);

// m x n with orthonormal columns, n <= m.
Matrix random_orthonormal(Random& random, std::int64_t m, std::int64_t n);

// m x n with these min(m, n) singular values, between random orthogonal factors.
Matrix with_spectrum(Random& random, std::int64_t m, std::int64_t n, const std::vector<double>& spectrum);

}  // namespace tensorlane::test
