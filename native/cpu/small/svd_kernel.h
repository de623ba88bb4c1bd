// The SVD by one-sided Jacobi rotations, a matrix a lane; larger ones by svd_rows_kernel.h.
//
// What is decomposed is tall, of `rows` x n: a wide matrix is taken as its transpose. Its columns are sorted by length,
// A P = Q1 R, and rotations from the right make the columns of R^T orthogonal: R^T W = X S. So A = (Q1 W) S (P X)^T. The
// lengths of the columns are the singular values, each with the digits that it has (of a matrix whose columns are far
// apart in scale, all), and R^T takes far fewer sweeps than A where A is badly conditioned.
// (Z. Drmač, K. Veselić, SIAM J. Matrix Anal. Appl. 29 (2008) 1322 and 1343.)
//
// A lane that has converged is left alone, so that its bits do not depend on how long others take.
#pragma once

#include "cpu/small/householder.h"
#include "cpu/small/lanes.h"
#include "cpu/small/one_sided.h"
#include "cpu/small/rotation.h"
#include "cpu/small/svd_rows_kernel.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// The columns that are made orthogonal, x, and those that the rotations are gathered in, w: n columns of n elements each, the
// latter `w_rows` apart; w may be null.
template <typename T>
struct Columns {
  T *x, *w;
  Index n, w_rows;
  Values<T> squares[kMostSvd];  // of the lengths of x's columns
  Integers<T> moving;           // the lanes that have not converged
  Values<T> least_cosine;
  Worst<T> worst;

  [[nodiscard]] TENSORLANE_INLINE T* column(Index j) const { return x + j * n * kLanes<T>; }
  [[nodiscard]] TENSORLANE_INLINE T* gathered(Index j) const { return w + j * w_rows * kLanes<T>; }
};

template <typename T>
TENSORLANE_INLINE Values<T> square_of(const T* column, Index n) {
  Values<T> even{};
  Values<T> odd{};
  Index i = 0;
  for (; i + 1 < n; i += 2) {
    even += load(column, i) * load(column, i);
    odd += load(column, i + 1) * load(column, i + 1);
  }
  if (i < n) even += load(column, i) * load(column, i);
  return even + odd;
}

// kPairs that have no column in common: while one waits for its quotients, the others compute.
template <typename T, int kPairs>
TENSORLANE_INLINE void rotate_pairs(Columns<T>& columns, const Pair* pairs) {
  const Index n = columns.n;
  T* x[kPairs];
  T* y[kPairs];
  Values<T> dot[kPairs];
  Values<T> cosine[kPairs];
  Values<T> sine[kPairs];
  for (int k = 0; k < kPairs; ++k) {
    x[k] = columns.column(pairs[k].p);
    y[k] = columns.column(pairs[k].q);
    dot[k] = Values<T>{};
  }
  for (Index i = 0; i < n; ++i) {
    for (int k = 0; k < kPairs; ++k) dot[k] += load(x[k], i) * load(y[k], i);
  }
  Integers<T> some{};
  for (int k = 0; k < kPairs; ++k) {
    Values<T>& p = columns.squares[pairs[k].p];
    Values<T>& q = columns.squares[pairs[k].q];
    const Turn<T> turn(dot[k], p, q, columns.least_cosine, columns.moving, columns.worst);
    some |= turn.turns;
    cosine[k] = turn.cosine;
    sine[k] = turn.sine;
    p = turn.square_of_p;
    q = turn.square_of_q;
  }
  if (!any<T>(some)) return;
  for (int k = 0; k < kPairs; ++k) {
    rotate(x[k], y[k], n, cosine[k], sine[k]);
    if (columns.w != nullptr) rotate(columns.gathered(pairs[k].p), columns.gathered(pairs[k].q), n, cosine[k], sine[k]);
  }
}

