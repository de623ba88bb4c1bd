// Householder reflections in lanes, in place as LAPACK's geqrf has them: below the diagonal the reflections' vectors, whose
// first element is 1 and not kept, on and above it R. A reflection takes a column onto minus the sign of its first
// element; one that has nothing below the diagonal is none.
// (G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed., Johns Hopkins 2013, section 5.1.)
#pragma once

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// What a sum of squares must be above, so that its root has digits.
template <typename T>
inline constexpr T kLeastSquare = T{4} * Register<T>::kLeastNormal;

// column -= factor (v^T column) v, over the rows from k on; v[k] is 1.
template <typename T>
TENSORLANE_INLINE void reflect_column(const T* v, Values<T> factor, T* column, Index k, Index rows) {
  Values<T> along = load(column, k);
  for (Index i = k + 1; i < rows; ++i) along += load(v, i) * load(column, i);
  along *= factor;
  store(column, k, load(column, k) - along);
  for (Index i = k + 1; i < rows; ++i) store(column, i, load(column, i) - along * load(v, i));
}

// `a` is rows x columns, by columns. `factors` receives one for each of min(rows, columns).
template <typename T>
TENSORLANE_INLINE void reflect(T* a, Index rows, Index columns, T* factors) {
  const Index steps = rows < columns ? rows : columns;
  for (Index k = 0; k < steps; ++k) {
    T* column = a + k * rows * kLanes<T>;
    Values<T> below{};
    for (Index i = k + 1; i < rows; ++i) below += load(column, i) * load(column, i);
    const Values<T> first = load(column, k);
    const Integers<T> any_below = below > all<T>(kLeastSquare<T>);
    const Values<T> turned = with_sign<T>(root<T>(first * first + below), -first);
    const Values<T> factor = any_below ? (turned - first) / turned : Values<T>{};
    const Values<T> scale = any_below ? T{1} / (first - turned) : Values<T>{};
    for (Index i = k + 1; i < rows; ++i) store(column, i, load(column, i) * scale);
    store(column, k, any_below ? turned : first);
    store(factors, k, factor);
    for (Index j = k + 1; j < columns; ++j) reflect_column(column, factor, a + j * rows * kLanes<T>, k, rows);
  }
}

// Puts Q of such reflections, or its first columns, before what the first `given` columns of q hold in their first
// `steps` rows (zeros below): q = Q q. The columns after those are columns of the identity.
template <typename T>
TENSORLANE_INLINE void apply_reflections(const T* a, const T* factors, Index steps, Index rows, T* q, Index columns,
                                         Index given) {
  for (Index j = 0; j < columns; ++j) {
    // A reflection changes no column of the identity before its own.
    const Index last = j < given || j >= steps ? steps : j + 1;
    for (Index k = last; k-- > 0;) {
      reflect_column(a + k * rows * kLanes<T>, load(factors, k), q + j * rows * kLanes<T>, k, rows);
    }
  }
}

template <typename T>
TENSORLANE_INLINE void set_identity(T* q, Index rows, Index from, Index to) {
  for (Index j = from; j < to; ++j) {
    for (Index i = 0; i < rows; ++i) store(q, j * rows + i, i == j ? all<T>(T{1}) : Values<T>{});
  }
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
