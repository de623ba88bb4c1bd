// Determinants, against matrices whose determinants are known and against elimination in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> det(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t n) {
  std::vector<T> result = unset<T>(batch);
  device.det(lane, {kDType<T>, false, batch, n, operand(a), operand(result), {}});
  return result;
}

template <typename T>
struct Log {
  std::vector<T> sign, log_abs;
};

template <typename T>
Log<T> log_det(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t n) {
  Log<T> result{unset<T>(batch), unset<T>(batch)};
  device.det(lane, {kDType<T>, true, batch, n, operand(a), operand(result.sign), operand(result.log_abs)});
  return result;
}

// By elimination with partial pivoting.
double reference(Matrix a) {
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
  CpuDevice device(2);
  Lane lane(0);
  constexpr double kCondition = 4;
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65}) {
    CAPTURE(n);
    std::vector<double> spectrum(static_cast<std::size_t>(n));
    std::uniform_real_distribution<double> value(0.5, 0.5 * kCondition);
    for (double& one : spectrum) one = value(random);
    const std::vector<T> a = narrow<T>(with_spectrum(random, n, n, spectrum));
    const std::vector<T> before = a;
    const double expected = reference(widen(a.data(), n, n));
    // Each of n values may be off by n eps in parts of the largest.
    const double relative =
        kThreshold * static_cast<double>(n) * kCondition * static_cast<double>(std::numeric_limits<T>::epsilon());
    const T plain = det(device, lane, a, 1, n).front();
    CHECK_MESSAGE(std::abs(static_cast<double>(plain) - expected) <= relative * std::abs(expected),
                  "it is " << plain << ", expected " << expected);
    const Log<T> log = log_det(device, lane, a, 1, n);
    CHECK(log.sign.front() == (expected < 0 ? T{-1} : T{1}));
    const double log_expected = std::log(std::abs(expected));
    CHECK_MESSAGE(
        std::abs(static_cast<double>(log.log_abs.front()) - log_expected) <= relative * (1 + std::abs(log_expected)),
        "the logarithm is " << log.log_abs.front() << ", expected " << log_expected);
    CHECK_MESSAGE(a == before, "the input was written to");
  }
}

TEST_CASE_TEMPLATE("det: matrices of whole numbers, written out", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK(det<T>(device, lane, {-3}, 1, 1).front() == T{-3});
  CHECK(det<T>(device, lane, {4, 3, 2, 1}, 1, 2).front() == T{-2});
  CHECK(det<T>(device, lane, {2, 0, 1, 8, 4, 6, 0, 4, 2}, 1, 3).front() == T{0});
  CHECK(det<T>(device, lane, {2, 0, 0, 0, 4, 0, 0, 0, -8}, 1, 3).front() == T{-64});
  // The logarithm of 1 is 0, exactly.
  const Log<T> log = log_det<T>(device, lane, {0, 2, T{0.5}, 0}, 1, 2);
  CHECK(log.sign.front() == T{-1});
  CHECK(log.log_abs.front() == T{0});
}

TEST_CASE_TEMPLATE("det: the sign of every permutation of four", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
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
  CHECK(det(device, lane, a, 24, 4) == expected);
  const Log<T> log = log_det(device, lane, a, 24, 4);
  CHECK(log.sign == expected);
  CHECK(log.log_abs == std::vector<T>(24, T{0}));
}

TEST_CASE_TEMPLATE("det: it overflows only where the determinant does", T, float, double) {
  using Limits = std::numeric_limits<T>;
  CpuDevice device(1);
  Lane lane(0);
  const auto of_powers = [&](const std::vector<int>& exponents) {
    std::vector<double> values;
    for (const int exponent : exponents) values.push_back(std::ldexp(1, exponent));
    const auto n = static_cast<std::int64_t>(values.size());
    return narrow<T>(diagonal(n, n, values));
  };
  constexpr int kHuge = Limits::max_exponent - 8;
  const std::vector<T> one = of_powers({kHuge, kHuge, kHuge, -kHuge, -kHuge, -kHuge});
  CHECK(det(device, lane, one, 1, 6).front() == T{1});
  CHECK(log_det(device, lane, one, 1, 6).log_abs.front() == T{0});

  const std::vector<T> large = of_powers({kHuge, kHuge, kHuge});
  CHECK(det(device, lane, large, 1, 3).front() == Limits::infinity());
  const double expected = 3 * kHuge * std::log(2.0);
  CHECK(std::abs(static_cast<double>(log_det(device, lane, large, 1, 3).log_abs.front()) - expected) <=
        expected * Limits::epsilon());

  const std::vector<T> small = of_powers({-kHuge, -kHuge, -kHuge});
  CHECK(det(device, lane, small, 1, 3).front() == T{0});
  const Log<T> log = log_det(device, lane, small, 1, 3);
  CHECK(log.sign.front() == T{1});
  CHECK(std::abs(static_cast<double>(log.log_abs.front()) + expected) <= expected * Limits::epsilon());

  // A subnormal number, to its last bit.
  CHECK(det(device, lane, of_powers({Limits::min_exponent + 3, -6}), 1, 2).front() ==
        std::ldexp(T{1}, Limits::min_exponent - 3));
}

TEST_CASE_TEMPLATE("det: a singular matrix has 0, and no error", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<T> a{1, 1, 1, 1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 1, 1, 0};
  const std::vector<T> plain = det(device, lane, a, 4, 2);
  CHECK((plain == std::vector<T>{0, 6, 0, -1}));
  CHECK_FALSE_MESSAGE(std::signbit(plain[0]), "it is -0");
  const Log<T> log = log_det(device, lane, a, 4, 2);
  CHECK((log.sign == std::vector<T>{0, 1, 0, -1}));
  CHECK(log.log_abs[0] == -std::numeric_limits<T>::infinity());
  CHECK(log.log_abs[2] == -std::numeric_limits<T>::infinity());
  CHECK(log.log_abs[3] == T{0});
}

TEST_CASE_TEMPLATE("det: an empty matrix has 1, an empty batch none", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK((det<T>(device, lane, {}, 3, 0) == std::vector<T>{1, 1, 1}));
  const Log<T> log = log_det<T>(device, lane, {}, 2, 0);
  CHECK((log.sign == std::vector<T>{1, 1}));
  CHECK((log.log_abs == std::vector<T>{0, 0}));
  CHECK(det<T>(device, lane, {}, 0, 3).empty());
  CHECK(det<T>(device, lane, {}, 0, 0).empty());
}

TEST_CASE_TEMPLATE("det: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    a[1 * 9 + 8] = bad;
    a[3 * 9] = bad;
    check_fails([&] { static_cast<void>(det(device, lane, a, 4, 3)); }, Code::NotFinite, {1, 3}, 4);
    check_fails([&] { static_cast<void>(log_det(device, lane, a, 4, 3)); }, Code::NotFinite, {1, 3}, 4);
  }
}
