// QR, judged by LAPACK's ratios |A - Q R| / (|A| max(m, n) eps) and |Q^T Q - 1| / (m eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr QrMode kModes[] = {QrMode::Reduced, QrMode::Complete, QrMode::R};

template <typename T>
struct Qr {
  std::vector<T> q, r;
  std::int64_t size;  // q's columns and r's rows
};

const char* name_of(QrMode mode) {
  return mode == QrMode::Reduced ? "reduced" : (mode == QrMode::Complete ? "complete" : "r");
}

template <typename T>
Qr<T> factorise(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
                QrMode mode) {
  const std::int64_t size = mode == QrMode::Complete ? m : std::min(m, n);
  Qr<T> result{unset<T>(mode == QrMode::R ? 0 : batch * m * size), unset<T>(batch * size * n), size};
  device.qr(lane, {kDType<T>, mode, batch, m, n, operand(a), operand(result.q), operand(result.r)});
  return result;
}

template <typename T>
void check_factors(const Matrix& a, const T* q_data, const T* r_data, std::int64_t size) {
  const double eps = std::numeric_limits<T>::epsilon();
  const Matrix q = widen(q_data, a.m, size);
  const Matrix r = widen(r_data, size, a.n);
  const double residual = norm(subtract(multiply(q, r), a));
  const double scale = norm(a) * static_cast<double>(std::max(a.m, a.n)) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * scale, "reconstruction: ratio " << residual / scale);
  const double ratio = orthogonality(q, eps);
  CHECK_MESSAGE(ratio < kThreshold, "Q is not orthogonal: ratio " << ratio);
  bool triangular = true;
  for (std::int64_t i = 0; i < r.m; ++i) {
    for (std::int64_t j = 0; j < std::min(i, r.n); ++j) triangular = triangular && r(i, j) == 0;
  }
  CHECK_MESSAGE(triangular, "R is not zero below its diagonal");
}

template <typename T>
void check_matrix(Device& device, Lane& lane, const std::string& name, const Matrix& matrix) {
  INFO("the matrix: ", name, ", ", matrix.m, " x ", matrix.n);
  const std::vector<T> a = narrow<T>(matrix);
  const std::vector<T> before = a;
  const std::vector<T> expected = factorise(device, lane, a, 1, matrix.m, matrix.n, QrMode::Reduced).r;
  for (const QrMode mode : kModes) {
    if (mode == QrMode::Complete && matrix.m > 1000) continue;  // the square factor would be all the work
    INFO("mode: ", name_of(mode));
    const Qr<T> result = factorise(device, lane, a, 1, matrix.m, matrix.n, mode);
    CHECK_MESSAGE(a == before, "the input was written to");
    CHECK_MESSAGE(std::equal(expected.begin(), expected.end(), result.r.begin()), "R is not that of mode 'reduced'");
    if (mode == QrMode::R) continue;
    check_factors(widen(a.data(), matrix.m, matrix.n), result.q.data(), result.r.data(), result.size);
  }
}

// R by Householder's reflections one after the other, with LAPACK's signs: a reflection turns a column of more than one
// element onto minus the sign of its first.
Matrix reference_r(Matrix a) {
  for (std::int64_t k = 0; k < std::min(a.m - 1, a.n); ++k) {
    double length = 0;
    for (std::int64_t i = k; i < a.m; ++i) length += a(i, k) * a(i, k);
    length = std::sqrt(length);
    std::vector<double> v(static_cast<std::size_t>(a.m), 0);
    for (std::int64_t i = k; i < a.m; ++i) v[static_cast<std::size_t>(i)] = a(i, k);
    v[static_cast<std::size_t>(k)] += std::copysign(length, a(k, k));
    double square = 0;
    for (const double value : v) square += value * value;
    for (std::int64_t j = k; j < a.n; ++j) {
      double along = 0;
      for (std::int64_t i = k; i < a.m; ++i) along += v[static_cast<std::size_t>(i)] * a(i, j);
      for (std::int64_t i = k; i < a.m; ++i) a(i, j) -= 2 * along / square * v[static_cast<std::size_t>(i)];
    }
  }
  return a;
}

}  // namespace

TEST_CASE_TEMPLATE("qr: sizes around the blocks of the algorithms, tall and wide", T, float, double) {
  Random random(1);
  CpuDevice device(2);
  Lane lane(0);
  for (const int size : {1, 2, 3, 5, 31, 32, 33, 64, 65, 130}) {
    check_matrix<T>(device, lane, "square", random_matrix(random, size, size));
  }
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{2, 1}, {9, 4}, {65, 33}, {64, 1}, {150, 40}, {3000, 3}}) {
    check_matrix<T>(device, lane, "tall", random_matrix(random, m, n));
    check_matrix<T>(device, lane, "wide", random_matrix(random, n, m));
  }
}

