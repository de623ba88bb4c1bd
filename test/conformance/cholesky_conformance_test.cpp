// Cholesky factors on every device, judged by LAPACK's ratio |A - L L^T| / (|A| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> cholesky(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                        Where where = Where::Host) {
  const std::vector<T> l = unset<T>(batch * n * n);
  subject.cholesky({kDType<T>, batch, n, operand(a), operand(l)}, where);
  return l;
}

// The upper triangle of `a` may hold anything.
template <typename T>
void check_cholesky(const T* a_data, const T* l_data, std::int64_t n) {
  Matrix a = widen(a_data, n, n);
  const Matrix l = widen(l_data, n, n);
  bool zeros = true;
  bool positive = true;
  for (std::int64_t i = 0; i < n; ++i) {
    positive = positive && l(i, i) > 0;
    for (std::int64_t j = i + 1; j < n; ++j) {
      zeros = zeros && l(i, j) == 0;
      a(i, j) = a(j, i);
    }
  }
  CHECK_MESSAGE(zeros, "L is not zero above its diagonal");
  CHECK_MESSAGE(positive, "L's diagonal is not positive");
  const double residual = norm(subtract(multiply(l, transpose(l)), a));
  const double size = norm(a) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
  CHECK_MESSAGE(std::isfinite(residual), "the factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "reconstruction: ratio " << residual / size);
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
  Subject subject;
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65, 130}) {
    for (const double condition : {10.0, 1e-3 / std::numeric_limits<T>::epsilon()}) {
      INFO("n ", n, ", condition ", condition);
      const std::vector<T> a = narrow<T>(definite(random, geometric(n, condition)));
      check_cholesky(a.data(), cholesky(subject, a, 1, n).data(), n);
    }
  }
}

TEST_CASE_TEMPLATE("cholesky: one matrix and batches, in host memory and in buffers, the upper triangles NaN", T, float,
                   double) {
  Random random(1);
  Subject subject;
  for (const auto& [batch, n] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 6}, {1, 65}, {3, 1}, {4, 7}, {2, 33}, {2, 64}}) {
    for (const Where where : kPlaces) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      std::vector<Matrix> matrices;
      for (int b = 0; b < batch; ++b) {
        const Matrix root = random_matrix(random, n, n);
        Matrix one = multiply(root, transpose(root));
        for (std::int64_t i = 0; i < n; ++i) {
          one(i, i) += static_cast<double>(n);
          for (std::int64_t j = i + 1; j < n; ++j) one(i, j) = std::numeric_limits<double>::quiet_NaN();
        }
        matrices.push_back(one);
      }
      const std::vector<T> a = narrow_all<T>(matrices);
      const std::vector<T> l = cholesky(subject, a, batch, n, where);
      for (int i = 0; i < batch; ++i) check_cholesky(a.data() + i * n * n, l.data() + i * n * n, n);
    }
  }
}

TEST_CASE_TEMPLATE("cholesky: a factor of whole numbers, written out", T, float, double) {
  Subject subject({.cores = 1});
  const std::vector<T> l = cholesky<T>(subject, {4, 12, -16, 12, 37, -43, -16, -43, 98}, 1, 3);
  CHECK((l == std::vector<T>{2, 0, 0, 6, 1, 0, -8, 5, 3}));
}

