// The SVD by one-sided Jacobi rotations of one matrix at a time, for what is too large to lie in lanes and stay in the
// first-level cache: by the same steps as svd_kernel.h.
//
// The columns sit on the two sides of a table, and each row of the matrix is kept so: the elements of the columns on one side,
// then those of the columns on the other side, who face them. So one register's worth of rotations is computed at once, and
// applied to a row by multiplying registers. Between two rounds all but one move up by a seat, round the table, which is a
// shuffle of two registers; after a sweep everyone has met everyone and sits where he sat.
#pragma once

#include <utility>

#include "cpu/small/one_sided.h"
#include "cpu/small/rotation.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// Of one side.
inline constexpr Index kSeats = 16;
static_assert(2 * kSeats == kMostRows);

// From lane `from` of the first on.
template <typename T, Index from, Index... at>
TENSORLANE_INLINE Values<T> slide(Values<T> first, Values<T> second, std::integer_sequence<Index, at...> /*lanes*/) {
  return pick<T, (at + from)...>(first, second);
}
// Lane 0 of the first, lane 0 of the second, and on with lane 1 of the first.
template <typename T, Index... at>
TENSORLANE_INLINE Values<T> insert_second(Values<T> first, Values<T> second,
                                          std::integer_sequence<Index, at...> /*lanes*/) {
  return pick<T, (at == 0 ? 0 : (at == 1 ? kLanes<T> : at - 1))...>(first, second);
}

template <typename T>
struct RoundTable {
  static constexpr Index kHalf = kSeats / kLanes<T>;  // registers a side
  static constexpr Index kWidth = 2 * kSeats;         // elements a row
  using Lanes = std::make_integer_sequence<Index, kLanes<T>>;

  Index players;
  Integers<T> taken[kHalf];  // the seats of a side that are
  Integers<T> end[kHalf];    // the last of those

  TENSORLANE_INLINE explicit RoundTable(Index n) : players(n + n % 2) {
    for (Index r = 0; r < kHalf; ++r) {
      for (Index lane = 0; lane < kLanes<T>; ++lane) {
        const Index seat = r * kLanes<T> + lane;
        taken[r][lane] = seat < players / 2 ? -1 : 0;
        end[r][lane] = seat == players / 2 - 1 ? -1 : 0;
      }
    }
  }

  // Where column j's elements are in a row at the beginning of a sweep.
  [[nodiscard]] TENSORLANE_INLINE Index seat(Index j) const { return j < players / 2 ? j : kSeats + players - 1 - j; }

  // Everyone but the first moves up: along one side, round its end, and back along the other.
  TENSORLANE_INLINE void move_up(Values<T>* near, Values<T>* far) const {
    Values<T> moved_near[kHalf];
    Values<T> moved_far[kHalf];
    for (Index r = 0; r < kHalf; ++r) {
      const Values<T> along = r == 0 ? insert_second<T>(near[0], far[0], Lanes{})
                                     : slide<T, kLanes<T> - 1>(near[r == 0 ? 0 : r - 1], near[r], Lanes{});
      moved_near[r] = taken[r] ? along : Values<T>{};
      const Values<T> back = slide<T, 1>(far[r], r + 1 < kHalf ? far[r + 1 < kHalf ? r + 1 : r] : Values<T>{}, Lanes{});
      moved_far[r] = end[r] ? near[r] : back;
    }
    for (Index r = 0; r < kHalf; ++r) {
      near[r] = moved_near[r];
      far[r] = moved_far[r];
    }
  }
};

template <typename T>
struct Angles {
  Values<T> cosine[RoundTable<T>::kHalf], sine[RoundTable<T>::kHalf];
};

// One row: rotated, moved up and stored. `near` and `far` receive what it is then.
template <typename T>
TENSORLANE_INLINE void turn_row(const RoundTable<T>& table, const Angles<T>& angles, T* row, Values<T>* near,
                                Values<T>* far) {
  constexpr Index kHalf = RoundTable<T>::kHalf;
  for (Index r = 0; r < kHalf; ++r) {
    const Values<T> x = load(row, r);
    const Values<T> y = load(row, kHalf + r);
    near[r] = angles.cosine[r] * x - angles.sine[r] * y;
    far[r] = angles.sine[r] * x + angles.cosine[r] * y;
  }
  table.move_up(near, far);
  for (Index r = 0; r < kHalf; ++r) {
    store(row, r, near[r]);
    store(row, kHalf + r, far[r]);
  }
}

