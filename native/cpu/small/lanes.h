// Matrices between memory, where the elements of each lie side by side, and registers, where each has a lane of its own. Squares of as
// many elements as there are lanes change over by shuffles; element by element it would take as long as all that is computed of
// small matrices.
#pragma once

#include <utility>

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// Of both registers the lanes whose number has not kStep in it, or those that have; the second's in the places of the others.
template <typename T, Index kStep, Index... kAt>
TENSORLANE_INLINE void exchange(Values<T>& first, Values<T>& second, std::integer_sequence<Index, kAt...> /*lanes*/) {
  constexpr Index kWidth = kLanes<T>;
  const Values<T> without = pick<T, ((kAt & kStep) == 0 ? kAt : kAt - kStep + kWidth)...>(first, second);
  second = pick<T, ((kAt & kStep) == 0 ? kAt + kStep : kAt + kWidth)...>(first, second);
  first = without;
}

// Element j of register i changes places with element i of register j. (J. O. Eklundh, A fast computer method for matrix
// transposing, IEEE Transactions on Computers 21, 1972.)
template <typename T, Index kStep = 1>
TENSORLANE_INLINE void transpose_square(Values<T>* square) {
  if constexpr (kStep < kLanes<T>) {
    for (Index i = 0; i < kLanes<T>; ++i) {
      if ((i & kStep) != 0) continue;
      exchange<T, kStep>(square[i], square[i + kStep], std::make_integer_sequence<Index, kLanes<T>>{});
    }
    transpose_square<T, kStep * 2>(square);
  }
}

// Calls put(register) for each of `count` elements in turn, with everyone's in his lane. Where there are fewer than lanes, the last
// one is in those that are left.
template <typename T, typename Put>
TENSORLANE_INLINE void read_lanes(const T* const* from, Index lanes, Index count, Put put) {
  constexpr Index kWidth = kLanes<T>;
  const auto of = [&](Index lane) { return from[lane < lanes ? lane : lanes - 1]; };
  Index at = 0;
  for (; at + kWidth <= count; at += kWidth) {
    Values<T> square[kWidth];
    for (Index lane = 0; lane < kWidth; ++lane) square[lane] = load(of(lane) + at, 0);
    transpose_square<T>(square);
    for (Index i = 0; i < kWidth; ++i) put(square[i]);
  }
  for (; at < count; ++at) {
    Values<T> one;
    for (Index lane = 0; lane < kWidth; ++lane) one[lane] = of(lane)[at];
    put(one);
  }
}

// The reverse, of what get() gives for each element in turn.
template <typename T, typename Get>
TENSORLANE_INLINE void write_lanes(T* const* to, Index lanes, Index count, Get get) {
  constexpr Index kWidth = kLanes<T>;
  Index at = 0;
  for (; at + kWidth <= count; at += kWidth) {
    Values<T> square[kWidth];
    for (Index i = 0; i < kWidth; ++i) square[i] = get();
    transpose_square<T>(square);
    for (Index lane = 0; lane < lanes; ++lane) store(to[lane] + at, 0, square[lane]);
  }
  for (; at < count; ++at) {
    const Values<T> one = get();
    for (Index lane = 0; lane < lanes; ++lane) to[lane][at] = one[lane];
  }
}

// Visits the places of a matrix with `columns` columns row by row.
struct Walk {
  Index columns;
  Index row = 0, column = 0;

  TENSORLANE_INLINE void next() {
    if (++column < columns) return;
    column = 0;
    ++row;
  }
};

// Reads a matrix of rows x columns into every lane, so that element (i, j) of all of them is the register to[j * rows + i]; `by_rows`:
// it lies row by row, else column by column. Gives the lanes whose matrix is not finite, and puts zeros there.
template <typename T>
TENSORLANE_INLINE Integers<T> pack(const T* const* from, Index lanes, Index rows, Index columns, bool by_rows, T* to) {
  Integers<T> bad{};
  Walk walk{by_rows ? columns : rows};
  const Index row_step = by_rows ? 1 : rows;
  const Index column_step = by_rows ? rows : 1;
  read_lanes(from, lanes, rows * columns, [&](Values<T> value) {
    bad |= not_finite<T>(value);
    store(to, walk.row * row_step + walk.column * column_step, value);
    walk.next();
  });
  if (any<T>(bad)) {
    for (Index at = 0; at < rows * columns; ++at) store(to, at, bad ? Values<T>{} : load(to, at));
  }
  return bad;
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