// Gives the lanes that have not converged.
template <typename T>
TENSORLANE_INLINE Integers<T> make_orthogonal(Columns<T>& columns) {
  const Index n = columns.n;
  columns.least_cosine = all<T>(least_cosine<T>(n));
  columns.moving = all_integers<T>(-1);
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    for (Index j = 0; j < n; ++j) columns.squares[j] = square_of(columns.column(j), n);
    columns.worst = Worst<T>{};
    Tournament tournament(n);
    for (Index round = 0; round < tournament.rounds(); ++round) {
      Pair pairs[Tournament::kMost / 2];
      const Index count = tournament.next(pairs);
      Index k = 0;
      for (; k + 4 <= count; k += 4) rotate_pairs<T, 4>(columns, pairs + k);
      if (k + 2 <= count) {
        rotate_pairs<T, 2>(columns, pairs + k);
        k += 2;
      }
      if (k < count) rotate_pairs<T, 1>(columns, pairs + k);
    }
    columns.moving &= columns.worst.left_behind() > all<T>(T{2}) * columns.least_cosine;
    if (!any<T>(columns.moving)) break;
  }
  return columns.moving;
}

// Makes the columns of zeros among n orthonormal ones unit vectors that are orthogonal to all others: of the axes the one
// that is farthest from them, less what it has of them, twice against rounding.
template <typename T>
TENSORLANE_INLINE void complete(T* x, Index n, const Integers<T>* is_null, T* candidate) {
  for (Index j = 0; j < n; ++j) {
    if (!any<T>(is_null[j])) continue;
    Values<T> least = all<T>(T{2});
    Integers<T> axis{};
    for (Index i = 0; i < n; ++i) {
      Values<T> weight{};
      for (Index k = 0; k < n; ++k) weight += load(x, k * n + i) * load(x, k * n + i);
      const Integers<T> less = weight < least;
      least = less ? weight : least;
      axis = less ? all_integers<T>(i) : axis;
    }
    for (Index i = 0; i < n; ++i) store(candidate, i, axis == all_integers<T>(i) ? all<T>(T{1}) : Values<T>{});
    for (int pass = 0; pass < 2; ++pass) {
      for (Index k = 0; k < n; ++k) {
        const T* other = x + k * n * kLanes<T>;
        Values<T> along{};
        for (Index i = 0; i < n; ++i) along += load(other, i) * load(candidate, i);
        for (Index i = 0; i < n; ++i) store(candidate, i, load(candidate, i) - along * load(other, i));
      }
      const Values<T> length = root<T>(square_of(candidate, n));
      for (Index i = 0; i < n; ++i) store(candidate, i, load(candidate, i) / length);
    }
    T* column = x + j * n * kLanes<T>;
    for (Index i = 0; i < n; ++i) store(column, i, is_null[j] ? load(candidate, i) : load(column, i));
  }
}

// The exponents that the lanes are scaled by; `a` is of rows x columns, by columns. `least` receives the largest element of the
// smallest column, zeros aside.
template <typename T>
TENSORLANE_INLINE Integers<T> centre(const T* a, Index rows, Index columns, Values<T>& least) {
  Values<T> most{};
  least = all<T>(Register<T>::kMax);
  for (Index j = 0; j < columns; ++j) {
    Values<T> largest{};
    for (Index i = 0; i < rows; ++i) largest = larger<T>(largest, magnitude<T>(load(a, j * rows + i)));
    most = larger<T>(most, largest);
    least = smaller<T>(least, largest > Values<T>{} ? largest : all<T>(Register<T>::kMax));
  }
  return centred_exponent<T>(most, least);
}

