// Random numbers on every device: those of core/philox.h, each of which is a function of its place and the seed alone.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/philox.h"
#include "subject.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

TEST_CASE_TEMPLATE("random numbers: those of the seed, on every device", T, float, double) {
  Subject subject;
  constexpr std::uint64_t kFar = (std::uint64_t{1} << 53U) - 1;  // the largest that JS gives
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{42}, kFar}) {
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000}, std::int64_t{70'001}}) {
      std::vector<T> expected(static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<T>(random_number(i, seed));
      for (const Where where : kPlaces) {
        INFO(count, " of the seed ", seed, ", in ", name_of(where));
        const std::vector<T> result = unset<T>(count);
        subject.random_numbers({kDType<T>, seed, count, operand(result)}, where);
        CHECK((result == expected));
      }
    }
  }
}
