// QR factors, judged by |A - Q R| / (|A| max(m, n) eps) and |1 - Q^T Q| / (m eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "linalg/gpu.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
struct Factors {
  std::vector<T> q, r;
  std::int64_t q_columns, r_rows;
};

template <typename T>
Factors<T> factorise(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n, QrMode mode,
                     Where where = Where::Host) {
  const std::int64_t k = std::min(m, n);
  const std::int64_t q_columns = mode == QrMode::R ? 0 : (mode == QrMode::Complete ? m : k);
  const std::int64_t r_rows = mode == QrMode::Complete ? m : k;
  Factors<T> result{unset<T>(batch * m * q_columns), unset<T>(batch * r_rows * n), q_columns, r_rows};
  gpu.qr({kDType<T>, mode, batch, m, n, operand(a), operand(result.q), operand(result.r)}, where);
  return result;
}

template <typename T>
void check_factors(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n, Where where) {
  const double eps = std::numeric_limits<T>::epsilon();
  const Factors<T> alone = factorise(gpu, a, batch, m, n, QrMode::R, where);
  for (const QrMode mode : {QrMode::Reduced, QrMode::Complete}) {
    INFO(batch, " of ", m, " x ", n, mode == QrMode::Complete ? ", complete" : ", reduced", ", in ", name_of(where));
    const Factors<T> result = factorise(gpu, a, batch, m, n, mode, where);
    for (std::int64_t i = 0; i < batch; ++i) {
      INFO("matrix ", i);
      const Matrix one = widen(a.data() + i * m * n, m, n);
      const Matrix q = widen(result.q.data() + i * m * result.q_columns, m, result.q_columns);
      const Matrix r = widen(result.r.data() + i * result.r_rows * n, result.r_rows, n);
      const double size = norm(one) * static_cast<double>(std::max(m, n)) * eps;
      const double residual = norm(subtract(multiply(q, r), one));
      CHECK_MESSAGE(residual <= kThreshold * size, "Q R = A: ratio " << residual / size);
      CHECK_MESSAGE(orthogonality(q, eps) < kThreshold, "Q is not orthogonal");
      bool upper = true;
      bool same = true;
      for (std::int64_t row = 0; row < r.m; ++row) {
        for (std::int64_t column = 0; column < n; ++column) {
          upper = upper && (column >= row || r(row, column) == 0);
          if (row < alone.r_rows) {
            const std::int64_t at = (i * alone.r_rows + row) * n + column;
            same = same && static_cast<double>(alone.r[static_cast<std::size_t>(at)]) == r(row, column);
          }
        }
      }
      CHECK_MESSAGE(upper, "R is not upper triangular");
      CHECK_MESSAGE(same, "R differs where it alone is wanted");
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("cuda qr: tall, wide and square matrices, and batches of them", T, float, double) {
  Random random(1);
  Gpu gpu;
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
    for (const Where where : {Where::Host, Where::Buffers}) {
      check_factors(gpu, narrow<T>(random_matrix(random, batch * m, n)), batch, m, n, where);
    }
  }
  Matrix deficient = random_matrix(random, 8, 6);
  for (std::int64_t i = 0; i < 8; ++i) deficient(i, 2) = deficient(i, 4) = 0;
  check_factors(gpu, narrow<T>(deficient), 1, 8, 6, Where::Host);
  check_factors(gpu, std::vector<T>(12, T{0}), 1, 4, 3, Where::Host);
}

TEST_CASE_TEMPLATE("cuda qr: the signs are LAPACK's", T, float, double) {
  Gpu gpu;
  const Factors<T> result = factorise<T>(gpu, {3, 1, 4, 2}, 1, 2, 2, QrMode::Reduced);
  CHECK(std::abs(static_cast<double>(result.r[0]) + 5) < 1e-5);
  CHECK(std::abs(static_cast<double>(result.q[0]) + 0.6) < 1e-5);
}

TEST_CASE_TEMPLATE("cuda qr: sizes of zero", T, float, double) {
  Gpu gpu;
  for (const Where where : {Where::Host, Where::Buffers}) {
    const Factors<T> tall = factorise<T>(gpu, {}, 2, 3, 0, QrMode::Complete, where);
    for (int i = 0; i < 2; ++i) CHECK(widen(tall.q.data() + i * 9, 3, 3).data == identity(3).data);
    CHECK(factorise<T>(gpu, {}, 2, 3, 0, QrMode::Reduced, where).q.empty());
    CHECK(factorise<T>(gpu, {}, 2, 0, 3, QrMode::Complete, where).r.empty());
    CHECK(factorise<T>(gpu, {}, 2, 0, 3, QrMode::R, where).r.empty());
    CHECK(factorise<T>(gpu, {}, 0, 2, 3, QrMode::Reduced, where).r.empty());
  }
}

TEST_CASE_TEMPLATE("cuda qr: a NaN or an infinity is an error that names its matrices", T, float, double) {
  Random random(2);
  Gpu gpu;
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 2));
    a[2 * 6 + 5] = bad;
    for (const QrMode mode : {QrMode::Reduced, QrMode::Complete, QrMode::R}) {
      check_fails([&] { factorise(gpu, a, 4, 3, 2, mode); }, Code::NotFinite, {2}, 4);
    }
  }
}