template <typename T>
TENSORLANE_INLINE T largest_of(const Values<T>* values, Index count) {
  T largest = 0;
  for (Index r = 0; r < count; ++r) {
    for (Index lane = 0; lane < kLanes<T>; ++lane) largest = values[r][lane] > largest ? values[r][lane] : largest;
  }
  return largest;
}

// Makes the columns of x, n rows, orthogonal, and gathers the rotations in w, n rows, where it is not null. Gives whether they
// have become so.
template <typename T>
TENSORLANE_INLINE bool make_rows_orthogonal(const RoundTable<T>& table, T* x, T* w, Index n) {
  constexpr Index kHalf = RoundTable<T>::kHalf;
  constexpr Index kWidth = RoundTable<T>::kWidth;
  const Values<T> least = all<T>(least_cosine<T>(n));
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    Values<T> of_near[kHalf];
    Values<T> of_far[kHalf];
    Values<T> dot[kHalf];
    Worst<T> worst[kHalf];
    for (Index r = 0; r < kHalf; ++r) {
      of_near[r] = of_far[r] = dot[r] = Values<T>{};
      worst[r] = Worst<T>{};
      for (Index i = 0; i < n; ++i) {
        const Values<T> near = load(x + i * kWidth, r);
        const Values<T> far = load(x + i * kWidth, kHalf + r);
        of_near[r] += near * near;
        of_far[r] += far * far;
        dot[r] += near * far;
      }
    }
    for (Index round = 0; round + 1 < table.players; ++round) {
      Angles<T> angles;
      for (Index r = 0; r < kHalf; ++r) {
        const Turn<T> turn(dot[r], of_near[r], of_far[r], least, all_integers<T>(-1), worst[r]);
        angles.cosine[r] = turn.cosine;
        angles.sine[r] = turn.sine;
        of_near[r] = turn.square_of_p;
        of_far[r] = turn.square_of_q;
      }
      table.move_up(of_near, of_far);
      Values<T> even[kHalf];
      Values<T> odd[kHalf];
      for (Index r = 0; r < kHalf; ++r) even[r] = odd[r] = Values<T>{};
      Values<T> near[kHalf];
      Values<T> far[kHalf];
      Index i = 0;
      for (; i + 1 < n; i += 2) {
        turn_row(table, angles, x + i * kWidth, near, far);
        for (Index r = 0; r < kHalf; ++r) even[r] += near[r] * far[r];
        turn_row(table, angles, x + (i + 1) * kWidth, near, far);
        for (Index r = 0; r < kHalf; ++r) odd[r] += near[r] * far[r];
      }
      if (i < n) {
        turn_row(table, angles, x + i * kWidth, near, far);
        for (Index r = 0; r < kHalf; ++r) even[r] += near[r] * far[r];
      }
      for (Index r = 0; r < kHalf; ++r) dot[r] = even[r] + odd[r];
      for (Index k = 0; w != nullptr && k < n; ++k) turn_row(table, angles, w + k * kWidth, near, far);
    }
    Values<T> cosines[kHalf];
    Values<T> tangents[kHalf];
    for (Index r = 0; r < kHalf; ++r) {
      cosines[r] = worst[r].cosine;
      tangents[r] = worst[r].tangent;
    }
    const T cosine = largest_of<T>(cosines, kHalf);
    const T tangent = largest_of<T>(tangents, kHalf);
    if (cosine * (cosine > tangent ? cosine : tangent) <= T{2} * least_cosine<T>(n)) return true;
  }
  return false;
}

