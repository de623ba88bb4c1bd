// QR on every device, judged by LAPACK's ratios |A - Q R| / (|A| max(m, n) eps) and |Q^T Q - 1| / (m eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr QrMode kQrModes[] = {QrMode::Reduced, QrMode::Complete, QrMode::R};

template <typename T>
struct Qr {
  std::vector<T> q, r;
  std::int64_t size;  // q's columns and r's rows
};

std::string name_of(QrMode mode) { return std::string(word_of(mode)); }

template <typename T>
Qr<T> qr(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n, QrMode mode,
         Where where = Where::Host) {
  const std::int64_t size = mode == QrMode::Complete ? m : std::min(m, n);
  Qr<T> result{unset<T>(mode == QrMode::R ? 0 : batch * m * size), unset<T>(batch * size * n), size};
  subject.qr({kDType<T>, mode, batch, m, n, operand(a), operand(result.q), operand(result.r)}, where);
  return result;
}

template <typename T>
void check_triangular(const T* r, std::int64_t rows, std::int64_t columns) {
  bool triangular = true;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < std::min(i, columns); ++j) triangular = triangular && r[i * columns + j] == 0;
  }
  CHECK_MESSAGE(triangular, "R is not zero below its diagonal");
}

template <typename T>
void check_qr_factors(const Matrix& a, const T* q_data, const T* r_data, std::int64_t size) {
  const double eps = std::numeric_limits<T>::epsilon();
  const Matrix q = widen(q_data, a.m, size);
  const Matrix r = widen(r_data, size, a.n);
  const double residual = norm(subtract(multiply(q, r), a));
  const double scale = norm(a) * static_cast<double>(std::max(a.m, a.n)) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * scale, "reconstruction: ratio " << residual / scale);
  const double ratio = orthogonality(q, eps);
  CHECK_MESSAGE(ratio < kThreshold, "Q is not orthogonal: ratio " << ratio);
  check_triangular(r_data, size, a.n);
}

// Each matrix of a batch in every mode, of which each gives the same R.
template <typename T>
void check_qrs(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
               Where where = Where::Host) {
  const std::int64_t k = std::min(m, n);
  const std::vector<T> expected = qr(subject, a, batch, m, n, QrMode::R, where).r;
  for (const QrMode mode : kQrModes) {
    if (mode == QrMode::Complete && m > 1000) continue;  // the square factor would be all the work
    INFO(batch, " of ", m, " x ", n, ", mode ", name_of(mode), ", in ", name_of(where));
    const Qr<T> result = qr(subject, a, batch, m, n, mode, where);
    for (std::int64_t i = 0; i < batch; ++i) {
      INFO("matrix ", i);
      const T* r = result.r.data() + i * result.size * n;
      CHECK_MESSAGE(std::equal(r, r + k * n, expected.begin() + i * k * n), "R is not that of mode 'r'");
      check_triangular(r, result.size, n);
      if (mode == QrMode::R) continue;
      check_qr_factors(widen(a.data() + i * m * n, m, n), result.q.data() + i * m * result.size, r, result.size);
    }
  }
}

template <typename T>
void check_qr(Subject& subject, const std::string& name, const Matrix& matrix) {
  INFO("the matrix: ", name);
  check_qrs(subject, narrow<T>(matrix), 1, matrix.m, matrix.n);
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
  Subject subject;
  for (const int size : {1, 2, 3, 5, 31, 32, 33, 64, 65, 130}) {
    check_qr<T>(subject, "square", random_matrix(random, size, size));
  }
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{2, 1}, {9, 4}, {65, 33}, {64, 1}, {150, 40}, {3000, 3}}) {
    check_qr<T>(subject, "tall", random_matrix(random, m, n));
    check_qr<T>(subject, "wide", random_matrix(random, n, m));
  }
}

TEST_CASE_TEMPLATE("qr: one matrix and batches, in host memory and in buffers", T, float, double) {
  Random random(1);
  Subject subject;
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                          {1, 5, 5},
                                                                          {1, 9, 4},
                                                                          {1, 4, 9},
                                                                          {3, 6, 1},
                                                                          {3, 1, 6},
                                                                          {2, 33, 31},
                                                                          {2, 31, 33},
                                                                          {1, 65, 64},
                                                                          {1, 120, 30}}) {
    for (const Where where : kPlaces) {
      check_qrs(subject, narrow<T>(random_matrix(random, batch * m, n)), batch, m, n, where);
    }
  }
}

