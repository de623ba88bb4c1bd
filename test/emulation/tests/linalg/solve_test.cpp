// Linear systems, judged by LAPACK's ratio: |b - A x| / (|A| |x| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/batch_dims.h"
#include "linalg/gpu.h"
#include "support/broadcast.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> solve(Gpu& gpu, const Broadcast& shape, std::int64_t n, std::int64_t nrhs, const std::vector<T>& a,
                     const std::vector<T>& b, Where where = Where::Host) {
  const std::vector<T> x = unset<T>(product(shape.dims) * n * nrhs);
  gpu.solve({kDType<T>, n, nrhs, shape.dims, shape.a, shape.b, operand(a), operand(b), operand(x)}, where);
  return x;
}

// Solves random systems, from both places.
template <typename T>
void check_systems(Gpu& gpu, const Dims& a_batch, const Dims& b_batch, std::int64_t n, std::int64_t nrhs) {
  Random random(static_cast<std::uint64_t>(n * 31 + nrhs));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::vector<T> a = narrow<T>(random_matrix(random, product(a_batch) * n, n));
  const std::vector<T> b = narrow<T>(random_matrix(random, product(b_batch) * n, nrhs));
  for (const Where where : {Where::Host, Where::Buffers}) {
    const std::vector<T> x = solve(gpu, shape, n, nrhs, a, b, where);
    double worst = 0;
    const std::int64_t every = product(shape.dims) > 100 ? 17 : 1;  // measuring takes longer than solving
    for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t index, std::int64_t ai, std::int64_t bi) {
      if (index % every != 0) return;
      const Matrix matrix = widen(a.data() + ai * n * n, n, n);
      const Matrix solution = widen(x.data() + index * n * nrhs, n, nrhs);
      const Matrix residual = subtract(multiply(matrix, solution), widen(b.data() + bi * n * nrhs, n, nrhs));
      const double size = norm(matrix) * norm(solution) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
      const double ratio = norm(residual) / size;
      worst = std::isnan(ratio) ? INFINITY : std::max(worst, ratio);
    });
    INFO("a is ", text(a_batch), ", b is ", text(b_batch), ", n ", n, ", right-hand sides ", nrhs, ", in ",
         name_of(where));
    CHECK_MESSAGE(worst <= kThreshold, "residual: ratio " << worst);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("cuda solve: one system, one and several right-hand sides", T, float, double) {
  Gpu gpu;
  for (const std::int64_t n : {1, 2, 5, 31, 32, 33, 64, 65, 120}) {
    for (const std::int64_t nrhs : {1, 2, 17}) check_systems<T>(gpu, {}, {}, n, nrhs);
  }
}

TEST_CASE_TEMPLATE("cuda solve: an asymmetric system, written out", T, float, double) {
  Gpu gpu;
  const Broadcast one = broadcast({}, {});
  // x + 2y = 5 and 3y = 6; and with two right-hand sides.
  CHECK((solve<T>(gpu, one, 2, 1, {1, 2, 0, 3}, {5, 6}) == std::vector<T>{1, 2}));
  CHECK((solve<T>(gpu, one, 2, 2, {1, 2, 0, 3}, {5, 1, 6, 3}) == std::vector<T>{1, -1, 2, 1}));
}

TEST_CASE_TEMPLATE("cuda solve: batches that broadcast", T, float, double) {
  Gpu gpu;
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{4}, {4}},    {{4}, {}},        {{}, {4}},        {{2, 3}, {3}},    {{3}, {2, 3}},
      {{2, 1}, {3}}, {{1, 3}, {2, 1}}, {{2, 3}, {2, 3}}, {{2, 3}, {2, 1}}, {{2, 1, 3}, {4, 1}},
  };
  for (const auto& [a, b] : shapes) {
    for (const std::int64_t nrhs : {1, 3}) check_systems<T>(gpu, a, b, 6, nrhs);
  }
}

TEST_CASE("cuda solve: a batch of matrices too large for the batched routines") {
  Gpu gpu;
  check_systems<float>(gpu, {2}, {2}, 520, 2);
  check_systems<float>(gpu, {2, 1}, {3}, 520, 1);
}

// More than is staged at once: chunks begin in the middle of what the operands repeat.
TEST_CASE("cuda solve: large batches from host memory") {
  Gpu gpu;
#ifdef __SANITIZE_THREAD__
  check_systems<double>(gpu, {1, 3}, {550, 1}, 64, 20);  // just enough: each element costs it so much
#else
  check_systems<double>(gpu, {400}, {400}, 64, 20);
  check_systems<double>(gpu, {1, 3}, {700, 1}, 64, 20);
  check_systems<double>(gpu, {}, {2100}, 64, 20);
#endif
}

TEST_CASE_TEMPLATE("cuda solve: sizes of zero", T, float, double) {
  Gpu gpu;
  CHECK(solve<T>(gpu, broadcast({}, {}), 0, 1, {}, {}).empty());
  CHECK(solve<T>(gpu, broadcast({}, {}), 2, 0, {1, 0, 0, 1}, {}).empty());
  CHECK(solve<T>(gpu, broadcast({0}, {0}), 2, 1, {}, {}).empty());
}

TEST_CASE_TEMPLATE("cuda solve: a singular matrix is an error that names its systems", T, float, double) {
  Random random(4);
  Gpu gpu;
  std::vector<T> a = narrow<T>(random_matrix(random, 5 * 3, 3));
  const std::vector<T> b = narrow<T>(random_matrix(random, 5 * 3, 2));
  std::fill_n(a.begin() + 1 * 9, 9, T{0});
  for (std::size_t i = 0; i < 3; ++i) a[3 * 9 + 3 * i + 1] = 0;  // a column of zeros stays one, exactly
  check_fails([&] { solve(gpu, broadcast({5}, {5}), 3, 2, a, b); }, Code::Singular, {1, 3}, 5);
  // One singular matrix for two right-hand sides: both systems fail.
  check_fails([&] { solve<T>(gpu, broadcast({}, {2}), 3, 1, std::vector<T>(9, T{1}), std::vector<T>(6, T{1})); },
              Code::Singular, {0, 1}, 2);
}

TEST_CASE_TEMPLATE("cuda solve: a NaN or an infinity on either side names its systems", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Gpu gpu;
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    INFO(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    std::vector<T> b = narrow<T>(random_matrix(random, 4 * 3, 1));
    a[8] = bad;
    b[2 * 3] = bad;
    std::fill_n(a.begin() + 1 * 9, 9, T{0});  // the NaN is reported even where another system is singular
    check_fails([&] { solve(gpu, broadcast({4}, {4}), 3, 1, a, b); }, Code::NotFinite, {0, 2}, 4);
    // Each of two matrices for each of two right-hand sides.
    b.resize(6);
    a.resize(18);
    std::fill_n(b.begin(), 6, T{1});
    check_fails([&] { solve(gpu, broadcast({2, 1}, {2}), 3, 1, a, b); }, Code::NotFinite, {0, 1}, 4);
  }
}
