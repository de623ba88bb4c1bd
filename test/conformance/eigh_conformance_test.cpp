// Eigenvalues and eigenvectors of symmetric matrices on every device, judged by LAPACK's ratios |A V - V W| / (|A| n
// eps) and |V^T V - 1| / (n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
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
struct Eigen {
  std::vector<T> w, v;
};

template <typename T>
Eigen<T> eigh(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n, bool vectors,
              Where where = Where::Host) {
  Eigen<T> result{unset<T>(batch * n), unset<T>(vectors ? batch * n * n : 0)};
  subject.eigh({kDType<T>, vectors, batch, n, operand(a), operand(result.w), operand(result.v)}, where);
  return result;
}

// The lower triangle, and its mirror image.
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

// One matrix, which may have anything in its upper triangle. Everything is scaled by a power of two first (which is
// exact), so that the measuring itself neither overflows nor underflows. `alone` are the values found without vectors.
template <typename T>
void check_eigen(const T* a, const T* w_data, const T* v_data, const T* alone, std::int64_t n) {
  const double eps = std::numeric_limits<T>::epsilon();
  Matrix one = symmetric(widen(a, n, n));
  double largest = 0;
  for (const double value : one.data) largest = std::max(largest, std::abs(value));
  const int scale = largest == 0 ? 0 : -std::ilogb(largest);
  for (double& value : one.data) value = std::ldexp(value, scale);
  std::vector<double> w(w_data, w_data + n);
  for (double& value : w) value = std::ldexp(value, scale);
  const Matrix v = widen(v_data, n, n);
  const double residual = norm(subtract(multiply(one, v), multiply(v, diagonal(n, n, w))));
  const double size = norm(one) * static_cast<double>(n) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a result is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "A V = V W: ratio " << residual / size);
  const double ratio = orthogonality(v, eps);
  CHECK_MESSAGE(ratio < kThreshold, "V is not orthogonal: ratio " << ratio);
  CHECK_MESSAGE(std::ranges::is_sorted(w), "the eigenvalues are not in ascending order");
  CHECK_MESSAGE(std::is_sorted(alone, alone + n), "the eigenvalues alone are not in ascending order");
  double magnitude = 0;
  for (const double value : w) magnitude = std::max(magnitude, std::abs(value));
  const double tolerance = kThreshold * static_cast<double>(n) * eps * magnitude;
  for (std::int64_t i = 0; i < n; ++i) {
    const double error = std::abs(std::ldexp(static_cast<double>(alone[i]), scale) - w[static_cast<std::size_t>(i)]);
    CHECK_MESSAGE(error <= tolerance,
                  "value " << i << " is " << alone[i] << " without vectors, with them " << w_data[i]);
  }
}

template <typename T>
void check_eigenvalues(const std::vector<T>& w, const std::vector<double>& expected, const char* what) {
  REQUIRE(w.size() == expected.size());
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  const double tolerance = kThreshold * static_cast<double>(w.size()) * std::numeric_limits<T>::epsilon() * largest;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double error = std::abs(static_cast<double>(w[i]) - expected[i]);
    CHECK_MESSAGE(error <= tolerance, what << ": value " << i << " is " << w[i] << ", expected " << expected[i]);
  }
}

// Checks each matrix of a batch, and gives the eigenvalues of all.
template <typename T>
std::vector<T> check_eighs(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                           Where where = Where::Host) {
  INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
  const Eigen<T> all = eigh(subject, a, batch, n, true, where);
  const Eigen<T> values = eigh(subject, a, batch, n, false, where);
  for (std::int64_t i = 0; i < batch; ++i) {
    INFO("matrix ", i);
    check_eigen(a.data() + i * n * n, all.w.data() + i * n, all.v.data() + i * n * n, values.w.data() + i * n, n);
  }
  return all.w;
}

// `known` are the eigenvalues if they are known, in ascending order.
template <typename T>
void check_eigh(Subject& subject, const std::string& name, const Matrix& matrix,
                const std::vector<double>& known = {}) {
  INFO("the matrix: ", name, ", n ", matrix.n);
  const std::vector<T> w = check_eighs(subject, narrow<T>(matrix), 1, matrix.n);
  if (!known.empty()) check_eigenvalues(w, known, "the known eigenvalues");
}

template <typename T>
void fill_upper(T* a, std::int64_t n, T value) {
  for (std::int64_t i = 0; i < n; ++i) std::fill_n(a + i * n + i + 1, n - i - 1, value);
}

}  // namespace

