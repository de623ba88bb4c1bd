// Linear systems, inverses and determinants by elimination with partial pivoting, a matrix a lane.
//
// The right-hand sides stand beside the matrix and are eliminated with it, so that no lower factor is kept. Each lane has a
// pivot of its own: the row that it stands in is gathered from all rows, and the row that it replaces goes to its place,
// both by choosing between registers. (G. H. Golub, C. F. Van Loan, Matrix Computations, section 3.4.)
//
// What pivots far from 1 or from one another, or a result that is not finite, make doubtful is left undone: the caller
// scales such a matrix first, and so is one with a pivot of zero, which may have become one by underflow alone.
#pragma once

#include "cpu/small/lanes.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// n rows of `width` registers each.
template <typename T>
struct Rows {
  T* data;
  Index n, width;

  [[nodiscard]] TENSORLANE_INLINE Values<T> get(Index i, Index j) const { return load(data, i * width + j); }
  TENSORLANE_INLINE void set(Index i, Index j, Values<T> value) const { store(data, i * width + j, value); }
};

template <typename T>
struct Elimination {
  Integers<T> odd{};  // an odd number of exchanges
  Values<T> smallest = all<T>(Register<T>::kMax);
  Values<T> largest = all<T>(T{1});
};

// `replaced` has room for a row.
template <typename T>
TENSORLANE_INLINE Elimination<T> eliminate(const Rows<T>& rows, T* replaced) {
  const Index n = rows.n;
  Elimination<T> result;
  for (Index k = 0; k < n; ++k) {
    Values<T> best = magnitude<T>(rows.get(k, k));
    Integers<T> place = all_integers<T>(k);
    for (Index i = k + 1; i < n; ++i) {
      const Values<T> size = magnitude<T>(rows.get(i, k));
      const Integers<T> better = size > best;
      best = better ? size : best;
      place = better ? all_integers<T>(i) : place;
    }
    result.smallest = smaller<T>(result.smallest, best);
    result.largest = larger<T>(result.largest, best);
    // A NaN, from what has overflowed, is in no order: as a pivot it is none that is safe.
    result.smallest = best <= all<T>(Register<T>::kMax) ? result.smallest : Values<T>{};
    const Integers<T> exchanged = place != all_integers<T>(k);
    const bool exchanges = any<T>(exchanged);
    if (exchanges) {
      result.odd ^= exchanged;
      for (Index j = k; j < rows.width; ++j) {
        const Values<T> here = rows.get(k, j);
        Values<T> pivot = here;
        for (Index i = k + 1; i < n; ++i) pivot = place == all_integers<T>(i) ? rows.get(i, j) : pivot;
        store(replaced, j, here);
        rows.set(k, j, pivot);
      }
    }
    const Values<T> pivot = rows.get(k, k);
    for (Index i = k + 1; i < n; ++i) {
      if (exchanges) {
        const Integers<T> goes = place == all_integers<T>(i);
        const Values<T> factor = (goes ? load(replaced, k) : rows.get(i, k)) / pivot;
        for (Index j = k + 1; j < rows.width; ++j) {
          rows.set(i, j, (goes ? load(replaced, j) : rows.get(i, j)) - factor * rows.get(k, j));
        }
      } else {
        const Values<T> factor = rows.get(i, k) / pivot;
        for (Index j = k + 1; j < rows.width; ++j) rows.set(i, j, rows.get(i, j) - factor * rows.get(k, j));
      }
    }
  }
  return result;
}

// The columns from n on become the solutions.
template <typename T>
TENSORLANE_INLINE Integers<T> substitute(const Rows<T>& rows) {
  const Index n = rows.n;
  Integers<T> beyond{};
  for (Index i = n; i-- > 0;) {
    const Values<T> pivot = rows.get(i, i);
    for (Index c = n; c < rows.width; ++c) {
      Values<T> value = rows.get(i, c);
      for (Index j = i + 1; j < n; ++j) value -= rows.get(i, j) * rows.get(j, c);
      value /= pivot;
      beyond |= not_finite<T>(value);
      rows.set(i, c, value);
    }
  }
  return beyond;
}

template <typename T>
TENSORLANE_INLINE void lu_lanes(const LuGroup<T>& group, const Index n, const Index right_sides) {
  constexpr Index kWidth = kLanes<T>;
  const Index width = n + right_sides;
  const Rows<T> rows{group.work, n, width};
  T* const replaced = group.work + n * width * kWidth;
  const bool inverts = right_sides != 0 && group.b[0] == nullptr;

  Integers<T> bad{};
  const auto read = [&](const T* const* from, Index first, Index columns) {
    Walk walk{columns};
    read_lanes(from, group.count, n * columns, [&](Values<T> value) {
      bad |= not_finite<T>(value);
      rows.set(walk.row, first + walk.column, value);
      walk.next();
    });
  };
  read(group.a, 0, n);
  if (inverts) {
    for (Index i = 0; i < n; ++i) {
      for (Index c = 0; c < n; ++c) rows.set(i, n + c, i == c ? all<T>(T{1}) : Values<T>{});
    }
  } else if (right_sides != 0) {
    read(group.b, n, right_sides);
  }

  const Elimination<T> found = eliminate(rows, replaced);
  const T least = Register<T>::kLeastNormal / (T{2} * Register<T>::kUnit);
  const Integers<T> doubtful = ~(found.smallest >= found.largest * least);
  if (right_sides == 0) {
    T pivots[(kMostLu + 1) * kWidth];
    for (Index i = 0; i < n; ++i) store(pivots, i, rows.get(i, i));
    store(pivots, n, found.odd != Integers<T>{} ? all<T>(T{-1}) : all<T>(T{1}));
    for (Index lane = 0; lane < group.count; ++lane) {
      for (Index i = 0; i <= n; ++i) group.pivots[lane][i] = pivots[i * kWidth + lane];
    }
  }
  const Integers<T> beyond = substitute(rows);
  if (right_sides != 0) {
    Walk walk{right_sides};
    write_lanes(group.x, group.count, n * right_sides, [&] {
      const Values<T> value = rows.get(walk.row, n + walk.column);
      walk.next();
      return value;
    });
  }
  set_done(group);
  set_outcomes(group, doubtful | beyond, Outcome::Undone);
  set_outcomes(group, bad, Outcome::NotFinite);
}

template <typename T>
void lu(const LuGroup<T>& group) {
  const Index n = group.n;
  const Index right_sides = group.right_sides;
  if (n == 2 && right_sides == 2) return lu_lanes(group, 2, 2);
  if (n == 3 && right_sides == 3) return lu_lanes(group, 3, 3);
  if (n == 4 && right_sides == 4) return lu_lanes(group, 4, 4);
  if (n == 3 && right_sides == 1) return lu_lanes(group, 3, 1);
  if (n == 4 && right_sides == 1) return lu_lanes(group, 4, 1);
  if (n == 4 && right_sides == 0) return lu_lanes(group, 4, 0);
  lu_lanes(group, n, right_sides);
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
