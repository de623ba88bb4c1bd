// LU factors as cuBLAS and cuSOLVER make and use them: with pivots, 1-based, or without any.
#pragma once

#include "libraries/lapack.h"

namespace emulation::libraries {

// Without pivots where `pivots` is null. A NaN does not come through, as has been seen of the real one.
template <typename T>
Int factor(Matrix<T>& a, std::vector<Int>* pivots) {
  if (a.data.empty()) return 0;
  for (T& value : a.data)
    if (std::isnan(value)) value = T{0};
  if (pivots != nullptr) return getrf(a, *pivots);
  Int info = 0;
  for (std::int64_t k = 0; k < std::min(a.rows, a.columns); ++k) {
    if (a(k, k) == T{0}) {
      if (info == 0) info = static_cast<Int>(k + 1);
      continue;
    }
    for (std::int64_t i = k + 1; i < a.rows; ++i) a(i, k) /= a(k, k);
    for (std::int64_t j = k + 1; j < a.columns; ++j)
      for (std::int64_t i = k + 1; i < a.rows; ++i) a(i, j) -= a(i, k) * a(k, j);
  }
  return info;
}

template <typename T>
void swap_rows(Matrix<T>& b, const std::vector<Int>& pivots, bool backwards) {
  const std::int64_t n = static_cast<std::int64_t>(pivots.size());
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t i = backwards ? n - 1 - step : step;
    const std::int64_t other = pivots[static_cast<std::size_t>(i)] - 1;
    if (other < 0 || other >= b.rows) continue;  // pivots that are none; the real one goes wrong as well
    for (std::int64_t j = 0; j < b.columns; ++j) std::swap(b(i, j), b(other, j));
  }
}

// b = op(a)^-1 b; no pivots: none were used.
template <typename T>
void solve_with(const Matrix<T>& lu, const std::vector<Int>& pivots, bool transpose, Matrix<T>& b) {
  if (b.data.empty()) return;
  if (!transpose) {
    swap_rows(b, pivots, false);
    trsm(CblasLeft, CblasLower, CblasNoTrans, CblasUnit, T{1}, lu, b);
    trsm(CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, T{1}, lu, b);
  } else {
    trsm(CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, T{1}, lu, b);
    trsm(CblasLeft, CblasLower, CblasTrans, CblasUnit, T{1}, lu, b);
    swap_rows(b, pivots, true);
  }
}

}  // namespace emulation::libraries
