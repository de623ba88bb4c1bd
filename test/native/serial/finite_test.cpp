#include "cpu/linalg/finite.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <vector>

using tensorlane::cpu::copy_finite;
using tensorlane::cpu::copy_finite_lower;

// The lengths and places around the blocks in which the check goes.
TEST_CASE_TEMPLATE("a single NaN or infinity is found wherever it is, and everything is copied", T, float, double) {
  using Limits = std::numeric_limits<T>;
  for (const std::size_t count : {1U, 2U, 63U, 4095U, 4096U, 4097U, 8192U, 10'000U}) {
    std::vector<T> from(count, T{1});
    for (const std::size_t at : {std::size_t{0}, count / 2, count - 1}) {
      for (const T bad : {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::signaling_NaN(), Limits::infinity(),
                          -Limits::infinity()}) {
        CAPTURE(count);
        CAPTURE(at);
        CAPTURE(bad);
        from[at] = bad;
        std::vector<T> to(count, T{0});
        CHECK_FALSE(copy_finite(from.data(), to.data(), count));
        CHECK_MESSAGE(std::memcmp(from.data(), to.data(), count * sizeof(T)) == 0, "the copy differs");
        from[at] = T{1};
      }
    }
    std::vector<T> to(count, T{0});
    CAPTURE(count);
    CHECK(copy_finite(from.data(), to.data(), count));
    CHECK(from == to);
  }
}

TEST_CASE_TEMPLATE("the largest, the smallest and zero are finite", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> from{
      Limits::max(), Limits::lowest(), Limits::min(), Limits::denorm_min(), -Limits::denorm_min(), T{0}, -T{0}};
  std::vector<T> to(from.size(), T{3});
  CHECK(copy_finite(from.data(), to.data(), from.size()));
  CHECK_MESSAGE(std::memcmp(from.data(), to.data(), from.size() * sizeof(T)) == 0, "the copy differs");
}

TEST_CASE_TEMPLATE("nothing is finite, and copied nowhere", T, float, double) {
  CHECK(copy_finite(static_cast<const T*>(nullptr), static_cast<T*>(nullptr), 0));
}

TEST_CASE_TEMPLATE("nothing beyond the count is read or written", T, float, double) {
  const std::vector<T> from{T{1}, T{2}, std::numeric_limits<T>::quiet_NaN()};
  std::vector<T> to(3, T{9});
  CHECK(copy_finite(from.data(), to.data(), 2));
  CHECK(to[2] == T{9});
}

TEST_CASE_TEMPLATE("of a lower triangle the upper one is neither read nor copied", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<T> from{1, nan, nan, 2, 3, nan, 4, 5, 6};
  std::vector<T> to(10, T{9});
  CHECK(copy_finite_lower(from.data(), to.data(), 3));
  CHECK((to == std::vector<T>{1, 0, 0, 2, 3, 0, 4, 5, 6, 9}));
  for (const std::size_t at : {0U, 3U, 4U, 6U, 7U, 8U}) {
    CAPTURE(at);
    std::vector<T> bad = from;
    bad[at] = nan;
    CHECK_FALSE(copy_finite_lower(bad.data(), to.data(), 3));
  }
  CHECK(copy_finite_lower(from.data(), to.data(), 0));
}
