// Cholesky factors, a matrix a lane: a column of L after the other, each from those before it.
// (G. H. Golub, C. F. Van Loan, Matrix Computations, section 4.2.)
#pragma once

#include "cpu/small/lanes.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
TENSORLANE_INLINE void cholesky_lanes(const CholeskyGroup<T>& group, const Index n) {
  T* const l = group.work;
  Integers<T> bad{};
  Walk of_a{n};
  read_lanes(group.a, group.count, n * n, [&](Values<T> value) {
    if (of_a.column <= of_a.row) bad |= not_finite<T>(value);
    store(l, of_a.row * n + of_a.column, value);
    of_a.next();
  });

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

  Walk of_l{n};
  write_lanes(group.l, group.count, n * n, [&] {
    const Values<T> value = of_l.column > of_l.row ? Values<T>{} : load(l, of_l.row * n + of_l.column);
    of_l.next();
    return value;
  });
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
