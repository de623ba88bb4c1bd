// Linear systems, judged by LAPACK's ratio: |b - A x| / (|A| |x| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/cpu_device.h"
#include "support/broadcast.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> solve(Device& device, Lane& lane, const Broadcast& shape, std::int64_t n, std::int64_t nrhs,
                     const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> x = unset<T>(product(shape.dims) * n * nrhs);
  device.solve(lane, {kDType<T>, n, nrhs, shape.dims, shape.a, shape.b, operand(a), operand(b), operand(x)});
  return x;
}

template <typename T>
void check_solution(const Broadcast& shape, std::int64_t n, std::int64_t nrhs, const std::vector<T>& a,
                    const std::vector<T>& b, const std::vector<T>& x) {
  for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t index, std::int64_t ai, std::int64_t bi) {
    INFO("system ", index, " of ", text(shape.dims), ", n ", n, ", right-hand sides ", nrhs);
    const Matrix matrix = widen(a.data() + ai * n * n, n, n);
    const Matrix solution = widen(x.data() + index * n * nrhs, n, nrhs);
    const Matrix residual = subtract(multiply(matrix, solution), widen(b.data() + bi * n * nrhs, n, nrhs));
    const double size = norm(matrix) * norm(solution) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
    CHECK_MESSAGE(std::isfinite(norm(residual)), "the solution is not finite, or was not written");
    CHECK_MESSAGE(norm(residual) <= kThreshold * size, "residual: ratio " << norm(residual) / size);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("solve: one system, one and several right-hand sides", T, float, double) {
  Random random(1);
  CpuDevice device(2);
  Lane lane(0);
  for (const std::int64_t n : {1, 2, 5, 31, 32, 33, 64, 65, 120}) {
    for (const std::int64_t nrhs : {1, 2, 17}) {
      const std::vector<T> a = narrow<T>(random_matrix(random, n, n));
      const std::vector<T> b = narrow<T>(random_matrix(random, n, nrhs));
      const std::vector<T> a_before = a;
      const std::vector<T> b_before = b;
      const std::vector<T> x = solve(device, lane, broadcast({}, {}), n, nrhs, a, b);
      check_solution(broadcast({}, {}), n, nrhs, a, b, x);
      CHECK_MESSAGE(a == a_before, "the matrix was written to");
      CHECK_MESSAGE(b == b_before, "the right-hand side was written to");
    }
  }
}

TEST_CASE_TEMPLATE("solve: an asymmetric system, written out", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  // x + 2y = 5 and 3y = 6 need a transpose in neither place: (1, 2); and with two right-hand sides, (1, 2) and (-1, 1).
  CHECK((solve<T>(device, lane, broadcast({}, {}), 2, 1, {1, 2, 0, 3}, {5, 6}) == std::vector<T>{1, 2}));
  CHECK((solve<T>(device, lane, broadcast({}, {}), 2, 2, {1, 2, 0, 3}, {5, 1, 6, 3}) == std::vector<T>{1, -1, 2, 1}));
}

TEST_CASE_TEMPLATE("solve: badly conditioned systems, and such as need pivoting", T, float, double) {
  Random random(2);
  CpuDevice device(2);
  Lane lane(0);
  constexpr std::int64_t kSize = 24;
  std::vector<double> spectrum(kSize, 1);
  for (std::size_t i = 0; i < kSize; ++i) {
    spectrum[i] = std::pow(0.1 / std::numeric_limits<T>::epsilon(), -static_cast<double>(i) / (kSize - 1));
  }
  Matrix pivoting = random_matrix(random, kSize, kSize);
  for (std::int64_t i = 0; i < kSize; ++i) pivoting(i, i) = 0;
  for (const Matrix& matrix : {with_spectrum(random, kSize, kSize, spectrum), pivoting}) {
    const std::vector<T> a = narrow<T>(matrix);
    const std::vector<T> b = narrow<T>(random_matrix(random, kSize, 3));
    check_solution(broadcast({}, {}), kSize, 3, a, b, solve(device, lane, broadcast({}, {}), kSize, 3, a, b));
  }
}

TEST_CASE_TEMPLATE("solve: batches that broadcast", T, float, double) {
  Random random(3);
  CpuDevice device(2);
  Lane lane(0);
  const std::vector<std::pair<Dims, Dims>> shapes{
      {{4}, {4}}, {{4}, {}}, {{}, {4}}, {{2, 3}, {3}}, {{3}, {2, 3}}, {{2, 1}, {3}}, {{1, 3}, {2, 1}}, {{2, 3}, {2, 3}},
  };
  for (const auto& [a_batch, b_batch] : shapes) {
    for (const std::int64_t nrhs : {1, 3}) {
      INFO("a is ", text(a_batch), ", b is ", text(b_batch));
      constexpr std::int64_t kSize = 6;
      const Broadcast shape = broadcast(a_batch, b_batch);
      const std::vector<T> a = narrow<T>(random_matrix(random, product(a_batch) * kSize, kSize));
      const std::vector<T> b = narrow<T>(random_matrix(random, product(b_batch) * kSize, nrhs));
      check_solution(shape, kSize, nrhs, a, b, solve(device, lane, shape, kSize, nrhs, a, b));
    }
  }
}

TEST_CASE_TEMPLATE("solve: sizes of zero", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK(solve<T>(device, lane, broadcast({}, {}), 0, 1, {}, {}).empty());
  CHECK(solve<T>(device, lane, broadcast({}, {}), 2, 0, {1, 0, 0, 1}, {}).empty());
  CHECK(solve<T>(device, lane, broadcast({0}, {0}), 2, 1, {}, {}).empty());
}

TEST_CASE_TEMPLATE("solve: a singular matrix is an error that names its systems", T, float, double) {
  Random random(4);
  CpuDevice device(1);
  Lane lane(0);
  std::vector<T> a = narrow<T>(random_matrix(random, 5 * 3, 3));
  const std::vector<T> b = narrow<T>(random_matrix(random, 5 * 3, 2));
  std::fill_n(a.begin() + 1 * 9, 9, T{0});
  for (std::size_t i = 0; i < 3; ++i) a[3 * 9 + 3 * i + 1] = 0;  // a column of zeros stays one, exactly

  const auto solve_all = [&] { static_cast<void>(solve(device, lane, broadcast({5}, {5}), 3, 2, a, b)); };
  check_fails(solve_all, Code::Singular, {1, 3}, 5);

  // One singular matrix for two right-hand sides: both systems fail.
  const std::vector<T> ones(9, T{1});
  const std::vector<T> sides(6, T{1});
  const auto solve_both = [&] { static_cast<void>(solve(device, lane, broadcast({}, {2}), 3, 1, ones, sides)); };
  check_fails(solve_both, Code::Singular, {0, 1}, 2);
}

TEST_CASE_TEMPLATE("solve: a NaN or an infinity on either side is an error that names its systems", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    std::vector<T> b = narrow<T>(random_matrix(random, 4 * 3, 1));
    a[8] = bad;
    b[2 * 3] = bad;
    std::fill_n(a.begin() + 1 * 9, 9, T{0});  // the NaN is reported even where another system is singular
    const auto solve_all = [&] { static_cast<void>(solve(device, lane, broadcast({4}, {4}), 3, 1, a, b)); };
    check_fails(solve_all, Code::NotFinite, {0, 2}, 4);
  }
}
