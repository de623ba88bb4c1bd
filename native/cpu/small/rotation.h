// What Jacobi's methods have in common: rotations, and the order in which they take the pairs of n columns: rounds of n / 2
// pairs that have no column in common, so that several can be computed at once.
// (R. P. Brent, F. T. Luk, SIAM J. Sci. Stat. Comput. 6 (1985) 69.)
#pragma once

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

constexpr int kMostSweeps = 30;

// Where cosine and sine are 1 and 0 nothing changes but the sign of a zero; so zeros lose theirs as results are written.
template <typename T>
TENSORLANE_INLINE void rotate(T* a, T* b, Index n, Values<T> cosine, Values<T> sine) {
  for (Index i = 0; i < n; ++i) {
    const Values<T> x = load(a, i);
    const Values<T> y = load(b, i);
    store(a, i, cosine * x - sine * y);
    store(b, i, sine * x + cosine * y);
  }
}

struct Pair {
  Index p, q;  // p < q
};

class Tournament {
 public:
  static constexpr Index kMost = 16;

  TENSORLANE_INLINE explicit Tournament(Index n) : players_(n + n % 2), n_(n) {
    for (Index i = 0; i < players_; ++i) seats_[i] = i;
  }

  [[nodiscard]] TENSORLANE_INLINE Index rounds() const { return players_ - 1; }

  // The pairs of the next round; gives how many. Whoever meets the player that an odd number lacks has none.
  TENSORLANE_INLINE Index next(Pair* pairs) {
    Index count = 0;
    for (Index k = 0; k < players_ / 2; ++k) {
      const Index a = seats_[k];
      const Index b = seats_[players_ - 1 - k];
      if (a < n_ && b < n_) pairs[count++] = a < b ? Pair{a, b} : Pair{b, a};
    }
    const Index last = seats_[players_ - 1];
    for (Index i = players_ - 1; i > 1; --i) seats_[i] = seats_[i - 1];
    if (players_ > 1) seats_[1] = last;
    return count;
  }

 private:
  Index players_, n_;
  Index seats_[kMost + 1] = {};
};

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
