// Linear systems on every device, judged by LAPACK's ratio: |b - A x| / (|A| |x| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/batch_dims.h"
#include "subject.h"
#include "support/broadcast.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> solve(Subject& subject, const Broadcast& shape, std::int64_t n, std::int64_t nrhs,
                     const std::vector<T>& a, const std::vector<T>& b, Where where = Where::Host) {
  const std::vector<T> x = unset<T>(product(shape.dims) * n * nrhs);
  subject.solve({kDType<T>, n, nrhs, shape.dims, shape.a, shape.b, operand(a), operand(b), operand(x)}, where);
  return x;
}

template <typename T>
void check_solution(const Broadcast& shape, std::int64_t n, std::int64_t nrhs, const std::vector<T>& a,
                    const std::vector<T>& b, const std::vector<T>& x) {
  double worst = 0;
  const std::int64_t every = product(shape.dims) > 100 ? 17 : 1;  // measuring takes longer than solving
  for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t index, std::int64_t ai, std::int64_t bi) {
    if (index % every != 0) return;
    const Matrix matrix = widen(a.data() + ai * n * n, n, n);
    const Matrix solution = widen(x.data() + index * n * nrhs, n, nrhs);
    const Matrix residual = subtract(multiply(matrix, solution), widen(b.data() + bi * n * nrhs, n, nrhs));
    const double size = norm(matrix) * norm(solution) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
    const double error = norm(residual);
    worst = std::max(worst, error <= kThreshold * size ? 0 : (std::isfinite(error) ? error / size : INFINITY));
  });
  CHECK_MESSAGE(worst == 0, "residual: ratio " << worst);
}

// Solves random systems, from both places.
template <typename T>
void check_systems(Subject& subject, const Dims& a_batch, const Dims& b_batch, std::int64_t n, std::int64_t nrhs) {
  Random random(static_cast<std::uint64_t>(n * 31 + nrhs));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::vector<T> a = narrow<T>(random_matrix(random, product(a_batch) * n, n));
  const std::vector<T> b = narrow<T>(random_matrix(random, product(b_batch) * n, nrhs));
  for (const Where where : kPlaces) {
    INFO("a is ", text(a_batch), ", b is ", text(b_batch), ", n ", n, ", right-hand sides ", nrhs, ", in ",
         name_of(where));
    check_solution(shape, n, nrhs, a, b, solve(subject, shape, n, nrhs, a, b, where));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("solve: one system, one and several right-hand sides", T, float, double) {
  Subject subject;
  for (const std::int64_t n : {1, 2, 5, 31, 32, 33, 64, 65, 120}) {
    for (const std::int64_t nrhs : {1, 2, 17}) check_systems<T>(subject, {}, {}, n, nrhs);
  }
}

TEST_CASE_TEMPLATE("solve: an asymmetric system, written out", T, float, double) {
  Subject subject({.cores = 1});
  const Broadcast one = broadcast({}, {});
  // x + 2y = 5 and 3y = 6 need a transpose in neither place: (1, 2); and with two right-hand sides, (1, 2) and (-1, 1).
  CHECK((solve<T>(subject, one, 2, 1, {1, 2, 0, 3}, {5, 6}) == std::vector<T>{1, 2}));
  CHECK((solve<T>(subject, one, 2, 2, {1, 2, 0, 3}, {5, 1, 6, 3}) == std::vector<T>{1, -1, 2, 1}));
}

TEST_CASE_TEMPLATE("solve: badly conditioned systems, and such as need pivoting", T, float, double) {
  Random random(2);
  Subject subject;
  constexpr std::int64_t kSize = 24;
  std::vector<double> spectrum(kSize, 1);
  for (std::size_t i = 0; i < kSize; ++i) {
    spectrum[i] = std::pow(0.1 / std::numeric_limits<T>::epsilon(), -static_cast<double>(i) / (kSize - 1));
  }
  Matrix pivoting = random_matrix(random, kSize, kSize);
  for (std::int64_t i = 0; i < kSize; ++i) pivoting(i, i) = 0;
  const Broadcast shape = broadcast({}, {});
  for (const Matrix& matrix : {with_spectrum(random, kSize, kSize, spectrum), pivoting}) {
    const std::vector<T> a = narrow<T>(matrix);
    const std::vector<T> b = narrow<T>(random_matrix(random, kSize, 3));
    check_solution(shape, kSize, 3, a, b, solve(subject, shape, kSize, 3, a, b));
  }
}

TEST_CASE_TEMPLATE("solve: batches that broadcast", T, float, double) {
  Subject subject;
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{4}, {4}},    {{4}, {}},        {{}, {4}},        {{2, 3}, {3}},    {{3}, {2, 3}},
      {{2, 1}, {3}}, {{1, 3}, {2, 1}}, {{2, 3}, {2, 3}}, {{2, 3}, {2, 1}}, {{2, 1, 3}, {4, 1}},
  };
  for (const auto& [a, b] : shapes) {
    for (const std::int64_t nrhs : {1, 3}) check_systems<T>(subject, a, b, 6, nrhs);
  }
}