TEST_CASE_TEMPLATE("eigh: sizes around the blocks of the algorithms", T, float, double) {
  Random random(1);
  Subject subject;
  for (const std::int64_t n : {1, 2, 3, 7, 25, 26, 31, 32, 33, 64, 65, 130}) {
    check_eigh<T>(subject, "random", symmetric(random_matrix(random, n, n)));
  }
}

TEST_CASE_TEMPLATE("eigh: one matrix and batches, in host memory and in buffers, the upper triangles NaN", T, float,
                   double) {
  Random random(1);
  Subject subject;
  for (const Where where : kPlaces) {
    for (const std::int64_t n : {1, 2, 5, 31, 32, 33, 64, 65}) {
      for (const std::int64_t batch : {1, 3}) {
        std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
        for (std::int64_t i = 0; i < batch; ++i)
          fill_upper(a.data() + i * n * n, n, std::numeric_limits<T>::quiet_NaN());
        check_eighs(subject, a, batch, n, where);
      }
    }
  }
}

TEST_CASE_TEMPLATE("eigh: matrices whose eigenvalues are known", T, float, double) {
  Random random(2);
  Subject subject;
  check_eigh<T>(subject, "one negative number", diagonal(1, 1, {-3}), {-3});
  check_eigh<T>(subject, "zero", Matrix(5, 5), std::vector<double>(5, 0));
  check_eigh<T>(subject, "identity", identity(33), std::vector<double>(33, 1));
  check_eigh<T>(subject, "diagonal", diagonal(4, 4, {2, -5, 7, 1}), {-5, 1, 2, 7});
  Matrix ones(12, 12);
  std::ranges::fill(ones.data, 1.0);
  std::vector<double> of_ones(12, 0);
  of_ones.back() = 12;
  check_eigh<T>(subject, "all ones", ones, of_ones);

  // The second difference: 2 - 2 cos(k pi / (n + 1)).
  constexpr std::int64_t kSize = 50;
  Matrix difference(kSize, kSize);
  std::vector<double> of_difference;
  for (std::int64_t i = 0; i < kSize; ++i) {
    difference(i, i) = 2;
    if (i > 0) difference(i, i - 1) = difference(i - 1, i) = -1;
    of_difference.push_back(2 - 2 * std::cos(static_cast<double>(i + 1) * std::numbers::pi / (kSize + 1)));
  }
  check_eigh<T>(subject, "second difference", difference, of_difference);

  const std::vector<double> repeated{-2, -2, -2, 0, 0, 1, 1, 1, 1, 3};
  check_eigh<T>(subject, "repeated values", with_eigenvalues(random, repeated), repeated);
  std::vector<double> wide;
  for (int i = 0; i < 30; ++i) wide.push_back(std::pow(10, i / 2.0 - 14));
  check_eigh<T>(subject, "values over many magnitudes", with_eigenvalues(random, wide), wide);
}

TEST_CASE_TEMPLATE("eigh: a batch of matrices whose eigenvalues are known", T, float, double) {
  Random random(2);
  Subject subject;
  const std::vector<double> spectrum{-5, -5, -1e-3, 0, 0, 1, 1, 1, 40};
  const std::vector<double> mixed{40, 0, 1, -5, 1, 0, -1e-3, 1, -5};
  const std::vector<T> a =
      narrow_all<T>({with_eigenvalues(random, spectrum), diagonal(9, 9, mixed), Matrix(9, 9), identity(9)});
  const std::vector<T> w = check_eighs(subject, a, 4, 9);
  check_eigenvalues(std::vector<T>(w.begin(), w.begin() + 9), spectrum, "between rotations");
  check_eigenvalues(std::vector<T>(w.begin() + 9, w.begin() + 18), spectrum, "on a diagonal");
  for (std::size_t i = 0; i < 9; ++i) {
    CHECK(w[18 + i] == 0);
    CHECK(w[27 + i] == 1);
  }
}

TEST_CASE_TEMPLATE("eigh: an asymmetric set of eigenvectors, written out", T, float, double) {
  Subject subject({.cores = 1});
  // Of [[6, 2], [2, 3]]: 2 with (1, -2) / sqrt 5 and 7 with (2, 1) / sqrt 5, in columns, of either sign.
  const Eigen<T> result = eigh<T>(subject, {6, 2, 2, 3}, 1, 2, true);
  check_eigenvalues(result.w, {2, 7}, "written out");
  const double root = std::sqrt(5.0);
  const double first = static_cast<double>(result.v[2]) < 0 ? 1 : -1;
  const double second = static_cast<double>(result.v[3]) > 0 ? 1 : -1;
  check_eigenvalues(result.v, {first / root, second * 2 / root, -first * 2 / root, second / root}, "V");
}

