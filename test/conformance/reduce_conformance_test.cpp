// Reductions along an axis on every device, against plain loops.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "subject.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> reduce(Subject& subject, Reduction reduction, const AxisDims& dims, const std::vector<T>& a,
                      Where where = Where::Host) {
  const std::vector<T> result = unset<T>(dims.outer * dims.inner);
  subject.reduce({kDType<T>, reduction, dims, operand(a), operand(result)}, where);
  return result;
}

template <typename T>
std::vector<std::int64_t> argmax(Subject& subject, const AxisDims& dims, const std::vector<T>& a,
                                 Where where = Where::Host) {
  const std::vector<std::int64_t> result(static_cast<std::size_t>(dims.outer * dims.inner), -7);
  subject.argmax({kDType<T>, dims, operand(a), operand(result)}, where);
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("reduce: along every axis, of lengths around the parts in which it sums", T, float, double) {
  Subject subject({.cores = 1});
  Random random(1);
  for (const AxisDims& dims : {AxisDims{3, 1, 1}, AxisDims{2, 7, 1}, AxisDims{1, 8, 3}, AxisDims{2, 511, 4},
                               AxisDims{2, 512, 1}, AxisDims{1, 513, 2}, AxisDims{3, 5000, 1}}) {
    CAPTURE(dims.length);
    CAPTURE(dims.inner);
    const std::vector<T> a = narrow<T>(random_matrix(random, dims.outer * dims.length, dims.inner));
    const std::vector<T> sums = reduce(subject, Reduction::Sum, dims, a);
    const std::vector<T> means = reduce(subject, Reduction::Mean, dims, a);
    const std::vector<T> largest = reduce(subject, Reduction::Max, dims, a);
    const std::vector<T> smallest = reduce(subject, Reduction::Min, dims, a);
    const std::vector<T> norms = reduce(subject, Reduction::Norm, dims, a);
    const std::vector<std::int64_t> places = argmax(subject, dims, a);
    for (std::int64_t o = 0; o < dims.outer; ++o) {
      for (std::int64_t i = 0; i < dims.inner; ++i) {
        const auto at = [&](std::int64_t j) {
          return a[static_cast<std::size_t>((o * dims.length + j) * dims.inner + i)];
        };
        long double sum = 0;
        long double size = 0;
        long double squares = 0;
        std::int64_t best = 0;
        std::int64_t worst = 0;
        for (std::int64_t j = 0; j < dims.length; ++j) {
          sum += at(j);
          size += std::fabs(at(j));
          squares += static_cast<long double>(at(j)) * at(j);
          if (at(j) > at(best)) best = j;
          if (at(j) < at(worst)) worst = j;
        }
        const auto result = static_cast<std::size_t>(o * dims.inner + i);
        const long double bound = 2 * std::numeric_limits<T>::epsilon() * size;
        CHECK(std::fabs(sums[result] - sum) <= bound);
        CHECK(std::fabs(means[result] - sum / dims.length) <= bound / dims.length);
        CHECK(std::fabs(norms[result] - std::sqrt(squares)) <= bound);
        CHECK(largest[result] == at(best));
        CHECK(smallest[result] == at(worst));
        CHECK(places[result] == best);
      }
    }
  }
}

TEST_CASE_TEMPLATE("reduce: of nothing, and of numbers that are none", T, float, double) {
  Subject subject({.cores = 1});
  using Limits = std::numeric_limits<T>;
  const T nan = Limits::quiet_NaN();
  const T infinity = Limits::infinity();
  const AxisDims none{2, 0, 2};
  CHECK(reduce<T>(subject, Reduction::Sum, none, {}) == std::vector<T>(4, T{0}));
  CHECK(reduce<T>(subject, Reduction::Norm, none, {}) == std::vector<T>(4, T{0}));
  CHECK(reduce<T>(subject, Reduction::Max, none, {}) == std::vector<T>(4, -infinity));
  CHECK(reduce<T>(subject, Reduction::Min, none, {}) == std::vector<T>(4, infinity));
  for (const T mean : reduce<T>(subject, Reduction::Mean, none, {})) CHECK(std::isnan(mean));
  CHECK(argmax<T>(subject, none, {}) == std::vector<std::int64_t>(4, -1));
  CHECK(reduce<T>(subject, Reduction::Sum, {0, 3, 1}, {}).empty());

  const std::vector<T> a{1, nan, 9, -infinity, -infinity, -infinity, infinity, 2, infinity};
  const AxisDims rows{3, 3, 1};
  for (const Reduction reduction : {Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Norm}) {
    CHECK(std::isnan(reduce(subject, reduction, rows, a)[0]));
  }
  CHECK(reduce(subject, Reduction::Max, rows, a)[1] == -infinity);
  CHECK(reduce(subject, Reduction::Min, rows, a)[2] == 2);
  CHECK(reduce(subject, Reduction::Norm, rows, a)[1] == infinity);
  CHECK((argmax(subject, rows, a) == std::vector<std::int64_t>{1, 0, 0}));
}

TEST_CASE("reduce: squares of a norm neither overflow nor vanish") {
  Subject subject({.cores = 1});
  const std::vector<double> a{3e200, 4e200, 3e-200, 4e-200, 3e300, 4e300, 5e-324, 0, 1e-160, 1};
  const std::vector<double> expected{5e200, 5e-200, 5e300, 5e-324, 1};
  const std::vector<double> norms = reduce(subject, Reduction::Norm, {5, 2, 1}, a);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(norms[i] == doctest::Approx(expected[i]).epsilon(1e-15));
}
