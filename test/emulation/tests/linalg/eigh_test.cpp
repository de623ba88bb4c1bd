// Symmetric eigenproblems, judged by LAPACK's ratios |A V - V W| / (|A| n eps) and |V^T V - 1| / (n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cuda/linalg/eigh_choice.h"
#include "linalg/gpu.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;
using cuda::choose_eigh;
using cuda::EighMethod;

namespace {

template <typename T>
struct Eigen {
  std::vector<T> w, v;
};

template <typename T>
Eigen<T> decompose(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t n, bool vectors, Where where) {
  Eigen<T> result{unset<T>(batch * n), unset<T>(vectors ? batch * n * n : 0)};
  gpu.eigh({kDType<T>, vectors, batch, n, operand(a), operand(result.w), operand(result.v)}, where);
  return result;
}

// The lower triangle, and its mirror image.
Matrix symmetric(Matrix a) {
  for (std::int64_t i = 0; i < a.n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
  }
  return a;
}

// Checks a batch, whose matrices may have anything in their upper triangles, and gives its eigenvalues.
template <typename T>
std::vector<T> check_batch(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t n, Where where) {
  INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
  const Eigen<T> result = decompose(gpu, a, batch, n, true, where);
  const Eigen<T> values = decompose(gpu, a, batch, n, false, where);
  const double eps = std::numeric_limits<T>::epsilon();
  for (std::int64_t i = 0; i < batch; ++i) {
    INFO("matrix ", i);
    Matrix one = symmetric(widen(a.data() + i * n * n, n, n));
    double largest = 0;
    for (const double value : one.data) largest = std::max(largest, std::abs(value));
    const int scale = largest == 0 ? 0 : -std::ilogb(largest);
    for (double& value : one.data) value = std::ldexp(value, scale);
    std::vector<double> w(result.w.begin() + i * n, result.w.begin() + (i + 1) * n);
    for (double& value : w) value = std::ldexp(value, scale);
    const Matrix v = widen(result.v.data() + i * n * n, n, n);
    const double residual = norm(subtract(multiply(one, v), multiply(v, diagonal(n, n, w))));
    const double size = norm(one) * static_cast<double>(n) * eps;
    CHECK_MESSAGE(std::isfinite(residual), "a result is not finite, or was not written");
    CHECK_MESSAGE(residual <= kThreshold * size, "A V = V W: ratio " << residual / size);
    CHECK_MESSAGE(orthogonality(v, eps) < kThreshold, "V is not orthogonal");
    CHECK_MESSAGE(std::ranges::is_sorted(w), "the eigenvalues are not in ascending order");
    for (std::int64_t j = 0; j < n; ++j) {
      const double alone = std::ldexp(static_cast<double>(values.w[static_cast<std::size_t>(i * n + j)]), scale);
      CHECK_MESSAGE(std::abs(alone - w[static_cast<std::size_t>(j)]) <= kThreshold * size,
                    "value " << j << " differs without vectors");
    }
  }
  return result.w;
}

}  // namespace

TEST_CASE("cuda eigh: the choice of a routine") {
  CHECK(choose_eigh(1, 10, true) == EighMethod::Each);
  CHECK(choose_eigh(2, 10, true) == EighMethod::Batched);
  CHECK(choose_eigh(2, 46340, true) == EighMethod::Batched);
  CHECK(choose_eigh(2, 46341, true) == EighMethod::Each);  // one matrix is more than the batched routine can index
  CHECK(choose_eigh(2, 32, false) == EighMethod::Jacobi);
  CHECK(choose_eigh(2, 33, false) == EighMethod::Each);
}

TEST_CASE_TEMPLATE("cuda eigh: random matrices, of which the upper triangle is not read", T, float, double) {
  Random random(1);
  Gpu gpu;
  for (const Where where : {Where::Host, Where::Buffers}) {
    for (const std::int64_t n : {1, 2, 5, 31, 32, 33, 64, 65}) {
      for (const std::int64_t batch : {1, 3}) {
        std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
        for (std::int64_t i = 0; i < batch * n; ++i) {
          for (std::int64_t j = i % n + 1; j < n; ++j) {
            a[static_cast<std::size_t>(i * n + j)] = std::numeric_limits<T>::quiet_NaN();
          }
        }
        check_batch(gpu, a, batch, n, where);
      }
    }
  }
}

TEST_CASE_TEMPLATE("cuda eigh: matrices whose eigenvalues are known", T, float, double) {
  Random random(2);
  Gpu gpu;
  constexpr std::int64_t n = 9;
  const std::vector<double> spectrum{-5, -5, -1e-3, 0, 0, 1, 1, 1, 40};
  const Matrix q = random_orthonormal(random, n, n);
  Matrix all = symmetric(multiply(multiply(q, diagonal(n, n, spectrum)), transpose(q)));
  const std::vector<double> mixed{40, 0, 1, -5, 1, 0, -1e-3, 1, -5};
  for (const Matrix& more : {diagonal(n, n, mixed), Matrix(n, n), identity(n)}) {
    all.data.insert(all.data.end(), more.data.begin(), more.data.end());
  }
  const std::vector<T> w = check_batch(gpu, narrow<T>(all), 4, n, Where::Host);
  for (std::size_t i = 0; i < 9; ++i) {
    const double tolerance = kThreshold * 40 * 9 * std::numeric_limits<T>::epsilon();
    CHECK(std::abs(static_cast<double>(w[i]) - spectrum[i]) < tolerance);
    CHECK(std::abs(static_cast<double>(w[9 + i]) - spectrum[i]) < tolerance);
    CHECK(w[18 + i] == 0);
    CHECK(w[27 + i] == 1);
  }
}

TEST_CASE_TEMPLATE("cuda eigh: entries near underflow and near overflow", T, float, double) {
  Random random(3);
  Gpu gpu;
  Matrix small = random_matrix(random, 10, 10);
  Matrix large = small;
  for (double& value : small.data) value *= std::ldexp(static_cast<double>(std::numeric_limits<T>::min()), 14);
  for (double& value : large.data) value *= static_cast<double>(std::numeric_limits<T>::max()) / 200;
  std::vector<T> a = narrow<T>(small);
  const std::vector<T> more = narrow<T>(large);
  check_batch(gpu, more, 1, 10, Where::Host);
  a.insert(a.end(), more.begin(), more.end());
  check_batch(gpu, a, 2, 10, Where::Host);
}

TEST_CASE_TEMPLATE("cuda eigh: sizes of zero", T, float, double) {
  Gpu gpu;
  CHECK(decompose<T>(gpu, {}, 2, 0, true, Where::Host).w.empty());
  CHECK(decompose<T>(gpu, {}, 0, 3, true, Where::Buffers).w.empty());
}

TEST_CASE_TEMPLATE("cuda eigh: a NaN or an infinity in the lower triangle names its matrices", T, float, double) {
  Random random(4);
  Gpu gpu;
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    a[1 * 9 + 6] = bad;
    a[3 * 9 + 4] = bad;
    a[2 * 9 + 1] = bad;  // in the upper triangle
    check_fails([&] { decompose(gpu, a, 4, 3, true, Where::Host); }, Code::NotFinite, {1, 3}, 4);
  }
}
