// Cholesky factors, judged by |A - L L^T| / (|A| n eps).
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "linalg/gpu.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> factorise(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                         Where where = Where::Host) {
  const std::vector<T> l = unset<T>(batch * n * n);
  gpu.cholesky({kDType<T>, batch, n, operand(a), operand(l)}, where);
  return l;
}

// `batch` positive definite matrices, of which the upper triangles are NaN: they must not be read.
template <typename T>
std::vector<T> definite(Random& random, std::int64_t batch, std::int64_t n) {
  std::vector<T> all;
  for (std::int64_t b = 0; b < batch; ++b) {
    const Matrix root = random_matrix(random, n, n);
    Matrix a = multiply(root, transpose(root));
    for (std::int64_t i = 0; i < n; ++i) {
      a(i, i) += static_cast<double>(n);
      for (std::int64_t j = i + 1; j < n; ++j) a(i, j) = std::numeric_limits<double>::quiet_NaN();
    }
    const std::vector<T> one = narrow<T>(a);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("cuda cholesky: one matrix, and batches", T, float, double) {
  Random random(1);
  Gpu gpu;
  for (const auto& [batch, n] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 6}, {1, 65}, {3, 1}, {4, 7}, {2, 33}, {2, 64}}) {
    for (const Where where : {Where::Host, Where::Buffers}) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      const std::vector<T> a = definite<T>(random, batch, n);
      const std::vector<T> l = factorise(gpu, a, batch, n, where);
      for (int i = 0; i < batch; ++i) {
        Matrix one = widen(a.data() + i * n * n, n, n);
        const Matrix its = widen(l.data() + i * n * n, n, n);
        bool lower = true;
        for (int r = 0; r < n; ++r) {
          for (int c = r + 1; c < n; ++c) {
            lower = lower && its(r, c) == 0;
            one(r, c) = one(c, r);
          }
        }
        CHECK_MESSAGE(lower, "the upper triangle of L is not zero");
        const double size = norm(one) * n * static_cast<double>(std::numeric_limits<T>::epsilon());
        const double ratio = norm(subtract(multiply(its, transpose(its)), one)) / size;
        CHECK_MESSAGE(ratio < 50, "L L^T = A: ratio " << ratio);
      }
    }
  }
}

TEST_CASE("cuda cholesky: a batch of matrices too large for the batched routine") {
  Random random(2);
  Gpu gpu;
  constexpr std::int64_t kSize = 515;
  std::vector<double> a(2 * kSize * kSize, 0);
  for (std::int64_t i = 0; i < 2 * kSize; ++i) a[static_cast<std::size_t>(i * kSize + i % kSize)] = 4;
  const std::vector<double> l = factorise(gpu, a, 2, kSize);
  for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(l[i] == a[i] / 2);
}

TEST_CASE_TEMPLATE("cuda cholesky: sizes of zero, and matrices that have no factor", T, float, double) {
  Random random(3);
  Gpu gpu;
  CHECK(factorise<T>(gpu, {}, 3, 0).empty());
  CHECK(factorise<T>(gpu, {}, 0, 3).empty());
  std::vector<T> a = definite<T>(random, 4, 3);
  a[1 * 9 + 4] = -1;
  a[3 * 9] = 0;
  check_fails([&] { factorise(gpu, a, 4, 3); }, Code::NotPositiveDefinite, {1, 3}, 4);
  check_fails([&] { factorise<T>(gpu, {-1}, 1, 1); }, Code::NotPositiveDefinite, {0}, 1);
  a[2 * 9 + 3] = std::numeric_limits<T>::quiet_NaN();
  check_fails([&] { factorise(gpu, a, 4, 3); }, Code::NotFinite, {2}, 4);
}
