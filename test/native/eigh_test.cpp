// Eigenvalues and eigenvectors of symmetric matrices, judged by LAPACK's ratios |A V - V W| / (|A| n eps) and
// |V^T V - 1| / (n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
struct Eigen {
  std::vector<T> w, v;
};

template <typename T>
Eigen<T> decompose(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                   bool vectors) {
  Eigen<T> result{unset<T>(batch * n), unset<T>(vectors ? batch * n * n : 0)};
  device.eigh(lane, {kDType<T>, vectors, batch, n, operand(a), operand(result.w), operand(result.v)});
  return result;
}

Matrix symmetric(Matrix a) {
  for (std::int64_t i = 0; i < a.n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
  }
  return a;
}

Matrix with_eigenvalues(Random& random, const std::vector<double>& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  const Matrix q = random_orthonormal(random, n, n);
  return symmetric(multiply(multiply(q, diagonal(n, n, values)), transpose(q)));
}

template <typename T>
void check_vectors(const Matrix& a, const T* w, const T* v_data) {
  const double eps = std::numeric_limits<T>::epsilon();
  const Matrix v = widen(v_data, a.n, a.n);
  const std::vector<double> values(w, w + a.n);
  const double residual = norm(subtract(multiply(a, v), multiply(v, diagonal(a.n, a.n, values))));
  const double size = norm(a) * static_cast<double>(a.n) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a result is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "A V = V W: ratio " << residual / size);
  const double ratio = orthogonality(v, eps);
  CHECK_MESSAGE(ratio < kThreshold, "V is not orthogonal: ratio " << ratio);
}

template <typename T, typename U>
void check_values(const std::vector<T>& w, const std::vector<U>& expected, const char* what) {
  REQUIRE(w.size() == expected.size());
  double largest = 0;
  for (const U value : expected) largest = std::max(largest, std::abs(static_cast<double>(value)));
  const double tolerance = kThreshold * static_cast<double>(w.size()) * std::numeric_limits<T>::epsilon() * largest;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double error = std::abs(static_cast<double>(w[i]) - static_cast<double>(expected[i]));
    CHECK_MESSAGE(error <= tolerance, what << ": value " << i << " is " << w[i] << ", expected " << expected[i]);
  }
}

// `known` are the eigenvalues if they are known, in ascending order.
template <typename T>
void check_matrix(Device& device, Lane& lane, const std::string& name, const Matrix& matrix,
                  const std::vector<double>& known = {}) {
  INFO("the matrix: ", name, ", n ", matrix.n);
  const std::vector<T> a = narrow<T>(matrix);
  const std::vector<T> before = a;
  const Eigen<T> all = decompose(device, lane, a, 1, matrix.n, true);
  const Eigen<T> values = decompose(device, lane, a, 1, matrix.n, false);
  CHECK_MESSAGE(a == before, "the input was written to");
  CHECK_MESSAGE(std::ranges::is_sorted(all.w), "the eigenvalues are not in ascending order");
  CHECK_MESSAGE(std::ranges::is_sorted(values.w), "the eigenvalues alone are not in ascending order");
  check_vectors(widen(a.data(), matrix.n, matrix.n), all.w.data(), all.v.data());
  check_values(values.w, all.w, "values alone against values with vectors");
  if (!known.empty()) check_values(all.w, known, "the known eigenvalues");
}

}  // namespace

TEST_CASE_TEMPLATE("eigh: sizes around the blocks of the algorithms", T, float, double) {
  Random random(1);
  CpuDevice device(2);
  Lane lane(0);
  for (const std::int64_t n : {1, 2, 3, 7, 25, 26, 31, 32, 33, 64, 65, 130}) {
    check_matrix<T>(device, lane, "random", symmetric(random_matrix(random, n, n)));
  }
}

TEST_CASE_TEMPLATE("eigh: matrices whose eigenvalues are known", T, float, double) {
  Random random(2);
  CpuDevice device(2);
  Lane lane(0);
  check_matrix<T>(device, lane, "one negative number", diagonal(1, 1, {-3}), {-3});
  check_matrix<T>(device, lane, "zero", Matrix(5, 5), std::vector<double>(5, 0));
  check_matrix<T>(device, lane, "identity", identity(33), std::vector<double>(33, 1));
  check_matrix<T>(device, lane, "diagonal", diagonal(4, 4, {2, -5, 7, 1}), {-5, 1, 2, 7});
  Matrix ones(12, 12);
  std::ranges::fill(ones.data, 1.0);
  std::vector<double> of_ones(12, 0);
  of_ones.back() = 12;
  check_matrix<T>(device, lane, "all ones", ones, of_ones);

  // The second difference: 2 - 2 cos(k pi / (n + 1)).
  constexpr std::int64_t kSize = 50;
  Matrix difference(kSize, kSize);
  std::vector<double> of_difference;
  for (std::int64_t i = 0; i < kSize; ++i) {
    difference(i, i) = 2;
    if (i > 0) difference(i, i - 1) = difference(i - 1, i) = -1;
    of_difference.push_back(2 - 2 * std::cos(static_cast<double>(i + 1) * std::numbers::pi / (kSize + 1)));
  }
  check_matrix<T>(device, lane, "second difference", difference, of_difference);

  const std::vector<double> repeated{-2, -2, -2, 0, 0, 1, 1, 1, 1, 3};
  check_matrix<T>(device, lane, "repeated values", with_eigenvalues(random, repeated), repeated);
  std::vector<double> wide;
  for (int i = 0; i < 30; ++i) wide.push_back(std::pow(10, i / 2.0 - 14));
  check_matrix<T>(device, lane, "values over many magnitudes", with_eigenvalues(random, wide), wide);
}

