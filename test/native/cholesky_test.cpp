// Cholesky factors, judged by LAPACK's ratio |A - L L^T| / (|A| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> factorise(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t n) {
  std::vector<T> l = unset<T>(batch * n * n);
  device.cholesky(lane, {kDType<T>, batch, n, operand(a), operand(l)});
  return l;
}

template <typename T>
void check_factor(const T* a_data, const T* l_data, std::int64_t n) {
  const Matrix a = widen(a_data, n, n);
  const Matrix l = widen(l_data, n, n);
  const double residual = norm(subtract(multiply(l, transpose(l)), a));
  const double size = norm(a) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
  CHECK_MESSAGE(std::isfinite(residual), "the factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "reconstruction: ratio " << residual / size);
  bool zeros = true;
  bool positive = true;
  for (std::int64_t i = 0; i < n; ++i) {
    positive = positive && l(i, i) > 0;
    for (std::int64_t j = i + 1; j < n; ++j) zeros = zeros && l(i, j) == 0;
  }
  CHECK_MESSAGE(zeros, "L is not zero above its diagonal");
  CHECK_MESSAGE(positive, "L's diagonal is not positive");
}

// Q diag(spectrum) Q^T, exactly symmetric.
Matrix definite(Random& random, const std::vector<double>& spectrum) {
  const auto n = static_cast<std::int64_t>(spectrum.size());
  const Matrix q = random_orthonormal(random, n, n);
  Matrix a = multiply(multiply(q, diagonal(n, n, spectrum)), transpose(q));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
  }
  return a;
}

// From 1 down to 1 / condition.
std::vector<double> geometric(std::int64_t n, double condition) {
  std::vector<double> values(static_cast<std::size_t>(n), 1);
  for (std::size_t i = 1; i < values.size(); ++i) {
    values[i] = std::pow(condition, -static_cast<double>(i) / static_cast<double>(n - 1));
  }
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("cholesky: sizes around the blocks of the algorithms, well and badly conditioned", T, float,
                   double) {
  Random random(1);
  CpuDevice device(2);
  Lane lane(0);
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65, 130}) {
    for (const double condition : {10.0, 1e-3 / std::numeric_limits<T>::epsilon()}) {
      INFO("n ", n, ", condition ", condition);
      const std::vector<T> a = narrow<T>(definite(random, geometric(n, condition)));
      const std::vector<T> before = a;
      const std::vector<T> l = factorise(device, lane, a, 1, n);
      CHECK_MESSAGE(a == before, "the input was written to");
      check_factor(a.data(), l.data(), n);
    }
  }
}

TEST_CASE_TEMPLATE("cholesky: a factor of whole numbers, written out", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<T> a{4, 12, -16, 12, 37, -43, -16, -43, 98};
  CHECK((factorise(device, lane, a, 1, 3) == std::vector<T>{2, 0, 0, 6, 1, 0, -8, 5, 3}));
}

TEST_CASE_TEMPLATE("cholesky: of the upper triangle nothing is read", T, float, double) {
  Random random(2);
  CpuDevice device(1);
  Lane lane(0);
  for (const std::int64_t n : {2, 5, 40}) {
    CAPTURE(n);
    std::vector<T> a = narrow<T>(definite(random, geometric(n, 10)));
    const std::vector<T> expected = factorise(device, lane, a, 1, n);
    for (const T other : {T{7}, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
      CAPTURE(other);
      for (std::int64_t i = 0; i < n; ++i) std::fill_n(a.begin() + i * n + i + 1, n - i - 1, other);
      CHECK(factorise(device, lane, a, 1, n) == expected);
    }
  }
}

TEST_CASE_TEMPLATE("cholesky: each matrix of a batch is factorised as it is alone", T, float, double) {
  Random random(3);
  CpuDevice device(1);
  Lane lane(0);
  constexpr std::int64_t kBatch = 9;
  constexpr std::int64_t kSize = 6;
  std::vector<T> a;
  for (std::int64_t i = 0; i < kBatch; ++i) {
    const std::vector<T> one = narrow<T>(definite(random, geometric(kSize, 10)));
    a.insert(a.end(), one.begin(), one.end());
  }
  const std::vector<T> l = factorise(device, lane, a, kBatch, kSize);
  for (std::int64_t i = 0; i < kBatch; ++i) {
    INFO("matrix ", i, " of the batch");
    const auto start = a.begin() + i * kSize * kSize;
    const std::vector<T> alone = factorise(device, lane, std::vector<T>(start, start + kSize * kSize), 1, kSize);
    CHECK(std::equal(alone.begin(), alone.end(), l.begin() + i * kSize * kSize));
    check_factor(a.data() + i * kSize * kSize, alone.data(), kSize);
  }
}

TEST_CASE_TEMPLATE("cholesky: sizes of zero", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK(factorise<T>(device, lane, {}, 0, 3).empty());
  CHECK(factorise<T>(device, lane, {}, 3, 0).empty());
  CHECK(factorise<T>(device, lane, {}, 0, 0).empty());
}

TEST_CASE_TEMPLATE("cholesky: a matrix that is not positive definite is an error that names all of them", T, float,
                   double) {
  Random random(4);
  CpuDevice device(1);
  Lane lane(0);
  std::vector<T> a;
  for (const Matrix& matrix : {definite(random, {3, 2, 1}), Matrix(3, 3), definite(random, {3, 2, -1}),
                               definite(random, {5, 4, 1}), definite(random, {-3, -2, -1})}) {
    const std::vector<T> one = narrow<T>(matrix);
    a.insert(a.end(), one.begin(), one.end());
  }
  check_fails([&] { static_cast<void>(factorise(device, lane, a, 5, 3)); }, Code::NotPositiveDefinite, {1, 2, 4}, 5);

  // Semidefinite, where every step is exact.
  const std::vector<T> ones(16, T{1});
  check_fails([&] { static_cast<void>(factorise(device, lane, ones, 1, 4)); }, Code::NotPositiveDefinite, {0}, 1);
}

TEST_CASE_TEMPLATE("cholesky: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a;
    for (int i = 0; i < 4; ++i) {
      const std::vector<T> one = narrow<T>(definite(random, {3, 2, 1}));
      a.insert(a.end(), one.begin(), one.end());
    }
    std::fill_n(a.begin(), 9, T{-1});  // the NaN is reported even where another is not positive definite
    a[1 * 9 + 8] = bad;
    a[3 * 9 + 3] = bad;
    check_fails([&] { static_cast<void>(factorise(device, lane, a, 4, 3)); }, Code::NotFinite, {1, 3}, 4);
  }
}
