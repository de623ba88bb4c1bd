// Eigenvalues and eigenvectors of symmetric matrices by two-sided Jacobi rotations, a matrix a lane.
//
// A rotation of rows and columns p and q makes a zero of element (p, q); the angles of a round are known before any of its
// rotations, since they have no row in common. An element below rounding of the whole matrix is left alone, and so is a lane
// that has converged, for its bits must not depend on how long others take: when what a sweep's rotations brought into other
// places, element times rotation, is below rounding. (G. H. Golub, C. F. Van Loan, Matrix Computations, section 8.5.)
#pragma once

#include "cpu/small/lanes.h"
#include "cpu/small/rotation.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
struct Symmetric {
  T *a, *v;  // n x n, by columns; v may be null
  Index n;
  Values<T> least;  // an element up to which is no more than rounding
  Integers<T> moving;
  Values<T> worst_element, worst_tangent;

  [[nodiscard]] TENSORLANE_INLINE T* element(Index i, Index j) const { return a + (j * n + i) * kLanes<T>; }
};

// Two rows, whose elements lie n apart.
template <typename T>
TENSORLANE_INLINE void rotate_rows(T* a, T* b, Index n, Values<T> cosine, Values<T> sine) {
  for (Index i = 0; i < n; ++i) {
    const Values<T> x = load(a, i * n);
    const Values<T> y = load(b, i * n);
    store(a, i * n, cosine * x - sine * y);
    store(b, i * n, sine * x + cosine * y);
  }
}

template <typename T>
TENSORLANE_INLINE void rotate_round(Symmetric<T>& matrix, const Pair* pairs, Index count) {
  constexpr Index kMost = Tournament::kMost / 2;
  const Index n = matrix.n;
  Values<T> cosine[kMost];
  Values<T> sine[kMost];
  Values<T> of_p[kMost];
  Values<T> of_q[kMost];
  Integers<T> turns[kMost];
  Integers<T> some{};
  for (Index k = 0; k < count; ++k) {
    const auto [p, q] = pairs[k];
    const Values<T> off = load(matrix.element(p, q), 0);
    const Values<T> in_p = load(matrix.element(p, p), 0);
    const Values<T> in_q = load(matrix.element(q, q), 0);
    const Values<T> size = magnitude<T>(off);
    turns[k] = (size > matrix.least) & matrix.moving;
    some |= turns[k];
    const Values<T> cotangent = (in_q - in_p) * inverse<T>(off + off);
    const Values<T> steep = magnitude<T>(cotangent);
    const Values<T> square = steep * steep + T{1};
    const Values<T> positive = turns[k] ? inverse<T>(steep + square * inverse_root<T>(square)) : Values<T>{};
    const Values<T> tangent = turns[k] ? with_sign<T>(positive, cotangent) : Values<T>{};
    matrix.worst_element = larger<T>(matrix.worst_element, turns[k] ? size : Values<T>{});
    matrix.worst_tangent = larger<T>(matrix.worst_tangent, positive);
    cosine[k] = turns[k] ? inverse_root<T>(tangent * tangent + T{1}) : all<T>(T{1});
    sine[k] = cosine[k] * tangent;
    of_p[k] = turns[k] ? in_p - tangent * off : in_p;
    of_q[k] = turns[k] ? in_q + tangent * off : in_q;
  }
  if (!any<T>(some)) return;
  for (Index k = 0; k < count; ++k) {
    const auto [p, q] = pairs[k];
    rotate(matrix.element(0, p), matrix.element(0, q), n, cosine[k], sine[k]);
    if (matrix.v != nullptr) {
      rotate(matrix.v + p * n * kLanes<T>, matrix.v + q * n * kLanes<T>, n, cosine[k], sine[k]);
    }
  }
  for (Index k = 0; k < count; ++k) {
    const auto [p, q] = pairs[k];
    rotate_rows(matrix.element(p, 0), matrix.element(q, 0), n, cosine[k], sine[k]);
  }
  // What is known better than the rotations have it.
  for (Index k = 0; k < count; ++k) {
    const auto [p, q] = pairs[k];
    store(matrix.element(p, p), 0, of_p[k]);
    store(matrix.element(q, q), 0, of_q[k]);
    const Values<T> off = turns[k] ? Values<T>{} : load(matrix.element(p, q), 0);
    store(matrix.element(p, q), 0, off);
    store(matrix.element(q, p), 0, off);
  }
}