TEST_CASE_TEMPLATE("eigh: an asymmetric set of eigenvectors, written out", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  // Of [[6, 2], [2, 3]]: 2 with (1, -2) / sqrt 5 and 7 with (2, 1) / sqrt 5, in columns, of either sign.
  const Eigen<T> result = decompose<T>(device, lane, {6, 2, 2, 3}, 1, 2, true);
  check_values(result.w, std::vector<double>{2, 7}, "written out");
  const double root = std::sqrt(5.0);
  const double first = static_cast<double>(result.v[2]) < 0 ? 1 : -1;
  const double second = static_cast<double>(result.v[3]) > 0 ? 1 : -1;
  check_values(result.v, std::vector<double>{first / root, second * 2 / root, -first * 2 / root, second / root}, "V");
}

TEST_CASE_TEMPLATE("eigh: of the upper triangle nothing is read", T, float, double) {
  Random random(3);
  CpuDevice device(1);
  Lane lane(0);
  for (const std::int64_t n : {2, 5, 40}) {
    for (const bool vectors : {true, false}) {
      INFO("n ", n, ", vectors ", vectors);
      std::vector<T> a = narrow<T>(symmetric(random_matrix(random, n, n)));
      const Eigen<T> expected = decompose(device, lane, a, 1, n, vectors);
      for (const T other : {T{7}, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
        CAPTURE(other);
        for (std::int64_t i = 0; i < n; ++i) std::fill_n(a.begin() + i * n + i + 1, n - i - 1, other);
        const Eigen<T> result = decompose(device, lane, a, 1, n, vectors);
        CHECK(result.w == expected.w);
        CHECK(result.v == expected.v);
      }
    }
  }
}

TEST_CASE_TEMPLATE("eigh: entries near underflow and near overflow", T, float, double) {
  Random random(4);
  CpuDevice device(1);
  Lane lane(0);
  const Matrix matrix = symmetric(random_matrix(random, 20, 20));
  for (const int exponent : {std::numeric_limits<T>::min_exponent + 16, std::numeric_limits<T>::max_exponent - 8}) {
    CAPTURE(exponent);
    std::vector<T> a = narrow<T>(matrix);
    for (T& value : a) value = std::ldexp(value, exponent);
    Eigen<T> result = decompose(device, lane, a, 1, 20, true);
    // Scaled back by the power of two, which is exact, so that measuring neither overflows nor underflows.
    for (T& value : a) value = std::ldexp(value, -exponent);
    for (T& value : result.w) value = std::ldexp(value, -exponent);
    check_vectors(widen(a.data(), 20, 20), result.w.data(), result.v.data());
  }
}

TEST_CASE_TEMPLATE("eigh: each matrix of a batch is decomposed as it is alone", T, float, double) {
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{30, 3}, {5, 17}, {2, 40}}) {
    for (const bool vectors : {true, false}) {
      INFO("batch ", batch, ", n ", n, ", vectors ", vectors);
      std::vector<T> a;
      for (int i = 0; i < batch; ++i) {
        const std::vector<T> one = narrow<T>(symmetric(random_matrix(random, n, n)));
        a.insert(a.end(), one.begin(), one.end());
      }
      const Eigen<T> all = decompose(device, lane, a, batch, n, vectors);
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one(a.begin() + i * n * n, a.begin() + (i + 1) * n * n);
        const Eigen<T> alone = decompose(device, lane, one, 1, n, vectors);
        CHECK(std::equal(alone.w.begin(), alone.w.end(), all.w.begin() + i * n));
        if (!vectors) continue;
        CHECK(std::equal(alone.v.begin(), alone.v.end(), all.v.begin() + i * n * n));
        check_vectors(widen(one.data(), n, n), alone.w.data(), alone.v.data());
      }
    }
  }
}

TEST_CASE_TEMPLATE("eigh: sizes of zero", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  for (const bool vectors : {true, false}) {
    CHECK(decompose<T>(device, lane, {}, 0, 3, vectors).w.empty());
    CHECK(decompose<T>(device, lane, {}, 3, 0, vectors).w.empty());
  }
}

TEST_CASE_TEMPLATE("eigh: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(6);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const bool vectors : {true, false}) {
      CAPTURE(bad);
      CAPTURE(vectors);
      std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
      a[1 * 9 + 8] = bad;
      a[3 * 9 + 3] = bad;
      check_fails([&] { static_cast<void>(decompose(device, lane, a, 4, 3, vectors)); }, Code::NotFinite, {1, 3}, 4);
    }
  }
  check_matrix<T>(device, lane, "after an error", symmetric(random_matrix(random, 8, 8)));
}
