// What the tests of every SVD share: its cases, and LAPACK's own ratios, each of which must stay below its threshold.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "device/device.h"
#include "support/matrices.h"

namespace tensorlane::test {

template <typename T>
struct Svd {
  std::vector<T> u, s, vt;
};

struct SvdCase {
  std::string name;
  Matrix a;
  std::vector<double> spectrum;  // the singular values if they are known, in descending order
};

inline std::string name_of(SvdMode mode) { return std::string(word_of(mode)); }
inline std::string name_of(SvdDriver driver) { return std::string(word_of(driver)); }

// Checks one matrix's factors. Everything is scaled by a power of two first (which is exact), so that the measuring
// itself neither overflows nor underflows.
template <typename T>
void check_factors(Matrix a, const T* u_data, const T* s_data, const T* vt_data, SvdMode mode) {
  const double eps = std::numeric_limits<T>::epsilon();
  const std::int64_t k = std::min(a.m, a.n);
  double largest = 0;
  for (const double value : a.data) largest = std::max(largest, std::abs(value));
  const int scale = largest == 0 ? 0 : -std::ilogb(largest);
  for (double& value : a.data) value = std::ldexp(value, scale);
  std::vector<double> s(s_data, s_data + k);
  for (double& value : s) value = std::ldexp(value, scale);

  const Matrix u = widen(u_data, a.m, mode == SvdMode::Full ? a.m : k);
  const Matrix vt = widen(vt_data, mode == SvdMode::Full ? a.n : k, a.n);
  const Matrix product = multiply(multiply(u, diagonal(u.n, vt.m, s)), vt);
  const double residual = a.data.empty() ? 0 : norm(subtract(product, a));
  const double size = norm(a) * static_cast<double>(std::max(a.m, a.n)) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "reconstruction: ratio " << residual / size);
  const double u_ratio = orthogonality(u, eps);
  const double v_ratio = orthogonality(transpose(vt), eps);
  CHECK_MESSAGE(u_ratio < kThreshold, "U is not orthogonal: ratio " << u_ratio);
  CHECK_MESSAGE(v_ratio < kThreshold, "V is not orthogonal: ratio " << v_ratio);
  CHECK_MESSAGE(std::ranges::is_sorted(s, std::greater<>()), "the singular values are not in descending order");
  CHECK_MESSAGE(std::ranges::all_of(s, [](double value) { return value >= 0; }), "a singular value is negative");
}

// That two lists of singular values agree, to an absolute accuracy set by the largest.
template <typename T>
void check_values(const T* s, const std::vector<double>& expected, std::int64_t size, const char* what) {
  if (expected.empty()) return;
  const double tolerance =
      kThreshold * static_cast<double>(size) * std::numeric_limits<T>::epsilon() * std::abs(expected.front());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(s[i]) - expected[i]);
    CHECK_MESSAGE(error <= tolerance, what << ": value " << i << " is " << s[i] << ", expected " << expected[i]);
  }
}

// Matrices whose singular values go from 1 down to 1/condition, as LAPACK's own tests have them.
inline std::vector<SvdCase> prescribed(Random& random, std::int64_t m, std::int64_t n, double condition) {
  const auto k = static_cast<std::size_t>(std::min(m, n));
  std::vector<double> one_large(k, 1 / condition);
  std::vector<double> one_small(k, 1);
  std::vector<double> geometric(k);
  std::vector<double> arithmetic(k);
  std::vector<double> log_random(k);
  one_large.front() = 1;
  one_small.back() = 1 / condition;
  std::uniform_real_distribution<double> exponent(-std::log(condition), 0);
  for (std::size_t i = 0; i < k; ++i) {
    const double along = static_cast<double>(i) / static_cast<double>(k - 1);
    geometric[i] = std::pow(condition, -along);
    arithmetic[i] = 1 - along * (1 - 1 / condition);
    log_random[i] = std::exp(exponent(random));
  }
  std::ranges::sort(log_random, std::greater<>());
  std::vector<SvdCase> cases;
  const auto add = [&](const char* name, const std::vector<double>& spectrum) {
    cases.push_back({name, with_spectrum(random, m, n, spectrum), spectrum});
  };
  add("one large", one_large);
  add("one small", one_small);
  add("geometric", geometric);
  add("arithmetic", arithmetic);
  add("log-random", log_random);
  return cases;
}

// A matrix with equal singular values: the vectors are not determined, but the spaces they span are.
struct RepeatedValues {
  explicit RepeatedValues(Random& random)
      : left(random_orthonormal(random, 24, 16)), right(random_orthonormal(random, 16, 16)) {
    spectrum.resize(5, 3);
    spectrum.resize(11, 2);
    spectrum.resize(16, 1);
    a = multiply(multiply(left, diagonal(16, 16, spectrum)), transpose(right));
  }

  Matrix left, right, a;
  std::vector<double> spectrum;
};

// Checks the spaces of its factors in mode 'thin'.
template <typename T>
void check_subspaces(const RepeatedValues& given, const Svd<T>& result) {
  const auto projector = [](const Matrix& columns, std::int64_t from, std::int64_t to) {
    Matrix part(columns.m, to - from);
    for (std::int64_t i = 0; i < part.m; ++i) {
      for (std::int64_t j = 0; j < part.n; ++j) part(i, j) = columns(i, from + j);
    }
    return multiply(part, transpose(part));
  };
  const Matrix u = widen(result.u.data(), given.a.m, given.a.n);
  const Matrix v = transpose(widen(result.vt.data(), given.a.n, given.a.n));
  // The gaps between the values are 1, so the spaces move by no more than the rounding of A, which is 3 eps.
  const double tolerance = kThreshold * static_cast<double>(given.a.m) * 3 * std::numeric_limits<T>::epsilon();
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{{0, 5}, {5, 11}, {11, 16}}) {
    INFO("values ", from, " to ", to);
    CHECK(norm(subtract(projector(u, from, to), projector(given.left, from, to))) < tolerance);
    CHECK(norm(subtract(projector(v, from, to), projector(given.right, from, to))) < tolerance);
  }
}

}  // namespace tensorlane::test