TEST_CASE_TEMPLATE("cholesky: of the upper triangle nothing is read", T, float, double) {
  Random random(2);
  Subject subject({.cores = 1});
  for (const std::int64_t n : {2, 5, 40}) {
    CAPTURE(n);
    std::vector<T> a = narrow<T>(definite(random, geometric(n, 10)));
    const std::vector<T> expected = cholesky(subject, a, 1, n);
    for (const T other : {T{7}, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
      CAPTURE(other);
      for (std::int64_t i = 0; i < n; ++i) std::fill_n(a.begin() + i * n + i + 1, n - i - 1, other);
      CHECK(cholesky(subject, a, 1, n) == expected);
    }
  }
}

TEST_CASE_TEMPLATE("cholesky: each matrix of a batch is factorised as it is alone", T, float, double) {
  Random random(3);
  Subject subject({.cores = 1});
  constexpr std::int64_t kBatch = 9;
  constexpr std::int64_t kSize = 6;
  std::vector<Matrix> matrices;
  for (std::int64_t i = 0; i < kBatch; ++i) matrices.push_back(definite(random, geometric(kSize, 10)));
  const std::vector<T> l = cholesky(subject, narrow_all<T>(matrices), kBatch, kSize);
  for (std::int64_t i = 0; i < kBatch; ++i) {
    INFO("matrix ", i, " of the batch");
    const std::vector<T> one = narrow<T>(matrices[static_cast<std::size_t>(i)]);
    const std::vector<T> alone = cholesky(subject, one, 1, kSize);
    const T* its = l.data() + i * kSize * kSize;
    if (traits().batched_as_alone) CHECK(std::equal(alone.begin(), alone.end(), its));
    check_cholesky(one.data(), alone.data(), kSize);
    check_cholesky(one.data(), its, kSize);
  }
}

// More than the batched routine of a GPU takes.
TEST_CASE("cholesky: a batch of large matrices") {
  Subject subject;
  constexpr std::int64_t kSize = 515;
  std::vector<double> a(2 * kSize * kSize, 0);
  for (std::int64_t i = 0; i < 2 * kSize; ++i) a[static_cast<std::size_t>(i * kSize + i % kSize)] = 4;
  const std::vector<double> l = cholesky(subject, a, 2, kSize);
  for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(l[i] == a[i] / 2);
}

TEST_CASE_TEMPLATE("cholesky: sizes of zero", T, float, double) {
  Subject subject({.cores = 1});
  CHECK(cholesky<T>(subject, {}, 0, 3).empty());
  CHECK(cholesky<T>(subject, {}, 3, 0).empty());
  CHECK(cholesky<T>(subject, {}, 0, 0).empty());
}

TEST_CASE_TEMPLATE("cholesky: a matrix that is not positive definite is an error that names all of them", T, float,
                   double) {
  Random random(4);
  Subject subject({.cores = 1});
  const std::vector<T> a = narrow_all<T>({definite(random, {3, 2, 1}), Matrix(3, 3), definite(random, {3, 2, -1}),
                                          definite(random, {5, 4, 1}), definite(random, {-3, -2, -1})});
  check_fails([&] { cholesky(subject, a, 5, 3); }, Code::NotPositiveDefinite, {1, 2, 4}, 5);

  // Semidefinite, where every step is exact.
  check_fails([&] { cholesky(subject, std::vector<T>(16, T{1}), 1, 4); }, Code::NotPositiveDefinite, {0}, 1);
  check_fails([&] { cholesky<T>(subject, {-1}, 1, 1); }, Code::NotPositiveDefinite, {0}, 1);

  // The first element of one, and one that comes later.
  std::vector<T> spoilt = narrow_all<T>(std::vector<Matrix>(4, definite(random, {3, 2, 1})));
  spoilt[1 * 9 + 4] = -1;
  spoilt[3 * 9] = 0;
  check_fails([&] { cholesky(subject, spoilt, 4, 3); }, Code::NotPositiveDefinite, {1, 3}, 4);
}

TEST_CASE_TEMPLATE("cholesky: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<Matrix> matrices;
    for (int i = 0; i < 4; ++i) matrices.push_back(definite(random, {3, 2, 1}));
    std::vector<T> a = narrow_all<T>(matrices);
    std::fill_n(a.begin(), 9, T{-1});  // the NaN is reported even where another is not positive definite
    a[1 * 9 + 8] = bad;
    a[3 * 9 + 3] = bad;
    check_fails([&] { cholesky(subject, a, 4, 3); }, Code::NotFinite, {1, 3}, 4);
  }
}
