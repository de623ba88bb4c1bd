// Determinants on every device, as they are and as logarithms: against matrices whose determinants are known and
// against elimination in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
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
std::vector<T> det(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                   Where where = Where::Host) {
  const std::vector<T> result = unset<T>(batch);
  subject.det({kDType<T>, false, batch, n, operand(a), operand(result), {}}, where);
  return result;
}

template <typename T>
struct LogDet {
  std::vector<T> sign, log_abs;
};

template <typename T>
LogDet<T> log_det(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                  Where where = Where::Host) {
  LogDet<T> result{unset<T>(batch), unset<T>(batch)};
  subject.det({kDType<T>, true, batch, n, operand(a), operand(result.sign), operand(result.log_abs)}, where);
  return result;
}

// By elimination with partial pivoting.
double det_by_elimination(Matrix a) {
  double product = 1;
  for (std::int64_t k = 0; k < a.n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k; i < a.n; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    if (pivot != k) {
      product = -product;
      for (std::int64_t j = 0; j < a.n; ++j) std::swap(a(k, j), a(pivot, j));
    }
    product *= a(k, k);
    for (std::int64_t i = k + 1; i < a.n; ++i) {
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k; j < a.n; ++j) a(i, j) -= factor * a(k, j);
    }
  }
  return product;
}

}  // namespace

TEST_CASE_TEMPLATE("det: well conditioned matrices of all sizes", T, float, double) {
  Random random(1);
  Subject subject;
  constexpr double kCondition = 4;
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65}) {
    CAPTURE(n);
    std::vector<double> spectrum(static_cast<std::size_t>(n));
    std::uniform_real_distribution<double> value(0.5, 0.5 * kCondition);
    for (double& one : spectrum) one = value(random);
    const std::vector<T> a = narrow<T>(with_spectrum(random, n, n, spectrum));
    const double expected = det_by_elimination(widen(a.data(), n, n));
    // Each of n values may be off by n eps in parts of the largest.
    const double relative =
        kThreshold * static_cast<double>(n) * kCondition * static_cast<double>(std::numeric_limits<T>::epsilon());
    const T plain = det(subject, a, 1, n).front();
    CHECK_MESSAGE(std::abs(static_cast<double>(plain) - expected) <= relative * std::abs(expected),
                  "it is " << plain << ", expected " << expected);
    const LogDet<T> log = log_det(subject, a, 1, n);
    CHECK(log.sign.front() == (expected < 0 ? T{-1} : T{1}));
    const double log_expected = std::log(std::abs(expected));
    CHECK_MESSAGE(
        std::abs(static_cast<double>(log.log_abs.front()) - log_expected) <= relative * (1 + std::abs(log_expected)),
        "the logarithm is " << log.log_abs.front() << ", expected " << log_expected);
  }
}

// Upper triangular matrices with their rows reversed, which is floor(n / 2) swaps: the determinant is known.
TEST_CASE_TEMPLATE("det: one matrix and batches, in host memory and in buffers", T, float, double) {
  Subject subject;
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{1, 1}, {1, 6}, {1, 40}, {3, 1}, {4, 7}, {2, 33}}) {
    std::vector<Matrix> matrices;
    std::vector<double> expected;
    for (int i = 0; i < batch; ++i) {
      Matrix one(n, n);
      double known = n / 2 % 2 == 0 ? 1 : -1;
      for (int row = 0; row < n; ++row) {
        const double pivot = (row % 3 == i % 3 ? -1.0 : 1.0) * (1.0 + 0.1 * row / n);
        known *= pivot;
        for (int column = row; column < n; ++column) one(n - 1 - row, column) = column == row ? pivot : 0.3;
      }
      matrices.push_back(one);
      expected.push_back(known);
    }
    const std::vector<T> a = narrow_all<T>(matrices);
    // The rounding of a product of n factors.
    const double relative = kThreshold * n * static_cast<double>(std::numeric_limits<T>::epsilon());
    for (const Where where : kPlaces) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      const std::vector<T> plain = det(subject, a, batch, n, where);
      const LogDet<T> log = log_det(subject, a, batch, n, where);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK_MESSAGE(std::abs(static_cast<double>(plain[i]) - expected[i]) <= relative * std::abs(expected[i]),
                      "it is " << plain[i] << ", expected " << expected[i]);
        CHECK(log.sign[i] == (expected[i] < 0 ? T{-1} : T{1}));
        CHECK(std::abs(static_cast<double>(log.log_abs[i]) - std::log(std::abs(expected[i]))) < relative);
      }
    }
  }
}

TEST_CASE_TEMPLATE("det: matrices of whole numbers, written out", T, float, double) {
  Subject subject({.cores = 1});
  CHECK(det<T>(subject, {-3}, 1, 1).front() == T{-3});
  CHECK(det<T>(subject, {4, 3, 2, 1}, 1, 2).front() == T{-2});
  CHECK(det<T>(subject, {2, 0, 1, 8, 4, 6, 0, 4, 2}, 1, 3).front() == T{0});
  CHECK(det<T>(subject, {2, 0, 0, 0, 4, 0, 0, 0, -8}, 1, 3).front() == T{-64});
  CHECK(det<T>(subject, {1, 2, 3, 4, 5, 6, 1, 2, 3}, 1, 3).front() == T{0});
  // The logarithm of 1 is 0, exactly.
  const LogDet<T> log = log_det<T>(subject, {0, 2, T{0.5}, 0}, 1, 2);
  CHECK(log.sign.front() == T{-1});
  CHECK(log.log_abs.front() == T{0});
}

