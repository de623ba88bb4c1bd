// Matrix products against three nested loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/batch_dims.h"
#include "cpu/cpu_device.h"
#include "support/broadcast.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> random_values(Random& random, std::int64_t count) {
  return narrow<T>(random_matrix(random, 1, count));
}

// Multiplies what the shapes say and compares each element, allowing each of its k products a rounding.
template <typename T>
void check_product(Device& device, Lane& lane, const Dims& a_batch, const Dims& b_batch, std::int64_t m, std::int64_t k,
                   std::int64_t n) {
  INFO("a is ", text(a_batch), " of ", m, " x ", k, ", b is ", text(b_batch), " of ", k, " x ", n);
  Random random(static_cast<std::uint64_t>(m * 31 + k * 7 + n));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::vector<T> a = random_values<T>(random, product(a_batch) * m * k);
  const std::vector<T> b = random_values<T>(random, product(b_batch) * k * n);
  // NaN where nothing is written, and where what was there before is added to.
  std::vector<T> c = unset<T>(product(shape.dims) * m * n);
  device.matmul(lane, {kDType<T>, m, k, n, shape.dims, shape.a, shape.b, false, operand(a), operand(b), operand(c)});

  double worst = 0;
  // Its own way through the batch has its own test.
  for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t index, std::int64_t ai, std::int64_t bi) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        double size = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          const double term = static_cast<double>(a[static_cast<std::size_t>((ai * m + i) * k + l)]) *
                              static_cast<double>(b[static_cast<std::size_t>((bi * k + l) * n + j)]);
          sum += term;
          size += std::abs(term);
        }
        const double error = std::abs(static_cast<double>(c[static_cast<std::size_t>((index * m + i) * n + j)]) - sum);
        const double bound = size * static_cast<double>(k + 1) * std::numeric_limits<T>::epsilon();
        worst = std::max(worst, error <= bound ? 0.0 : (std::isnan(error) ? INFINITY : error / bound));
      }
    }
  });
  CHECK_MESSAGE(worst == 0, "an element is " << worst << " times as far off as rounding explains");
}

}  // namespace

TEST_CASE_TEMPLATE("matmul: one matrix by one", T, float, double) {
  CpuDevice device(2);
  Lane lane(0);
  for (const auto& [m, k, n] : std::vector<std::tuple<int, int, int>>{
           {1, 1, 1}, {1, 7, 1}, {7, 1, 5}, {1, 9, 33}, {33, 9, 1}, {31, 32, 33}, {64, 65, 16}, {3, 200, 4}}) {
    check_product<T>(device, lane, {}, {}, m, k, n);
  }
}

TEST_CASE_TEMPLATE("matmul: batches that broadcast", T, float, double) {
  CpuDevice device(2);
  Lane lane(0);
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{5}, {5}},          {{5}, {}},        {{}, {5}},        {{5}, {1}},    {{1}, {5}},
      {{2, 3}, {2, 3}},    {{2, 3}, {3}},    {{3}, {2, 3}},    {{2, 1}, {3}}, {{2, 1}, {1, 3}},
      {{2, 1, 3}, {4, 1}}, {{2, 3}, {1, 1}}, {{1, 3}, {2, 1}}, {{1}, {1}},    {{2, 1, 1, 3}, {1, 2, 1, 1}},
  };
  for (const auto& [a, b] : shapes) {
    check_product<T>(device, lane, a, b, 4, 6, 5);
    check_product<T>(device, lane, a, b, 1, 3, 1);
  }
}

TEST_CASE_TEMPLATE("matmul: both operands repeated", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<T> a{1, 2, 3, 4};
  const std::vector<T> b{5, 6};
  std::vector<T> c(6, T{0});
  device.matmul(lane, {kDType<T>, 2, 2, 1, {3}, {0}, {0}, false, operand(a), operand(b), operand(c)});
  CHECK((c == std::vector<T>{17, 39, 17, 39, 17, 39}));
}

TEST_CASE_TEMPLATE("matmul: sizes of zero", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  check_product<T>(device, lane, {}, {}, 0, 4, 3);
  check_product<T>(device, lane, {}, {}, 3, 4, 0);
  check_product<T>(device, lane, {0}, {0}, 3, 4, 2);
  check_product<T>(device, lane, {2, 0}, {1}, 3, 4, 2);
  // An inner dimension of zero is an empty sum: zeros, which must be written.
  check_product<T>(device, lane, {}, {}, 3, 0, 2);
  check_product<T>(device, lane, {4}, {}, 3, 0, 2);
  check_product<T>(device, lane, {}, {}, 0, 0, 0);
}

TEST_CASE_TEMPLATE("matmul: NaN and infinity pass through", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T infinity = std::numeric_limits<T>::infinity();
  const std::vector<T> a{nan, 1, infinity, 2, 1, 1};  // 3 x 2
  const std::vector<T> b{1, 0, 3, 1};                 // 2 x 2
  std::vector<T> c(6, T{0});
  device.matmul(lane, {kDType<T>, 3, 2, 2, {}, {}, {}, false, operand(a), operand(b), operand(c)});
  CHECK(std::isnan(c[0]));
  CHECK_MESSAGE(std::isnan(c[1]), "NaN times zero is NaN");
  CHECK(c[2] == infinity);
  CHECK_MESSAGE(std::isnan(c[3]), "infinity times zero is NaN");
  CHECK(c[4] == T{4});
  CHECK(c[5] == T{1});
}