// More than the batched routines of a GPU take.
TEST_CASE("solve: batches of large matrices") {
  Subject subject;
  check_systems<float>(subject, {2}, {2}, 520, 2);
  check_systems<float>(subject, {2, 1}, {3}, 520, 1);
}

// More than a GPU's memory for staging holds: chunks begin in the middle of what the operands repeat.
TEST_CASE("solve: large batches from host memory") {
  Subject subject;
  check_systems<double>(subject, {25}, {25}, 64, 20);
  check_systems<double>(subject, {1, 3}, {44, 1}, 64, 20);
  check_systems<double>(subject, {}, {132}, 64, 20);
}

TEST_CASE_TEMPLATE("solve: sizes of zero", T, float, double) {
  Subject subject({.cores = 1});
  CHECK(solve<T>(subject, broadcast({}, {}), 0, 1, {}, {}).empty());
  CHECK(solve<T>(subject, broadcast({}, {}), 2, 0, {1, 0, 0, 1}, {}).empty());
  CHECK(solve<T>(subject, broadcast({0}, {0}), 2, 1, {}, {}).empty());
}

TEST_CASE_TEMPLATE("solve: a singular matrix is an error that names its systems", T, float, double) {
  Random random(4);
  Subject subject({.cores = 1});
  std::vector<T> a = narrow<T>(random_matrix(random, 5 * 3, 3));
  const std::vector<T> b = narrow<T>(random_matrix(random, 5 * 3, 2));
  std::fill_n(a.begin() + 1 * 9, 9, T{0});
  for (std::size_t i = 0; i < 3; ++i) a[3 * 9 + 3 * i + 1] = 0;  // a column of zeros stays one, exactly
  check_fails([&] { solve(subject, broadcast({5}, {5}), 3, 2, a, b); }, Code::Singular, {1, 3}, 5);

  // One singular matrix for two right-hand sides: both systems fail.
  const std::vector<T> ones(9, T{1});
  const std::vector<T> sides(6, T{1});
  check_fails([&] { solve(subject, broadcast({}, {2}), 3, 1, ones, sides); }, Code::Singular, {0, 1}, 2);
}

TEST_CASE_TEMPLATE("solve: a NaN or an infinity on either side is an error that names its systems", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    std::vector<T> b = narrow<T>(random_matrix(random, 4 * 3, 1));
    a[8] = bad;
    b[2 * 3] = bad;
    std::fill_n(a.begin() + 1 * 9, 9, T{0});  // the NaN is reported even where another system is singular
    check_fails([&] { solve(subject, broadcast({4}, {4}), 3, 1, a, b); }, Code::NotFinite, {0, 2}, 4);
    // Each of two matrices for each of two right-hand sides.
    b.resize(6);
    a.resize(18);
    std::fill_n(b.begin(), 6, T{1});
    check_fails([&] { solve(subject, broadcast({2, 1}, {2}), 3, 1, a, b); }, Code::NotFinite, {0, 1}, 4);
  }
}