TEST_CASE_TEMPLATE("det: the sign of every permutation of four", T, float, double) {
  Subject subject({.cores = 1});
  std::vector<std::size_t> order(4);
  std::iota(order.begin(), order.end(), 0);
  std::vector<T> a;
  std::vector<T> expected;
  do {
    int inversions = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      for (std::size_t j = i + 1; j < 4; ++j) inversions += order[i] > order[j] ? 1 : 0;
      for (std::size_t j = 0; j < 4; ++j) a.push_back(order[i] == j ? T{1} : T{0});
    }
    expected.push_back(inversions % 2 == 0 ? T{1} : T{-1});
  } while (std::ranges::next_permutation(order).found);
  REQUIRE(expected.size() == 24);
  CHECK(det(subject, a, 24, 4) == expected);
  const LogDet<T> log = log_det(subject, a, 24, 4);
  CHECK(log.sign == expected);
  CHECK(log.log_abs == std::vector<T>(24, T{0}));
}

TEST_CASE_TEMPLATE("det: it overflows only where the determinant does", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Subject subject({.cores = 1});
  const auto of_powers = [&](const std::vector<int>& exponents) {
    std::vector<double> values;
    for (const int exponent : exponents) values.push_back(std::ldexp(1, exponent));
    const auto n = static_cast<std::int64_t>(values.size());
    return narrow<T>(diagonal(n, n, values));
  };
  constexpr int kHuge = Limits::max_exponent - 8;
  const std::vector<T> one = of_powers({kHuge, kHuge, kHuge, -kHuge, -kHuge, -kHuge});
  CHECK(det(subject, one, 1, 6).front() == T{1});
  CHECK(log_det(subject, one, 1, 6).log_abs.front() == T{0});

  const std::vector<T> large = of_powers({kHuge, kHuge, kHuge});
  CHECK(det(subject, large, 1, 3).front() == Limits::infinity());
  const double expected = 3 * kHuge * std::log(2.0);
  CHECK(std::abs(static_cast<double>(log_det(subject, large, 1, 3).log_abs.front()) - expected) <=
        expected * Limits::epsilon());

  const std::vector<T> small = of_powers({-kHuge, -kHuge, -kHuge});
  CHECK(det(subject, small, 1, 3).front() == T{0});
  const LogDet<T> log = log_det(subject, small, 1, 3);
  CHECK(log.sign.front() == T{1});
  CHECK(std::abs(static_cast<double>(log.log_abs.front()) + expected) <= expected * Limits::epsilon());

  // A subnormal number, to its last bit.
  CHECK(det(subject, of_powers({Limits::min_exponent + 3, -6}), 1, 2).front() ==
        std::ldexp(T{1}, Limits::min_exponent - 3));
}

TEST_CASE_TEMPLATE("det: a singular matrix has 0, and no error", T, float, double) {
  Subject subject({.cores = 1});
  const T none = -std::numeric_limits<T>::infinity();
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    const std::vector<T> a{1, 1, 1, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 1, 1, 0};
    const std::vector<T> plain = det(subject, a, 4, 2, where);
    CHECK((plain == std::vector<T>{0, 6, 0, -1}));
    CHECK_FALSE_MESSAGE(std::signbit(plain[0]), "it is -0");
    const LogDet<T> log = log_det(subject, a, 4, 2, where);
    CHECK((log.sign == std::vector<T>{0, 1, 0, -1}));
    CHECK(log.log_abs[0] == none);
    CHECK(log.log_abs[2] == none);
    CHECK(log.log_abs[3] == T{0});

    // All zero; equal rows; a zero column; regular.
    const std::vector<T> more{0, 0, 0, 0, 1, 2, 1, 2, 0, 3, 0, 5, 2, 0, 0, 3};
    CHECK((det(subject, more, 4, 2, where) == std::vector<T>{0, 0, 0, 6}));
    const LogDet<T> of_more = log_det(subject, more, 4, 2, where);
    CHECK((of_more.sign == std::vector<T>{0, 0, 0, 1}));
    for (std::size_t i = 0; i < 3; ++i) CHECK(of_more.log_abs[i] == none);
  }
}

TEST_CASE_TEMPLATE("det: an empty matrix has 1, an empty batch none", T, float, double) {
  Subject subject({.cores = 1});
  for (const Where where : kPlaces) {
    INFO("in ", name_of(where));
    CHECK((det<T>(subject, {}, 3, 0, where) == std::vector<T>{1, 1, 1}));
    const LogDet<T> log = log_det<T>(subject, {}, 2, 0, where);
    CHECK((log.sign == std::vector<T>{1, 1}));
    CHECK((log.log_abs == std::vector<T>{0, 0}));
    CHECK(det<T>(subject, {}, 0, 3, where).empty());
    CHECK(log_det<T>(subject, {}, 0, 3, where).sign.empty());
    CHECK(det<T>(subject, {}, 0, 0, where).empty());
  }
}

TEST_CASE_TEMPLATE("det: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    a[1 * 9 + 8] = bad;
    a[3 * 9] = bad;
    check_fails([&] { det(subject, a, 4, 3); }, Code::NotFinite, {1, 3}, 4);
    check_fails([&] { log_det(subject, a, 4, 3); }, Code::NotFinite, {1, 3}, 4);
  }
  // In singular ones.
  std::vector<T> a(5 * 4, T{1});
  a[2 * 4 + 3] = Limits::quiet_NaN();
  a[4 * 4] = Limits::infinity();
  check_fails([&] { det(subject, a, 5, 2); }, Code::NotFinite, {2, 4}, 5);
}
