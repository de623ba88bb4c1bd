// Inverses, judged by LAPACK's ratio |1 - A X| / (|A| |X| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> invert(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t n) {
  std::vector<T> inverse = unset<T>(batch * n * n);
  device.inv(lane, {kDType<T>, batch, n, operand(a), operand(inverse)});
  return inverse;
}

template <typename T>
void check_inverse(const T* a_data, const T* inverse_data, std::int64_t n) {
  const Matrix a = widen(a_data, n, n);
  const Matrix inverse = widen(inverse_data, n, n);
  const double size = norm(a) * norm(inverse) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
  const double right = norm(subtract(multiply(a, inverse), identity(n)));
  const double left = norm(subtract(multiply(inverse, a), identity(n)));
  CHECK_MESSAGE(std::isfinite(right), "the inverse is not finite, or was not written");
  // LAPACK bounds one of the two by the condition, and the better of them so; which one depends on the layout.
  CHECK_MESSAGE(std::min(left, right) <= kThreshold * size, "ratio " << std::min(left, right) / size);
}

}  // namespace

TEST_CASE_TEMPLATE("inv: sizes around the blocks of the algorithms", T, float, double) {
  Random random(1);
  CpuDevice device(2);
  Lane lane(0);
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65, 130}) {
    CAPTURE(n);
    const std::vector<T> a = narrow<T>(random_matrix(random, n, n));
    const std::vector<T> before = a;
    const std::vector<T> inverse = invert(device, lane, a, 1, n);
    CHECK_MESSAGE(a == before, "the input was written to");
    check_inverse(a.data(), inverse.data(), n);
  }
}

TEST_CASE_TEMPLATE("inv: matrices whose inverses are known", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK((invert<T>(device, lane, {-4}, 1, 1) == std::vector<T>{T{-0.25}}));
  CHECK((invert<T>(device, lane, {2, 1, 0, 4}, 1, 2) == std::vector<T>{T{0.5}, T{-0.125}, 0, T{0.25}}));
  // A permutation, which is nothing but pivoting: its inverse is its transpose.
  CHECK((invert<T>(device, lane, {0, 1, 0, 0, 0, 1, 1, 0, 0}, 1, 3) == std::vector<T>{0, 0, 1, 1, 0, 0, 0, 1, 0}));
}

TEST_CASE_TEMPLATE("inv: badly conditioned matrices, and such as need pivoting", T, float, double) {
  Random random(2);
  CpuDevice device(2);
  Lane lane(0);
  constexpr std::int64_t kSize = 24;
  std::vector<double> spectrum(kSize, 1);
  for (std::size_t i = 0; i < kSize; ++i) {
    spectrum[i] = std::pow(1e-2 / std::numeric_limits<T>::epsilon(), -static_cast<double>(i) / (kSize - 1));
  }
  Matrix pivoting = random_matrix(random, kSize, kSize);
  for (std::int64_t i = 0; i < kSize; ++i) pivoting(i, i) = 0;
  for (const Matrix& matrix : {with_spectrum(random, kSize, kSize, spectrum), pivoting}) {
    const std::vector<T> a = narrow<T>(matrix);
    check_inverse(a.data(), invert(device, lane, a, 1, kSize).data(), kSize);
  }
}

TEST_CASE_TEMPLATE("inv: each matrix of a batch is inverted as it is alone", T, float, double) {
  Random random(3);
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{30, 3}, {5, 17}, {2, 40}}) {
    INFO("batch ", batch, ", n ", n);
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
    const std::vector<T> all = invert(device, lane, a, batch, n);
    for (int i = 0; i < batch; ++i) {
      INFO("matrix ", i, " of the batch");
      const std::vector<T> one(a.begin() + i * n * n, a.begin() + (i + 1) * n * n);
      const std::vector<T> alone = invert(device, lane, one, 1, n);
      CHECK(std::equal(alone.begin(), alone.end(), all.begin() + i * n * n));
      check_inverse(one.data(), alone.data(), n);
    }
  }
}

TEST_CASE_TEMPLATE("inv: sizes of zero", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  CHECK(invert<T>(device, lane, {}, 0, 3).empty());
  CHECK(invert<T>(device, lane, {}, 3, 0).empty());
}

TEST_CASE_TEMPLATE("inv: a singular matrix is an error that names all of them", T, float, double) {
  Random random(4);
  CpuDevice device(1);
  Lane lane(0);
  std::vector<T> a = narrow<T>(random_matrix(random, 5 * 3, 3));
  std::fill_n(a.begin() + 1 * 9, 9, T{0});
  for (std::size_t i = 0; i < 3; ++i) a[3 * 9 + 3 * i + 1] = 0;  // a column of zeros stays one, exactly
  check_fails([&] { static_cast<void>(invert(device, lane, a, 5, 3)); }, Code::Singular, {1, 3}, 5);
}

TEST_CASE_TEMPLATE("inv: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    std::fill_n(a.begin(), 9, T{0});  // the NaN is reported even where another is singular
    a[1 * 9 + 8] = bad;
    a[3 * 9] = bad;
    check_fails([&] { static_cast<void>(invert(device, lane, a, 4, 3)); }, Code::NotFinite, {1, 3}, 4);
  }
}