// a, of rows x n and kSeats * 2 elements from row to row, becomes R with the vectors of its reflections below: see
// householder.h. `line` has room for a row.
template <typename T>
TENSORLANE_INLINE void reflect_rows(T* a, Index rows, Index n, T* factors, T* line) {
  constexpr Index kWidth = RoundTable<T>::kWidth;
  constexpr Index kRegisters = kWidth / kLanes<T>;
  for (Index k = 0; k < n; ++k) {
    T* const top = a + k * kWidth;
    const Index from = k / kLanes<T>;
    Values<T> sums[kRegisters];
    for (Index r = 0; r < kRegisters; ++r) sums[r] = Values<T>{};
    for (Index i = k + 1; i < rows; ++i) {
      const T* row = a + i * kWidth;
      for (Index r = 0; r < kRegisters; ++r) sums[r] += row[k] * load(row, r);
    }
    for (Index r = 0; r < kRegisters; ++r) store(line, r, sums[r]);
    const T below = line[k];
    const T first = top[k];
    if (!(below > T{4} * Register<T>::kLeastNormal)) {
      factors[k] = T{0};
      for (Index i = k + 1; i < rows; ++i) a[i * kWidth + k] = T{0};
      continue;
    }
    const T length = static_cast<T>(__builtin_sqrt(static_cast<double>(first * first + below)));
    const T turned = first < T{0} ? length : -length;
    const T factor = (turned - first) / turned;
    const T scale = T{1} / (first - turned);
    factors[k] = factor;
    for (Index r = 0; r < kRegisters; ++r) store(line, r, factor * (load(top, r) + scale * load(line, r)));
    for (Index j = 0; j <= k; ++j) line[j] = T{0};
    for (Index r = from; r < kRegisters; ++r) store(top, r, load(top, r) - load(line, r));
    top[k] = turned;
    for (Index i = k + 1; i < rows; ++i) {
      T* const row = a + i * kWidth;
      const T v = row[k] * scale;
      for (Index r = from; r < kRegisters; ++r) store(row, r, load(row, r) - v * load(line, r));
      row[k] = v;
    }
  }
}

// q = Q q, where Q is the product of these reflections and q has as many rows, of kSeats * 2 elements.
template <typename T>
TENSORLANE_INLINE void apply_row_reflections(const T* a, const T* factors, Index rows, Index n, T* q) {
  constexpr Index kWidth = RoundTable<T>::kWidth;
  constexpr Index kRegisters = kWidth / kLanes<T>;
  for (Index k = n; k-- > 0;) {
    if (factors[k] == T{0}) continue;
    T* const top = q + k * kWidth;
    Values<T> along[kRegisters];
    for (Index r = 0; r < kRegisters; ++r) along[r] = load(top, r);
    for (Index i = k + 1; i < rows; ++i) {
      const T v = a[i * kWidth + k];
      for (Index r = 0; r < kRegisters; ++r) along[r] += v * load(q + i * kWidth, r);
    }
    for (Index r = 0; r < kRegisters; ++r) {
      along[r] *= factors[k];
      store(top, r, load(top, r) - along[r]);
    }
    for (Index i = k + 1; i < rows; ++i) {
      const T v = a[i * kWidth + k];
      for (Index r = 0; r < kRegisters; ++r) store(q + i * kWidth, r, load(q + i * kWidth, r) - v * along[r]);
    }
  }
}

// The places of n numbers in descending order; of equal ones the earlier comes first.
template <typename T>
TENSORLANE_INLINE void places_of(const T* values, Index n, Index* places) {
  for (Index j = 0; j < n; ++j) {
    Index place = 0;
    for (Index i = 0; i < n; ++i) place += values[i] > values[j] || (values[i] == values[j] && i < j) ? 1 : 0;
    places[j] = place;
  }
}

template <typename T>
struct OneMatrix {
  const T* a;
  T *u, *s, *vt;
};

