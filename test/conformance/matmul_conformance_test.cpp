// Matrix products on every device, against three nested loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "core/batch_dims.h"
#include "subject.h"
#include "support/broadcast.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> random_elements(Random& random, std::int64_t count) {
  return narrow<T>(random_matrix(random, 1, count));
}

// Multiplies what the shapes say and compares each element, allowing each of its k products a rounding. The result is
// NaN before: where nothing is written, and where what was there is added to, it stays that.
template <typename T>
void check_product(Subject& subject, const Dims& a_batch, const Dims& b_batch, std::int64_t m, std::int64_t k,
                   std::int64_t n, bool tf32 = false) {
  Random random(static_cast<std::uint64_t>(m * 31 + k * 7 + n));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::vector<T> a = random_elements<T>(random, product(a_batch) * m * k);
  const std::vector<T> b = random_elements<T>(random, product(b_batch) * k * n);
  for (const Where where : kPlaces) {
    INFO("a is ", text(a_batch), " of ", m, " x ", k, ", b is ", text(b_batch), " of ", k, " x ", n, ", in ",
         name_of(where));
    const std::vector<T> c = unset<T>(product(shape.dims) * m * n);
    subject.matmul({kDType<T>, m, k, n, shape.dims, shape.a, shape.b, tf32, operand(a), operand(b), operand(c)}, where);
    const double eps = tf32 ? std::ldexp(1.0, -10) : static_cast<double>(std::numeric_limits<T>::epsilon());
    double worst = 0;
    const std::int64_t every = product(shape.dims) > 100 ? 17 : 1;  // measuring takes longer than multiplying
    // Its own way through the batch has its own test.
    for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t index, std::int64_t ai, std::int64_t bi) {
      if (index % every != 0) return;
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
          const double error =
              std::abs(static_cast<double>(c[static_cast<std::size_t>((index * m + i) * n + j)]) - sum);
          const double bound = size * static_cast<double>(k + 1) * eps;
          worst = std::max(worst, error <= bound ? 0.0 : (std::isnan(error) ? INFINITY : error / bound));
        }
      }
    });
    CHECK_MESSAGE(worst == 0, "an element is " << worst << " times as far off as rounding explains");
  }
}

}  // namespace

TEST_CASE_TEMPLATE("matmul: one matrix by one", T, float, double) {
  Subject subject;
  for (const auto& [m, k, n] : std::vector<std::tuple<int, int, int>>{
           {1, 1, 1}, {1, 7, 1}, {7, 1, 5}, {1, 9, 33}, {33, 9, 1}, {31, 32, 33}, {64, 65, 16}, {3, 200, 4}}) {
    check_product<T>(subject, {}, {}, m, k, n);
    check_product<T>(subject, {}, {}, m, k, n);  // on a GPU by the remembered algorithm
  }
  // Fewer digits may be asked for, and are kept where the device does not know how.
  check_product<T>(subject, {}, {}, 20, 30, 10, sizeof(T) == 4);
}

TEST_CASE_TEMPLATE("matmul: batches that broadcast", T, float, double) {
  Subject subject;
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{5}, {5}},          {{5}, {}},        {{}, {5}},        {{5}, {1}},    {{1}, {5}},
      {{2, 3}, {2, 3}},    {{2, 3}, {3}},    {{3}, {2, 3}},    {{2, 1}, {3}}, {{2, 1}, {1, 3}},
      {{2, 1, 3}, {4, 1}}, {{2, 3}, {1, 1}}, {{1, 3}, {2, 1}}, {{1}, {1}},    {{2, 1, 1, 3}, {1, 2, 1, 1}},
  };
  for (const auto& [a, b] : shapes) {
    check_product<T>(subject, a, b, 4, 6, 5);
    check_product<T>(subject, a, b, 1, 3, 1);
  }
}