template <typename T>
TENSORLANE_INLINE void svd_lanes(const SvdGroup<T>& group, const Index n) {
  using Integer = typename Register<T>::Integer;
  constexpr Index kWidth = kLanes<T>;
  const bool tall = group.m >= group.n;
  const Index rows = tall ? group.m : group.n;
  const bool vectors = group.u[0] != nullptr;
  // What the tall matrix' left factor is: u, or the transpose of vt.
  const Index left_columns = vectors ? (tall ? group.u_columns : group.vt_rows) : 0;
  T* const a = group.work;
  T* const sorted = a + rows * n * kWidth;
  T* const left = sorted + rows * n * kWidth;
  T* const factors = left + rows * left_columns * kWidth;
  T* const candidate = factors + n * kWidth;

  const Integers<T> bad = pack(group.a, group.count, rows, n, tall, a);
  Values<T> least;
  const Integers<T> exponent = centre(a, rows, n, least);
  const Scale<T> scale(exponent);
  const Scale<T> scale_back(-exponent);
  for (Index at = 0; at < rows * n; ++at) store(a, at, scale(load(a, at)));

  Columns<T> columns{};
  columns.n = n;
  for (Index j = 0; j < n; ++j) columns.squares[j] = square_of(a + j * rows * kWidth, rows);
  Integer from[kMostSvd * kWidth];  // where column j of a went to
  descending<T>(columns.squares, n, from);
  for (Index j = 0; j < n; ++j) {
    for (Index lane = 0; lane < kWidth; ++lane) {
      const T* source = a + j * rows * kWidth + lane;
      T* target = sorted + static_cast<Index>(from[j * kWidth + lane]) * rows * kWidth + lane;
      for (Index i = 0; i < rows; ++i) target[i * kWidth] = source[i * kWidth];
    }
  }
  reflect(sorted, rows, n, factors);

  T* const x = a;
  for (Index j = 0; j < n; ++j) {
    for (Index i = 0; i < n; ++i) store(x, j * n + i, i >= j ? load(sorted, i * rows + j) : Values<T>{});
  }
  columns.x = x;
  columns.w_rows = rows;
  if (vectors) {
    columns.w = left;
    set_identity(left, rows, 0, left_columns);
  }
  const Integers<T> unconverged = make_orthogonal(columns);

  Values<T> lengths[kMostSvd];
  Integers<T> is_null[kMostSvd];
  Integers<T> some_null{};
  Integers<T> beyond = too_far_apart<T>(scale, least);
  for (Index j = 0; j < n; ++j) {
    const Values<T> square = square_of(columns.column(j), n);
    lengths[j] = root<T>(square);
    is_null[j] = square <= all<T>(SvdLimits<T>::kNullSquare);
    some_null |= is_null[j];
  }
  Integer places[kMostSvd * kWidth];
  descending<T>(lengths, n, places);
  if (vectors) {
    for (Index j = 0; j < n; ++j) {
      const Values<T> shrink = is_null[j] ? Values<T>{} : T{1} / lengths[j];
      for (Index i = 0; i < n; ++i) store(x, j * n + i, load(x, j * n + i) * shrink);
    }
    if (any<T>(some_null)) complete(x, n, is_null, candidate);
    apply_reflections(sorted, factors, n, rows, left, left_columns, n);
  }
  T values[kMostSvd * kWidth];
  for (Index j = 0; j < n; ++j) {
    const Values<T> value = scale_back(lengths[j]);
    beyond |= not_finite<T>(value);
    store(values, j, value);
  }

  for (Index lane = 0; lane < group.count; ++lane) {
    T* const s = group.s[lane];
    for (Index j = 0; j < n; ++j) s[places[j * kWidth + lane]] = values[j * kWidth + lane];
    if (!vectors) continue;
    // Element (i, j) of the left and of the right factor.
    T* const of_left = tall ? group.u[lane] : group.vt[lane];
    T* const of_right = tall ? group.vt[lane] : group.u[lane];
    const Index left_row = tall ? left_columns : 1;
    const Index left_column = tall ? 1 : rows;
    const Index right_row = tall ? 1 : n;
    const Index right_column = tall ? n : 1;
    for (Index j = 0; j < left_columns; ++j) {
      T* to = of_left + (j < n ? static_cast<Index>(places[j * kWidth + lane]) : j) * left_column;
      const T* column = left + j * rows * kWidth + lane;
      for (Index i = 0; i < rows; ++i) to[i * left_row] = column[i * kWidth] + T{0};
    }
    for (Index j = 0; j < n; ++j) {
      T* to = of_right + static_cast<Index>(places[j * kWidth + lane]) * right_column;
      const T* column = x + j * n * kWidth + lane;
      for (Index i = 0; i < n; ++i)
        to[i * right_row] = column[static_cast<Index>(from[i * kWidth + lane]) * kWidth] + T{0};
    }
  }
  set_done(group);
  set_outcomes(group, unconverged | beyond, Outcome::Undone);
  set_outcomes(group, bad, Outcome::NotFinite);
}

// Sizes that are asked for most have loops of their own.
template <typename T>
void svd(const SvdGroup<T>& group) {
  const Index n = group.m < group.n ? group.m : group.n;
  if (n > kMostSvd) return svd_rows(group);
  switch (n) {
    case 3:
      return svd_lanes(group, 3);
    case 4:
      return svd_lanes(group, 4);
    case 16:
      return svd_lanes(group, 16);
    default:
      return svd_lanes(group, n);
  }
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
