// QR by Householder reflections, a matrix a lane, with LAPACK's signs. A matrix with a column whose squares would leave the
// type, or lose their digits, is left undone.
#pragma once

#include "cpu/small/householder.h"
#include "cpu/small/lanes.h"
#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

template <typename T>
struct QrLimits;
template <>
struct QrLimits<float> {
  static constexpr float kLeast = 0x1p-40F;
  static constexpr float kMost = 0x1p56F;
};
template <>
struct QrLimits<double> {
  static constexpr double kLeast = 0x1p-400;
  static constexpr double kMost = 0x1p490;
};

template <typename T>
TENSORLANE_INLINE void qr_lanes(const QrGroup<T>& group, const Index m, const Index n) {
  constexpr Index kWidth = kLanes<T>;
  const Index steps = m < n ? m : n;
  const Index between = group.between;
  const bool wants_q = group.q[0] != nullptr;
  T* const a = group.work;
  T* const factors = a + m * n * kWidth;
  T* const q = factors + steps * kWidth;

  const Integers<T> bad = pack(group.a, group.count, m, n, true, a);
  Integers<T> beyond{};
  for (Index j = 0; j < n; ++j) {
    Values<T> largest{};
    for (Index i = 0; i < m; ++i) largest = larger<T>(largest, magnitude<T>(load(a, j * m + i)));
    beyond |=
        (largest > all<T>(QrLimits<T>::kMost)) | ((largest < all<T>(QrLimits<T>::kLeast)) & (largest > Values<T>{}));
  }
  reflect(a, m, n, factors);
  if (wants_q) {
    set_identity(q, m, 0, between);
    apply_reflections(a, factors, steps, m, q, between, 0);
  }
  Walk of_r{n};
  write_lanes(group.r, group.count, between * n, [&] {
    const Values<T> value = of_r.column < of_r.row ? Values<T>{} : load(a, of_r.column * m + of_r.row);
    of_r.next();
    return value;
  });
  if (wants_q) {
    Walk of_q{between};
    write_lanes(group.q, group.count, m * between, [&] {
      const Values<T> value = load(q, of_q.column * m + of_q.row);
      of_q.next();
      return value;
    });
  }
  set_done(group);
  set_outcomes(group, beyond, Outcome::Undone);
  set_outcomes(group, bad, Outcome::NotFinite);
}

template <typename T>
void qr(const QrGroup<T>& group) {
  if (group.m == 4 && group.n == 4) return qr_lanes(group, 4, 4);
  qr_lanes(group, group.m, group.n);
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
