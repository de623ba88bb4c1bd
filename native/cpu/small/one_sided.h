// What one-sided Jacobi rotations are, however the columns lie in memory: the angle of a pair, and when there are enough.
//
// A pair of columns whose cosine is below rounding is left alone. A sweep is the last when what its rotations left behind in
// other pairs, cosine times rotation, is below rounding: cosines alone would not do, since among equal singular values the
// rotations are large however small the cosines are.
// (Z. Drmač, K. Veselić, SIAM J. Matrix Anal. Appl. 29 (2008) 1322 and 1343.)
#pragma once

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
struct SvdLimits;

// The largest element is scaled to at most 2^kTop, and a column of at most 2^kNull counts as one of zeros: between them no
// square and no quotient leaves the type. Above kSteep a cotangent squared does, and 1 beside it is nothing.
template <>
struct SvdLimits<float> {
  static constexpr int kTop = 38;
  static constexpr float kNullSquare = 0x1p-84F;
  static constexpr float kSteep = 0x1p50F;
};
template <>
struct SvdLimits<double> {
  static constexpr int kTop = 200;
  static constexpr double kNullSquare = 0x1p-500;
  static constexpr double kSteep = 0x1p400;
};

// By which powers of two to scale a matrix whose columns' largest elements are from `least`, zeros aside, to `most`: so that
// the longest and the shortest are about as far above 1 as below, unless the longest would leave what is safe.
template <typename T>
TENSORLANE_INLINE Integers<T> centred_exponent(Values<T> most, Values<T> least) {
  const Integers<T> of_most = exponent_of<T>(most);
  const Integers<T> middle = -((of_most + exponent_of<T>(least)) >> 1);
  const Integers<T> top = SvdLimits<T>::kTop - of_most;
  const Integers<T> centred = middle < top ? middle : top;
  return most > Values<T>{} ? centred : Integers<T>{};
}

// Where a column, zeros aside, is so far below the longest that it would count as one of zeros: LAPACK knows its singular value.
template <typename T>
TENSORLANE_INLINE Integers<T> too_far_apart(const Scale<T>& scale, Values<T> least) {
  const Values<T> scaled = scale(least);
  return scaled * scaled <= all<T>(SvdLimits<T>::kNullSquare);
}

// The least cosine between columns of n elements that is more than rounding.
template <typename T>
TENSORLANE_INLINE T least_cosine(Index n) {
  return static_cast<T>(__builtin_sqrt(static_cast<double>(n))) * Register<T>::kUnit;
}

// Of a sweep.
template <typename T>
struct Worst {
  Values<T> cosine, tangent;

  // How large a cosine other pairs may have after it, lane by lane.
  [[nodiscard]] TENSORLANE_INLINE Values<T> left_behind() const { return cosine * larger<T>(cosine, tangent); }
};

// The rotation that makes two columns orthogonal, by their product and the squares of their lengths.
template <typename T>
struct Turn {
  Integers<T> turns;  // the lanes where there is one: where `may` says so, and they are not orthogonal yet
  Values<T> cosine, sine, square_of_p, square_of_q;

  TENSORLANE_INLINE Turn(Values<T> dot, Values<T> p, Values<T> q, Values<T> least, Integers<T> may, Worst<T>& worst) {
    using Limits = SvdLimits<T>;
    // Between the columns. NaN beside a column of zeros, which is above nothing.
    const Values<T> between = magnitude<T>(dot) * rough_inverse_root<T>(p) * rough_inverse_root<T>(q);
    turns = (between > least) & (smaller<T>(p, q) > all<T>(Limits::kNullSquare)) & may;
    const Values<T> cotangent = (q - p) * inverse<T>(dot + dot);
    const Values<T> steep = magnitude<T>(cotangent);
    const Values<T> flat = smaller<T>(steep, all<T>(Limits::kSteep));
    const Values<T> square = flat * flat + T{1};
    const Values<T> hypotenuse = steep > all<T>(Limits::kSteep) ? steep : square * inverse_root<T>(square);
    const Values<T> positive = turns ? inverse<T>(steep + hypotenuse) : Values<T>{};
    const Values<T> tangent = turns ? with_sign<T>(positive, cotangent) : Values<T>{};
    worst.cosine = larger<T>(worst.cosine, turns ? between : Values<T>{});
    worst.tangent = larger<T>(worst.tangent, positive);
    // Exactly 1 where nothing turns, whatever the processor's table has for it.
    cosine = turns ? inverse_root<T>(tangent * tangent + T{1}) : all<T>(T{1});
    sine = cosine * tangent;
    const Values<T> change = turns ? tangent * dot : Values<T>{};
    square_of_p = larger<T>(p - change, Values<T>{});
    square_of_q = larger<T>(q + change, Values<T>{});
  }
};

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
