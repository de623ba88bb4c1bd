// Cholesky factors, a matrix a lane: a column of L after the other, each from those before it.
// (G. H. Golub, C. F. Van Loan, Matrix Computations, section 4.2.)
#pragma once

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
TENSORLANE_INLINE void cholesky_lanes(const CholeskyGroup<T>& group, const Index n) {
  constexpr Index kWidth = kLanes<T>;
  T* const l = group.work;
  for (Index lane = 0; lane < kWidth; ++lane) {
    const T* from = group.a[lane < group.count ? lane : group.count - 1];
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) l[(i * n + j) * kWidth + lane] = from[i * n + j];
    }
  }
  Integers<T> bad{};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) bad |= not_finite<T>(load(l, i * n + j));
  }

  // A sum that has overflowed was no positive definite matrix': there every sum is at most an element of a.
  Integers<T> definite = all_integers<T>(-1);
  for (Index j = 0; j < n; ++j) {
    Values<T> square = load(l, j * n + j);
    for (Index k = 0; k < j; ++k) square -= load(l, j * n + k) * load(l, j * n + k);
    definite &= (square > Values<T>{}) & (square <= all<T>(Register<T>::kMax));
    const Values<T> diagonal = root<T>(square);
    store(l, j * n + j, diagonal);
    for (Index i = j + 1; i < n; ++i) {
      Values<T> value = load(l, i * n + j);
      for (Index k = 0; k < j; ++k) value -= load(l, i * n + k) * load(l, j * n + k);
      store(l, i * n + j, value / diagonal);
    }
  }

  for (Index lane = 0; lane < group.count; ++lane) {
    T* to = group.l[lane];
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) to[i * n + j] = l[(i * n + j) * kWidth + lane];
      for (Index j = i + 1; j < n; ++j) to[i * n + j] = T{0};
    }
  }
  set_done(group);
  set_outcomes(group, ~definite, Outcome::NotPositiveDefinite);
  set_outcomes(group, bad, Outcome::NotFinite);
}

template <typename T>
void cholesky(const CholeskyGroup<T>& group) {
  switch (group.n) {
    case 3:
      return cholesky_lanes(group, 3);
    case 4:
      return cholesky_lanes(group, 4);
    default:
      return cholesky_lanes(group, group.n);
  }
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
