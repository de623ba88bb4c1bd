// Inverses, judged by |1 - A A^-1| / (|A| |A^-1| n eps).
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
std::vector<T> invert(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                      Where where = Where::Host) {
  const std::vector<T> inverse = unset<T>(batch * n * n);
  gpu.inv({kDType<T>, batch, n, operand(a), operand(inverse)}, where);
  return inverse;
}

}  // namespace

TEST_CASE_TEMPLATE("cuda inv: one matrix, and batches", T, float, double) {
  Random random(1);
  Gpu gpu;
  for (const auto& [batch, n] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 5}, {1, 65}, {3, 1}, {4, 7}, {2, 33}, {2, 64}}) {
    for (const Where where : {Where::Host, Where::Buffers}) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      const std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
      const std::vector<T> inverse = invert(gpu, a, batch, n, where);
      for (int i = 0; i < batch; ++i) {
        const Matrix one = widen(a.data() + i * n * n, n, n);
        const Matrix its = widen(inverse.data() + i * n * n, n, n);
        const double size = norm(one) * norm(its) * n * static_cast<double>(std::numeric_limits<T>::epsilon());
        const double ratio = norm(subtract(multiply(one, its), identity(n))) / size;
        CHECK_MESSAGE(ratio < 50, "A A^-1 = 1: ratio " << ratio);
      }
    }
  }
}

TEST_CASE("cuda inv: a batch of matrices too large for the batched routines") {
  Random random(2);
  Gpu gpu;
  constexpr std::int64_t kSize = 515;
  const std::vector<double> a = narrow<double>(random_matrix(random, 2 * kSize, kSize));
  const std::vector<double> inverse = invert(gpu, a, 2, kSize);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Matrix product = multiply(widen(a.data() + i * kSize * kSize, kSize, kSize),
                                    widen(inverse.data() + i * kSize * kSize, kSize, kSize));
    CHECK(norm(subtract(product, identity(kSize))) < 1e-6);
  }
}

TEST_CASE_TEMPLATE("cuda inv: a matrix written out", T, float, double) {
  Gpu gpu;
  CHECK((invert<T>(gpu, {1, 2, 0, 4}, 1, 2) == std::vector<T>{1, -0.5, 0, 0.25}));
  CHECK((invert<T>(gpu, {1, 2, 0, 4, 0, 1, 2, 0}, 2, 2) == std::vector<T>{1, -0.5, 0, 0.25, 0, 0.5, 1, 0}));
}

TEST_CASE_TEMPLATE("cuda inv: sizes of zero, singular matrices, and such as are not finite", T, float, double) {
  Random random(3);
  Gpu gpu;
  CHECK(invert<T>(gpu, {}, 3, 0).empty());
  CHECK(invert<T>(gpu, {}, 0, 3).empty());
  std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
  std::fill_n(a.begin() + 2 * 9, 9, T{1});
  check_fails([&] { invert(gpu, a, 4, 3); }, Code::Singular, {2}, 4);
  check_fails([&] { invert<T>(gpu, std::vector<T>(9, T{0}), 1, 3); }, Code::Singular, {0}, 1);
  a[3 * 9 + 1] = std::numeric_limits<T>::infinity();
  check_fails([&] { invert(gpu, a, 4, 3); }, Code::NotFinite, {3}, 4);
}