TEST_CASE_TEMPLATE("qr: the signs are LAPACK's", T, float, double) {
  Random random(2);
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{1, 1}, {1, 4}, {4, 1}, {6, 6}, {9, 5}, {5, 9}}) {
    for (int round = 0; round < 8; ++round) {
      const std::vector<T> a = narrow<T>(random_matrix(random, m, n));
      INFO(m, " x ", n, ", round ", round);
      const Qr<T> result = factorise(device, lane, a, 1, m, n, QrMode::R);
      const Matrix expected = reference_r(widen(a.data(), m, n));
      const Matrix r = widen(result.r.data(), result.size, n);
      for (std::int64_t i = 0; i < result.size; ++i) {
        CHECK_MESSAGE(std::signbit(r(i, i)) == std::signbit(expected(i, i)),
                      "R's diagonal has " << r(i, i) << " at " << i << ", expected " << expected(i, i));
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: an asymmetric matrix, written out", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  const Qr<T> result = factorise<T>(device, lane, {3, 1, 4, 7}, 1, 2, 2, QrMode::Reduced);
  const std::vector<double> q{-0.6, -0.8, -0.8, 0.6};
  const std::vector<double> r{-5, -6.2, 0, 3.4};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(std::abs(static_cast<double>(result.q[i]) - q[i]) < 10 * std::numeric_limits<T>::epsilon());
    CHECK(std::abs(static_cast<double>(result.r[i]) - r[i]) < 40 * std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE_TEMPLATE("qr: rank-deficient, triangular and graded matrices", T, float, double) {
  Random random(3);
  CpuDevice device(2);
  Lane lane(0);
  check_matrix<T>(device, lane, "zero", Matrix(7, 4));
  check_matrix<T>(device, lane, "zero", Matrix(4, 7));
  check_matrix<T>(device, lane, "identity", identity(6));
  Matrix columns = random_matrix(random, 15, 10);
  for (std::int64_t i = 0; i < 15; ++i) {
    columns(i, 0) = 0;
    columns(i, 7) = columns(i, 1);
  }
  check_matrix<T>(device, lane, "a zero and a duplicate column", columns);
  check_matrix<T>(device, lane, "a zero and a duplicate row", transpose(columns));
  Matrix triangle = random_matrix(random, 12, 12);
  for (std::int64_t i = 0; i < 12; ++i) std::fill_n(&triangle(i, 0), i, 0.0);
  check_matrix<T>(device, lane, "upper triangular", triangle);
  check_matrix<T>(device, lane, "lower triangular", transpose(triangle));
  Matrix graded = random_matrix(random, 20, 14);
  for (std::int64_t i = 0; i < graded.m; ++i) {
    for (std::int64_t j = 0; j < graded.n; ++j) graded(i, j) *= std::pow(0.01, static_cast<double>(j));
  }
  check_matrix<T>(device, lane, "graded columns", graded);
}

TEST_CASE_TEMPLATE("qr: each matrix of a batch is factorised as it is alone", T, float, double) {
  Random random(4);
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{7, 5, 5}, {40, 8, 3}, {3, 9, 33}}) {
    INFO("batch ", batch, ", ", m, " x ", n);
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * m, n));
    for (const QrMode mode : kModes) {
      INFO("mode: ", name_of(mode));
      const Qr<T> all = factorise(device, lane, a, batch, m, n, mode);
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one(a.begin() + i * m * n, a.begin() + (i + 1) * m * n);
        const Qr<T> alone = factorise(device, lane, one, 1, m, n, mode);
        const auto same = [i](const std::vector<T>& many, const std::vector<T>& single) {
          const auto size = static_cast<std::ptrdiff_t>(single.size());
          return std::equal(single.begin(), single.end(), many.begin() + i * size);
        };
        CHECK_MESSAGE(same(all.q, alone.q), "Q differs");
        CHECK_MESSAGE(same(all.r, alone.r), "R differs");
        if (mode != QrMode::R) check_factors(widen(one.data(), m, n), alone.q.data(), alone.r.data(), alone.size);
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: a dimension of zero gives an identity in complete mode, else nothing", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{2, 0, 3}, {2, 3, 0}, {1, 0, 0}, {0, 3, 2}}) {
    INFO("batch ", batch, ", ", m, " x ", n);
    for (const QrMode mode : kModes) {
      INFO("mode: ", name_of(mode));
      const Qr<T> result = factorise<T>(device, lane, {}, batch, m, n, mode);
      if (mode != QrMode::Complete) continue;
      for (int i = 0; i < batch; ++i) {
        CHECK_MESSAGE(widen(result.q.data() + i * m * m, m, m).data == identity(m).data, "Q is not the identity");
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const QrMode mode : kModes) {
      CAPTURE(bad);
      INFO("mode: ", name_of(mode));
      std::vector<T> a = narrow<T>(random_matrix(random, 6 * 4, 3));
      a[1 * 12 + 11] = bad;
      a[4 * 12] = bad;
      check_fails([&] { static_cast<void>(factorise(device, lane, a, 6, 4, 3, mode)); }, Code::NotFinite, {1, 4}, 6);
    }
  }
  check_matrix<T>(device, lane, "after an error", random_matrix(random, 10, 6));
}