TEST_CASE_TEMPLATE("qr: the signs are LAPACK's", T, float, double) {
  Random random(2);
  Subject subject({.cores = 1});
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{1, 1}, {1, 4}, {4, 1}, {6, 6}, {9, 5}, {5, 9}}) {
    for (int round = 0; round < 8; ++round) {
      const std::vector<T> a = narrow<T>(random_matrix(random, m, n));
      INFO(m, " x ", n, ", round ", round);
      const Qr<T> result = qr(subject, a, 1, m, n, QrMode::R);
      const Matrix expected = reference_r(widen(a.data(), m, n));
      const Matrix r = widen(result.r.data(), result.size, n);
      for (std::int64_t i = 0; i < result.size; ++i) {
        CHECK_MESSAGE(std::signbit(r(i, i)) == std::signbit(expected(i, i)),
                      "R's diagonal has " << r(i, i) << " at " << i << ", expected " << expected(i, i));
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: asymmetric matrices, written out", T, float, double) {
  Subject subject({.cores = 1});
  const std::vector<double> q{-0.6, -0.8, -0.8, 0.6};
  for (const auto& [a, r] : std::vector<std::pair<std::vector<T>, std::vector<double>>>{
           {{3, 1, 4, 7}, {-5, -6.2, 0, 3.4}}, {{3, 1, 4, 2}, {-5, -2.2, 0, 0.4}}}) {
    const Qr<T> result = qr<T>(subject, a, 1, 2, 2, QrMode::Reduced);
    for (std::size_t i = 0; i < 4; ++i) {
      CAPTURE(i);
      CHECK(std::abs(static_cast<double>(result.q[i]) - q[i]) < 10 * std::numeric_limits<T>::epsilon());
      CHECK(std::abs(static_cast<double>(result.r[i]) - r[i]) < 40 * std::numeric_limits<T>::epsilon());
    }
  }
}

TEST_CASE_TEMPLATE("qr: rank-deficient, triangular and graded matrices", T, float, double) {
  Random random(3);
  Subject subject;
  check_qr<T>(subject, "zero", Matrix(7, 4));
  check_qr<T>(subject, "zero", Matrix(4, 7));
  check_qr<T>(subject, "zero", Matrix(4, 3));
  check_qr<T>(subject, "identity", identity(6));
  Matrix deficient = random_matrix(random, 8, 6);
  for (std::int64_t i = 0; i < 8; ++i) deficient(i, 2) = deficient(i, 4) = 0;
  check_qr<T>(subject, "two columns of zero", deficient);
  Matrix columns = random_matrix(random, 15, 10);
  for (std::int64_t i = 0; i < 15; ++i) {
    columns(i, 0) = 0;
    columns(i, 7) = columns(i, 1);
  }
  check_qr<T>(subject, "a zero and a duplicate column", columns);
  check_qr<T>(subject, "a zero and a duplicate row", transpose(columns));
  Matrix triangle = random_matrix(random, 12, 12);
  for (std::int64_t i = 0; i < 12; ++i) std::fill_n(&triangle(i, 0), i, 0.0);
  check_qr<T>(subject, "upper triangular", triangle);
  check_qr<T>(subject, "lower triangular", transpose(triangle));
  Matrix graded = random_matrix(random, 20, 14);
  for (std::int64_t i = 0; i < graded.m; ++i) {
    for (std::int64_t j = 0; j < graded.n; ++j) graded(i, j) *= std::pow(0.01, static_cast<double>(j));
  }
  check_qr<T>(subject, "graded columns", graded);
}

TEST_CASE_TEMPLATE("qr: each matrix of a batch is factorised as it is alone", T, float, double) {
  Random random(4);
  Subject subject({.cores = 1});
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{7, 5, 5}, {40, 8, 3}, {3, 9, 33}}) {
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * m, n));
    check_qrs(subject, a, batch, m, n);
    for (const QrMode mode : kQrModes) {
      INFO("batch ", batch, ", ", m, " x ", n, ", mode ", name_of(mode));
      const Qr<T> all = qr(subject, a, batch, m, n, mode);
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one(a.begin() + i * m * n, a.begin() + (i + 1) * m * n);
        const Qr<T> alone = qr(subject, one, 1, m, n, mode);
        if (mode != QrMode::R) check_qr_factors(widen(one.data(), m, n), alone.q.data(), alone.r.data(), alone.size);
        if (!traits().batched_as_alone) continue;
        const auto same = [i](const std::vector<T>& many, const std::vector<T>& single) {
          const auto size = static_cast<std::ptrdiff_t>(single.size());
          return std::equal(single.begin(), single.end(), many.begin() + i * size);
        };
        CHECK_MESSAGE(same(all.q, alone.q), "Q differs");
        CHECK_MESSAGE(same(all.r, alone.r), "R differs");
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: a dimension of zero gives an identity in complete mode, else nothing", T, float, double) {
  Subject subject({.cores = 1});
  for (const auto& [batch, m, n] :
       std::vector<std::tuple<int, int, int>>{{2, 0, 3}, {2, 3, 0}, {1, 0, 0}, {0, 3, 2}, {0, 2, 3}}) {
    for (const Where where : kPlaces) {
      for (const QrMode mode : kQrModes) {
        INFO("batch ", batch, ", ", m, " x ", n, ", mode ", name_of(mode), ", in ", name_of(where));
        const Qr<T> result = qr<T>(subject, {}, batch, m, n, mode, where);
        CHECK(result.r.empty());
        if (mode != QrMode::Complete) {
          CHECK(result.q.empty());
          continue;
        }
        for (int i = 0; i < batch; ++i) {
          CHECK_MESSAGE(widen(result.q.data() + i * m * m, m, m).data == identity(m).data, "Q is not the identity");
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("qr: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const QrMode mode : kQrModes) {
      INFO(bad, ", mode ", name_of(mode));
      std::vector<T> a = narrow<T>(random_matrix(random, 6 * 4, 3));
      a[1 * 12 + 11] = bad;
      a[4 * 12] = bad;
      check_fails([&] { qr(subject, a, 6, 4, 3, mode); }, Code::NotFinite, {1, 4}, 6);
      std::vector<T> one_bad = narrow<T>(random_matrix(random, 4 * 3, 2));
      one_bad[2 * 6 + 5] = bad;
      check_fails([&] { qr(subject, one_bad, 4, 3, 2, mode); }, Code::NotFinite, {2}, 4);
    }
  }
  check_qr<T>(subject, "after an error", random_matrix(random, 10, 6));
}