// More than a GPU's memory for staging holds: chunks begin in the middle of what the operands repeat.
TEST_CASE("matmul: large batches that broadcast, from host memory") {
  Subject subject;
  check_product<float>(subject, {50, 3}, {3}, 32, 32, 32);
  check_product<float>(subject, {3}, {50, 3}, 32, 32, 32);
  check_product<float>(subject, {94, 1}, {1, 3}, 32, 32, 32);
  check_product<float>(subject, {150}, {}, 32, 32, 32);
}

TEST_CASE_TEMPLATE("matmul: both operands repeated", T, float, double) {
  Subject subject({.cores = 1});
  const std::vector<T> a{1, 2, 3, 4};
  const std::vector<T> b{5, 6};
  const std::vector<T> c = unset<T>(6);
  subject.matmul({kDType<T>, 2, 2, 1, {3}, {0}, {0}, false, operand(a), operand(b), operand(c)});
  CHECK((c == std::vector<T>{17, 39, 17, 39, 17, 39}));
}

TEST_CASE_TEMPLATE("matmul: sizes of zero", T, float, double) {
  Subject subject({.cores = 1});
  check_product<T>(subject, {}, {}, 0, 4, 3);
  check_product<T>(subject, {}, {}, 3, 4, 0);
  check_product<T>(subject, {0}, {0}, 3, 4, 2);
  check_product<T>(subject, {2, 0}, {1}, 3, 4, 2);
  // An inner dimension of zero is an empty sum: zeros, which must be written.
  check_product<T>(subject, {}, {}, 3, 0, 2);
  check_product<T>(subject, {4}, {}, 3, 0, 2);
  check_product<T>(subject, {}, {}, 0, 0, 0);
}

TEST_CASE_TEMPLATE("matmul: operands that begin anywhere within a buffer", T, float, double) {
  Subject subject({.cores = 1});
  Random random(3);
  const std::vector<T> a = random_elements<T>(random, 13 * 9);
  const std::vector<T> b = random_elements<T>(random, 9 * 11);
  const std::vector<T> aligned = unset<T>(13 * 11);
  subject.matmul({kDType<T>, 13, 9, 11, {}, {}, {}, false, operand(a), operand(b), operand(aligned)});
  const std::vector<T> shifted = unset<T>(13 * 11);
  subject.run([&](Lane& lane) {
    const auto place = [&](const std::vector<T>& values) {
      const std::size_t bytes = values.size() * sizeof(T);
      Operand whole = operand(values);
      whole.buffer = subject.device().allocate(lane, bytes + sizeof(T));
      whole.data = whole.buffer->data() + sizeof(T);
      return whole;
    };
    const Operand on_a = place(a);
    const Operand on_b = place(b);
    const Operand on_c = place(shifted);
    subject.device().copy(lane, operand(a), on_a);
    subject.device().copy(lane, operand(b), on_b);
    subject.device().matmul(lane, {kDType<T>, 13, 9, 11, {}, {}, {}, false, on_a, on_b, on_c});
    subject.device().copy(lane, on_c, operand(shifted));
  });
  for (std::size_t i = 0; i < aligned.size(); ++i) {
    CHECK(std::abs(aligned[i] - shifted[i]) < 100 * std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE_TEMPLATE("matmul: NaN and infinity pass through", T, float, double) {
  Subject subject({.cores = 1});
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T infinity = std::numeric_limits<T>::infinity();
  const std::vector<T> a{nan, 1, infinity, 2, 1, 1};  // 3 x 2
  const std::vector<T> b{1, 0, 3, 1};                 // 2 x 2
  const std::vector<T> c(6, T{0});
  subject.matmul({kDType<T>, 3, 2, 2, {}, {}, {}, false, operand(a), operand(b), operand(c)});
  CHECK(std::isnan(c[0]));
  CHECK_MESSAGE(std::isnan(c[1]), "NaN times zero is NaN");
  CHECK(c[2] == infinity);
  CHECK_MESSAGE(std::isnan(c[3]), "infinity times zero is NaN");
  CHECK(c[4] == T{4});
  CHECK(c[5] == T{1});
}
