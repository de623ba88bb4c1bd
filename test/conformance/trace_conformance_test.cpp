// The sum of a diagonal on every device: which elements it takes, of every shape and offset, and in which precision.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "subject.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> trace(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
                     std::int64_t offset, Where where = Where::Host) {
  const std::vector<T> result = unset<T>(batch);
  subject.trace({kDType<T>, batch, m, n, offset, operand(a), operand(result)}, where);
  return result;
}

}  // namespace

// Diagonals of every length up to a warp's, and long enough for a whole block; more matrices than a block has groups.
TEST_CASE_TEMPLATE("trace: every diagonal of matrices of any shape, and none beyond them", T, float, double) {
  Subject subject;
  struct Case {
    std::int64_t batch, m, n;
  };
  for (const Case& one : {Case{1, 1, 1},
                          {70, 3, 3},
                          {3, 2, 7},
                          {3, 7, 2},
                          {2, 128, 128},
                          {3, 129, 140},
                          {2, 600, 300},
                          {5, 0, 3},
                          {5, 3, 0}}) {
    std::vector<T> a(static_cast<std::size_t>(one.batch * one.m * one.n));
    // Integers, whose sums are exact in any order.
    for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(static_cast<int>(i * 7919 % 2001) - 1000);
    for (const std::int64_t offset : {0, 1, -1, 2, -2, 5, -60, 1000}) {
      std::vector<T> expected(static_cast<std::size_t>(one.batch), T{0});
      for (std::int64_t b = 0; b < one.batch; ++b) {
        for (std::int64_t i = 0; i < one.m; ++i) {
          const std::int64_t j = i + offset;
          if (j < 0 || j >= one.n) continue;
          expected[static_cast<std::size_t>(b)] += a[static_cast<std::size_t>((b * one.m + i) * one.n + j)];
        }
      }
      for (const Where where : kPlaces) {
        INFO(one.batch, " of ", one.m, " x ", one.n, ", offset ", offset, ", in ", name_of(where));
        CHECK((trace(subject, a, one.batch, one.m, one.n, offset, where) == expected));
      }
    }
  }
}

TEST_CASE("trace: float32 is summed in float64, what is not finite is let through, and offsets may be of any size") {
  Subject subject;
  CHECK(trace<float>(subject, {1e8F, 0, 0, 0, 1, 0, 0, 0, -1e8F}, 1, 3, 3, 0)[0] == 1.0F);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  CHECK(trace<float>(subject, {kInfinity, 0, 0, 1}, 1, 2, 2, 0)[0] == kInfinity);
  CHECK(std::isnan(trace<float>(subject, {kInfinity, 0, 0, -kInfinity}, 1, 2, 2, 0)[0]));
  constexpr std::int64_t kFar = (std::int64_t{1} << 53) - 1;  // the largest that JS gives
  CHECK(trace<double>(subject, {1, 2, 3, 4}, 1, 2, 2, kFar)[0] == 0);
  CHECK(trace<double>(subject, {1, 2, 3, 4}, 1, 2, 2, -kFar)[0] == 0);
  CHECK(trace<double>(subject, {}, 0, 2, 2, 0).empty());
}
