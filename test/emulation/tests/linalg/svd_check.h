// Runs an SVD on the device and judges it by LAPACK's own ratios, each of which must stay below its threshold.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "linalg/gpu.h"
#include "support/matrices.h"
#include "support/operands.h"

namespace tensorlane::test {

inline constexpr double kThreshold = 50;

struct SvdOptions {
  SvdMode mode = SvdMode::Thin;
  SvdDriver driver = SvdDriver::Auto;
  std::int64_t rank = 0;
  Where where = Where::Host;
  int max_sweeps = 0;
};

template <typename T>
struct Svd {
  std::vector<T> u, s, vt;
};

struct SvdCase {
  std::string name;
  Matrix a;
  std::vector<double> spectrum;  // the singular values if they are known, in descending order
};

inline std::string name_of(SvdMode mode) {
  return mode == SvdMode::Thin ? "thin" : (mode == SvdMode::Full ? "full" : "values");
}

inline std::string name_of(SvdDriver driver) {
  switch (driver) {
    case SvdDriver::Auto:
      return "auto";
    case SvdDriver::Gesvd:
      return "gesvd";
    case SvdDriver::Gesvdj:
      return "gesvdj";
    case SvdDriver::Gesvdp:
      return "gesvdp";
    case SvdDriver::Gesvdr:
      return "gesvdr";
    case SvdDriver::Gesvda:
      return "gesvda";
  }
  return "?";
}

template <typename T>
Svd<T> decompose(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
                 const SvdOptions& options = {}) {
  const std::int64_t k = options.rank > 0 ? options.rank : std::min(m, n);
  const bool full = options.mode == SvdMode::Full;
  const bool vectors = options.mode != SvdMode::Values;
  Svd<T> result{unset<T>(vectors ? batch * m * (full ? m : k) : 0), unset<T>(batch * k),
                unset<T>(vectors ? batch * (full ? n : k) * n : 0)};
  SvdArgs args{kDType<T>,         options.mode,      options.driver,     options.rank,      batch, m, n, operand(a),
               operand(result.u), operand(result.s), operand(result.vt), options.max_sweeps};
  gpu.svd(args, options.where);
  return result;
}

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
  const double residual = norm(subtract(multiply(multiply(u, diagonal(u.n, vt.m, s)), vt), a));
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

// Matrices of the same size, as one batch: in each mode the driver knows, all of them, one by one.
template <typename T>
void check_cases(Gpu& gpu, const std::vector<SvdCase>& cases, SvdDriver driver, Where where) {
  const std::int64_t m = cases.front().a.m;
  const std::int64_t n = cases.front().a.n;
  const auto batch = static_cast<std::int64_t>(cases.size());
  std::vector<T> a;
  for (const SvdCase& one : cases) {
    const std::vector<T> narrowed = narrow<T>(one.a);
    a.insert(a.end(), narrowed.begin(), narrowed.end());
  }
  const std::vector<T> before = a;
  const std::int64_t k = std::min(m, n);
  const std::int64_t larger = std::max(m, n);
  std::vector<T> values;
  for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
    if (mode == SvdMode::Full && (larger > 1000 || driver == SvdDriver::Gesvda)) continue;
    INFO("driver ", name_of(driver), ", mode ", name_of(mode), ", in ", name_of(where), ", ", batch, " of ", m, " x ",
         n);
    const Svd<T> result = decompose(gpu, a, batch, m, n, {mode, driver, 0, where});
    CHECK_MESSAGE(std::equal(a.begin(), a.end(), before.begin()), "the input was written to");
    for (std::int64_t i = 0; i < batch; ++i) {
      const SvdCase& one = cases[static_cast<std::size_t>(i)];
      INFO("matrix ", i, ": ", one.name);
      const T* s = result.s.data() + i * k;
      check_values(s, one.spectrum, larger, "the known spectrum");
      if (mode == SvdMode::Values) {
        values.insert(values.end(), s, s + k);
        continue;
      }
      const bool full = mode == SvdMode::Full;
      check_values(s, std::vector<double>(values.begin() + i * k, values.begin() + (i + 1) * k), larger,
                   "against mode 'values'");
      check_factors(widen(a.data() + i * m * n, m, n), result.u.data() + i * m * (full ? m : k), s,
                    result.vt.data() + i * (full ? n : k) * n, mode);
    }
  }
}

}  // namespace tensorlane::test