// In mode 'full' only of a square matrix. Columns of zeros, or nearly, are left to others.
template <typename T>
TENSORLANE_INLINE Outcome svd_of_rows(const OneMatrix<T>& matrix, Index m, Index given_n, T* work) {
  constexpr Index kWidth = RoundTable<T>::kWidth;
  constexpr Index kRegisters = kWidth / kLanes<T>;
  const bool tall = m >= given_n;
  const Index rows = tall ? m : given_n;
  const Index n = tall ? given_n : m;
  const bool vectors = matrix.u != nullptr;
  const RoundTable<T> table(n);
  T* const sorted = work;
  T* const left = sorted + rows * kWidth;  // before it is needed: what is given
  T* const x = left + rows * kWidth;
  T* const factors = x + n * kWidth;
  T* const line = factors + kWidth;
  T* const lengths = line + kWidth;

  const Index row_step = tall ? given_n : 1;
  const Index column_step = tall ? 1 : given_n;
  for (Index i = 0; i < rows; ++i) {
    T* const to = left + i * kWidth;
    for (Index j = 0; j < n; ++j) to[j] = matrix.a[i * row_step + j * column_step];
    for (Index j = n; j < kWidth; ++j) to[j] = T{0};
  }
  Integers<T> bad{};
  for (Index r = 0; r < kRegisters; ++r) {
    Values<T> largest{};
    for (Index i = 0; i < rows; ++i) {
      const Values<T> value = load(left + i * kWidth, r);
      bad |= not_finite<T>(value);
      largest = larger<T>(largest, magnitude<T>(value));
    }
    store(line, r, largest);
  }
  if (any<T>(bad)) return Outcome::NotFinite;
  T most = 0;
  T least = Register<T>::kMax;
  for (Index j = 0; j < n; ++j) {
    most = line[j] > most ? line[j] : most;
    least = line[j] > T{0} && line[j] < least ? line[j] : least;
  }
  const Integers<T> exponent = centred_exponent<T>(all<T>(most), all<T>(least));
  const Scale<T> scale(exponent);
  if (any<T>(too_far_apart<T>(scale, all<T>(least)))) return Outcome::Undone;
  const Scale<T> scale_back(-exponent);
  for (Index r = 0; r < kRegisters; ++r) {
    Values<T> square{};
    for (Index i = 0; i < rows; ++i) {
      const Values<T> value = scale(load(left + i * kWidth, r));
      store(left + i * kWidth, r, value);
      square += value * value;
    }
    store(line, r, square);
  }
  Index from[kWidth];  // where column j went to
  places_of(line, n, from);
  for (Index i = 0; i < rows; ++i) {
    const T* source = left + i * kWidth;
    T* const to = sorted + i * kWidth;
    for (Index j = 0; j < n; ++j) to[from[j]] = source[j];
    for (Index j = n; j < kWidth; ++j) to[j] = T{0};
  }
  reflect_rows(sorted, rows, n, factors, line);

  for (Index i = 0; i < n; ++i) {
    T* const row = x + i * kWidth;
    for (Index r = 0; r < kRegisters; ++r) store(row, r, Values<T>{});
    for (Index j = 0; j <= i; ++j) row[table.seat(j)] = sorted[j * kWidth + i];
  }
  if (vectors) {
    for (Index i = 0; i < rows; ++i) {
      for (Index r = 0; r < kRegisters; ++r) store(left + i * kWidth, r, Values<T>{});
      if (i < n) left[i * kWidth + table.seat(i)] = T{1};
    }
  }
  if (!make_rows_orthogonal(table, x, vectors ? left : nullptr, n)) return Outcome::Undone;

  Values<T> shrink[kRegisters];
  for (Index r = 0; r < kRegisters; ++r) {
    Values<T> square{};
    for (Index i = 0; i < n; ++i) square += load(x + i * kWidth, r) * load(x + i * kWidth, r);
    store(line, r, square);
    const Values<T> length = root<T>(square);
    shrink[r] = T{1} / length;
    store(lengths, r, scale_back(length));
  }
  T values[kWidth];
  bool some_null = false;
  for (Index j = 0; j < n; ++j) {
    some_null = some_null || !(line[table.seat(j)] > SvdLimits<T>::kNullSquare);
    values[j] = lengths[table.seat(j)];
    if (!(values[j] <= Register<T>::kMax)) return Outcome::Undone;
  }
  if (some_null && vectors) return Outcome::Undone;
  Index places[kWidth];
  places_of(values, n, places);
  for (Index j = 0; j < n; ++j) matrix.s[places[j]] = values[j];
  if (!vectors) return Outcome::Done;

  for (Index i = 0; i < n; ++i) {
    for (Index r = 0; r < kRegisters; ++r) store(x + i * kWidth, r, load(x + i * kWidth, r) * shrink[r]);
  }
  apply_row_reflections(sorted, factors, rows, n, left);
  T* const of_left = tall ? matrix.u : matrix.vt;
  T* const of_right = tall ? matrix.vt : matrix.u;
  const Index left_row = tall ? n : 1;
  const Index left_column = tall ? 1 : rows;
  const Index right_row = tall ? 1 : n;
  const Index right_column = tall ? n : 1;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < n; ++j) {
      of_left[i * left_row + places[j] * left_column] = left[i * kWidth + table.seat(j)] + T{0};
    }
  }
  for (Index i = 0; i < n; ++i) {
    const T* row = x + from[i] * kWidth;
    for (Index j = 0; j < n; ++j) of_right[i * right_row + places[j] * right_column] = row[table.seat(j)] + T{0};
  }
  return Outcome::Done;
}

// A group, one matrix after the other.
template <typename T>
TENSORLANE_INLINE void svd_rows(const SvdGroup<T>& group) {
  for (Index at = 0; at < group.count; ++at) {
    const OneMatrix<T> matrix{group.a[at], group.u[at], group.s[at], group.vt[at]};
    group.outcomes[at] = svd_of_rows(matrix, group.m, group.n, group.work);
  }
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
