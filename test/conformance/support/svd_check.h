// Runs SVDs on the device, by the driver that a test names, and judges them.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "subject.h"
#include "support/matrices.h"
#include "support/operands.h"
#include "support/svd.h"

namespace tensorlane::test {

struct SvdOptions {
  SvdMode mode = SvdMode::Thin;
  SvdDriver driver = SvdDriver::Auto;
  std::int64_t rank = 0;
  Where where = Where::Host;
  int max_sweeps = 0;
};

template <typename T>
Svd<T> decompose(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
                 const SvdOptions& options = {}) {
  const std::int64_t k = options.rank > 0 ? options.rank : std::min(m, n);
  const bool full = options.mode == SvdMode::Full;
  const bool vectors = options.mode != SvdMode::Values;
  Svd<T> result{unset<T>(vectors ? batch * m * (full ? m : k) : 0), unset<T>(batch * k),
                unset<T>(vectors ? batch * (full ? n : k) * n : 0)};
  SvdArgs args{kDType<T>,         options.mode,      options.driver,     options.rank,      batch, m, n, operand(a),
               operand(result.u), operand(result.s), operand(result.vt), options.max_sweeps};
  subject.svd(args, options.where);
  return result;
}

// Matrices of the same size, as one batch: in each mode the driver knows, all of them, one by one.
template <typename T>
void check_cases(Subject& subject, const std::vector<SvdCase>& cases, SvdDriver driver, Where where) {
  const std::int64_t m = cases.front().a.m;
  const std::int64_t n = cases.front().a.n;
  const auto batch = static_cast<std::int64_t>(cases.size());
  std::vector<T> a;
  for (const SvdCase& one : cases) {
    const std::vector<T> narrowed = narrow<T>(one.a);
    a.insert(a.end(), narrowed.begin(), narrowed.end());
  }
  const std::int64_t k = std::min(m, n);
  const std::int64_t larger = std::max(m, n);
  std::vector<T> values;
  for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
    if (mode == SvdMode::Full && (larger > 1000 || driver == SvdDriver::Gesvda)) continue;
    INFO("driver ", name_of(driver), ", mode ", name_of(mode), ", in ", name_of(where), ", ", batch, " of ", m, " x ",
         n);
    const Svd<T> result = decompose(subject, a, batch, m, n, {mode, driver, 0, where});
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