template <typename T>
TENSORLANE_INLINE void eigh_lanes(const EighGroup<T>& group, const Index n) {
  using Integer = typename Register<T>::Integer;
  constexpr Index kWidth = kLanes<T>;
  const bool vectors = group.v[0] != nullptr;
  Symmetric<T> matrix{};
  matrix.n = n;
  matrix.a = group.work;
  matrix.v = vectors ? matrix.a + n * n * kWidth : nullptr;

  Walk of_a{n};
  read_lanes(group.a, group.count, n * n, [&](Values<T> value) {
    store(matrix.element(of_a.row, of_a.column), 0, value);
    of_a.next();
  });
  Integers<T> bad{};
  Values<T> most{};
  for (Index j = 0; j < n; ++j) {
    for (Index i = j; i < n; ++i) {
      bad |= not_finite<T>(load(matrix.element(i, j), 0));
      most = larger<T>(most, magnitude<T>(load(matrix.element(i, j), 0)));
    }
  }
  most = bad ? Values<T>{} : most;
  const Integers<T> exponent = most > Values<T>{} ? -exponent_of<T>(most) : Integers<T>{};
  const Scale<T> scale(exponent);
  const Scale<T> scale_back(-exponent);
  Values<T> square{};
  for (Index j = 0; j < n; ++j) {
    for (Index i = j; i < n; ++i) {
      const Values<T> value = scale(bad ? Values<T>{} : load(matrix.element(i, j), 0));
      store(matrix.element(i, j), 0, value);
      store(matrix.element(j, i), 0, value);
      square += value * value * (i == j ? T{1} : T{2});
    }
  }
  if (vectors) {
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) store(matrix.v, j * n + i, i == j ? all<T>(T{1}) : Values<T>{});
    }
  }

  const Values<T> rounding = root<T>(square) * Register<T>::kUnit;
  matrix.least = rounding * (T{1} / static_cast<T>(n));
  matrix.moving = all_integers<T>(-1);
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    matrix.worst_element = matrix.worst_tangent = Values<T>{};
    Tournament tournament(n);
    for (Index round = 0; round < tournament.rounds(); ++round) {
      Pair pairs[Tournament::kMost / 2];
      rotate_round(matrix, pairs, tournament.next(pairs));
    }
    matrix.moving &= matrix.worst_element * matrix.worst_tangent > rounding;
    if (!any<T>(matrix.moving)) break;
  }

  Values<T> ranked[kMostEigh];  // the other way round, to be ascending
  T values[kMostEigh * kWidth];
  Integers<T> beyond{};
  for (Index j = 0; j < n; ++j) {
    const Values<T> value = load(matrix.element(j, j), 0);
    ranked[j] = -value;
    const Values<T> scaled = scale_back(value) + T{0};
    beyond |= not_finite<T>(scaled);
    store(values, j, scaled);
  }
  Integer places[kMostEigh * kWidth];
  descending<T>(ranked, n, places);
  for (Index lane = 0; lane < group.count; ++lane) {
    for (Index j = 0; j < n; ++j) {
      const auto place = static_cast<Index>(places[j * kWidth + lane]);
      group.w[lane][place] = values[j * kWidth + lane];
      if (!vectors) continue;
      const T* column = matrix.v + j * n * kWidth + lane;
      for (Index i = 0; i < n; ++i) group.v[lane][i * n + place] = column[i * kWidth] + T{0};
    }
  }
  set_done(group);
  set_outcomes(group, matrix.moving | beyond, Outcome::Undone);
  set_outcomes(group, bad, Outcome::NotFinite);
}

template <typename T>
void eigh(const EighGroup<T>& group) {
  switch (group.n) {
    case 3:
      return eigh_lanes(group, 3);
    case 4:
      return eigh_lanes(group, 4);
    default:
      return eigh_lanes(group, group.n);
  }
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
