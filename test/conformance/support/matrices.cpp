#include "support/matrices.h"

#include <cmath>

namespace tensorlane::test {

Matrix transpose(const Matrix& a) {
  Matrix result(a.n, a.m);
  for (std::int64_t i = 0; i < a.m; ++i) {
    for (std::int64_t j = 0; j < a.n; ++j) result(j, i) = a(i, j);
  }
  return result;
}

Matrix multiply(const Matrix& a, const Matrix& b) {
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

double norm(const Matrix& a) {
  std::vector<double> sums(static_cast<std::size_t>(a.n), 0.0);
  for (std::int64_t i = 0; i < a.m; ++i) {
    for (std::int64_t j = 0; j < a.n; ++j) sums[static_cast<std::size_t>(j)] += std::abs(a(i, j));
  }
  return sums.empty() ? 0.0 : *std::ranges::max_element(sums);
}

Matrix subtract(Matrix a, const Matrix& b) {
  for (std::size_t i = 0; i < a.data.size(); ++i) a.data[i] -= b.data[i];
  return a;
}

Matrix identity(std::int64_t size) {
  Matrix result(size, size);
  for (std::int64_t i = 0; i < size; ++i) result(i, i) = 1;
  return result;
}

double orthogonality(const Matrix& q, double eps) {
  if (q.data.empty()) return 0;
  return norm(subtract(multiply(transpose(q), q), identity(q.n))) / (static_cast<double>(q.m) * eps);
}

Matrix diagonal(std::int64_t m, std::int64_t n, const std::vector<double>& values) {
  Matrix result(m, n);
  for (std::size_t i = 0; i < values.size(); ++i) {
    result(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i)) = values[i];
  }
  return result;
}

Matrix random_matrix(Random& random, std::int64_t m, std::int64_t n) {
  std::normal_distribution<double> normal;
  Matrix result(m, n);
  for (double& value : result.data) value = normal(random);
  return result;
}

// Random columns, each made orthogonal (twice, against rounding) to those before.
Matrix random_orthonormal(Random& random, std::int64_t m, std::int64_t n) {
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

Matrix with_spectrum(Random& random, std::int64_t m, std::int64_t n, const std::vector<double>& spectrum) {
  const std::int64_t k = std::min(m, n);
  const Matrix left = random_orthonormal(random, m, k);
  const Matrix right = random_orthonormal(random, n, k);
  return multiply(multiply(left, diagonal(k, k, spectrum)), transpose(right));
}

}  // namespace tensorlane::test