TEST_CASE_TEMPLATE("eigh: of the upper triangle nothing is read", T, float, double) {
  Random random(3);
  Subject subject({.cores = 1});
  for (const std::int64_t n : {2, 5, 40}) {
    for (const bool vectors : {true, false}) {
      INFO("n ", n, ", vectors ", vectors);
      std::vector<T> a = narrow<T>(symmetric(random_matrix(random, n, n)));
      const Eigen<T> expected = eigh(subject, a, 1, n, vectors);
      for (const T other : {T{7}, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
        CAPTURE(other);
        fill_upper(a.data(), n, other);
        const Eigen<T> result = eigh(subject, a, 1, n, vectors);
        CHECK(result.w == expected.w);
        CHECK(result.v == expected.v);
      }
    }
  }
}

TEST_CASE_TEMPLATE("eigh: entries near underflow and near overflow", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(4);
  Subject subject({.cores = 1});
  const Matrix matrix = symmetric(random_matrix(random, 20, 20));
  for (const int exponent : {Limits::min_exponent + 16, Limits::max_exponent - 8}) {
    CAPTURE(exponent);
    std::vector<T> a = narrow<T>(matrix);
    for (T& value : a) value = std::ldexp(value, exponent);
    check_eighs(subject, a, 1, 20);
  }
  // Both in one batch.
  Matrix small = random_matrix(random, 10, 10);
  Matrix large = small;
  for (double& value : small.data) value *= std::ldexp(static_cast<double>(Limits::min()), 14);
  for (double& value : large.data) value *= static_cast<double>(Limits::max()) / 200;
  check_eighs(subject, narrow<T>(large), 1, 10);
  check_eighs(subject, narrow_all<T>({small, large}), 2, 10);
}

TEST_CASE_TEMPLATE("eigh: each matrix of a batch is decomposed as it is alone", T, float, double) {
  Random random(5);
  Subject subject({.cores = 1});
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{30, 3}, {5, 17}, {2, 40}}) {
    std::vector<Matrix> matrices;
    for (int i = 0; i < batch; ++i) matrices.push_back(symmetric(random_matrix(random, n, n)));
    const std::vector<T> a = narrow_all<T>(matrices);
    check_eighs(subject, a, batch, n);
    for (const bool vectors : {true, false}) {
      INFO("batch ", batch, ", n ", n, ", vectors ", vectors);
      const Eigen<T> all = eigh(subject, a, batch, n, vectors);
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one(a.begin() + i * n * n, a.begin() + (i + 1) * n * n);
        const Eigen<T> alone = eigh(subject, one, 1, n, vectors);
        check_eigenvalues(alone.w, std::vector<double>(all.w.begin() + i * n, all.w.begin() + (i + 1) * n),
                          "against the batch's");
        if (vectors) check_eigen(one.data(), alone.w.data(), alone.v.data(), alone.w.data(), n);
        if (!traits().batched_as_alone) continue;
        CHECK(std::equal(alone.w.begin(), alone.w.end(), all.w.begin() + i * n));
        CHECK(std::equal(alone.v.begin(), alone.v.end(), all.v.begin() + (vectors ? i * n * n : 0)));
      }
    }
  }
}

TEST_CASE_TEMPLATE("eigh: sizes of zero", T, float, double) {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    for (const bool vectors : {true, false}) {
      CHECK(eigh<T>(subject, {}, 0, 3, vectors, where).w.empty());
      CHECK(eigh<T>(subject, {}, 3, 0, vectors, where).w.empty());
    }
  }
}

TEST_CASE_TEMPLATE("eigh: a NaN or an infinity in the lower triangle is an error that names its matrices", T, float,
                   double) {
  using Limits = std::numeric_limits<T>;
  Random random(6);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const bool vectors : {true, false}) {
      CAPTURE(bad);
      CAPTURE(vectors);
      const std::vector<T> good = narrow<T>(random_matrix(random, 4 * 3, 3));
      for (const auto& [first, second] : std::vector<std::pair<std::size_t, std::size_t>>{{8, 3}, {6, 4}}) {
        std::vector<T> a = good;
        a[1 * 9 + first] = bad;
        a[3 * 9 + second] = bad;
        a[2 * 9 + 1] = bad;  // in the upper triangle
        check_fails([&] { eigh(subject, a, 4, 3, vectors); }, Code::NotFinite, {1, 3}, 4);
      }
    }
  }
  check_eigh<T>(subject, "after an error", symmetric(random_matrix(random, 8, 8)));
}
