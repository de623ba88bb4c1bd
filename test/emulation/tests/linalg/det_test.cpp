// Determinants, as they are and as logarithms.
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
struct Determinants {
  std::vector<T> det, sign, log_abs;
};

template <typename T>
Determinants<T> determinants(Gpu& gpu, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                             Where where = Where::Host) {
  Determinants<T> result{unset<T>(batch), unset<T>(batch), unset<T>(batch)};
  gpu.det({kDType<T>, false, batch, n, operand(a), operand(result.det), {}}, where);
  gpu.det({kDType<T>, true, batch, n, operand(a), operand(result.sign), operand(result.log_abs)}, where);
  return result;
}

// That a number is this one, but for the rounding of a product of n factors.
template <typename T>
void check_near(T value, double expected, std::int64_t n, const char* what) {
  const double tolerance =
      50 * static_cast<double>(n) * std::numeric_limits<T>::epsilon() * std::max(std::abs(expected), 1e-30);
  CHECK_MESSAGE(std::abs(static_cast<double>(value) - expected) <= tolerance,
                what << " is " << value << ", expected " << expected);
}

}  // namespace

// Rotations between which a diagonal lies: the determinant is known.
TEST_CASE_TEMPLATE("cuda det: one matrix, and batches", T, float, double) {
  Random random(1);
  Gpu gpu;
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{1, 1}, {1, 6}, {1, 40}, {3, 1}, {4, 7}, {2, 33}}) {
    for (const Where where : {Where::Host, Where::Buffers}) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      std::vector<T> a;
      std::vector<double> expected;
      for (int i = 0; i < batch; ++i) {
        // Upper triangular, then rows reversed: floor(n / 2) swaps.
        Matrix one(n, n);
        double det = n / 2 % 2 == 0 ? 1 : -1;
        for (int row = 0; row < n; ++row) {
          const double pivot = (row % 3 == i % 3 ? -1.0 : 1.0) * (1.0 + 0.1 * row / n);
          det *= pivot;
          for (int column = row; column < n; ++column) one(n - 1 - row, column) = column == row ? pivot : 0.3;
        }
        const std::vector<T> narrowed = narrow<T>(one);
        a.insert(a.end(), narrowed.begin(), narrowed.end());
        expected.push_back(det);
      }
      const Determinants<T> result = determinants(gpu, a, batch, n, where);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        check_near(result.det[i], expected[i], n, "det");
        CHECK(static_cast<double>(result.sign[i]) == (expected[i] < 0 ? -1.0 : 1.0));
        CHECK(std::abs(static_cast<double>(result.log_abs[i]) - std::log(std::abs(expected[i]))) <
              50 * n * static_cast<double>(std::numeric_limits<T>::epsilon()));
      }
    }
  }
}

TEST_CASE_TEMPLATE("cuda det: a singular matrix has none, and an empty one has 1", T, float, double) {
  Gpu gpu;
  for (const Where where : {Where::Host, Where::Buffers}) {
    INFO("in ", name_of(where));
    // All zero; equal rows; a zero column; regular.
    const std::vector<T> a{0, 0, 0, 0, 1, 2, 1, 2, 0, 3, 0, 5, 2, 0, 0, 3};
    const Determinants<T> result = determinants(gpu, a, 4, 2, where);
    CHECK((result.det == std::vector<T>{0, 0, 0, 6}));
    CHECK((result.sign == std::vector<T>{0, 0, 0, 1}));
    const T none = -std::numeric_limits<T>::infinity();
    CHECK((std::vector<T>(result.log_abs.begin(), result.log_abs.begin() + 3) == std::vector<T>{none, none, none}));
    const Determinants<T> empty = determinants<T>(gpu, {}, 2, 0, where);
    CHECK((empty.det == std::vector<T>{1, 1}));
    CHECK((empty.sign == std::vector<T>{1, 1}));
    CHECK((empty.log_abs == std::vector<T>{0, 0}));
    CHECK(determinants<T>(gpu, {}, 0, 3, where).det.empty());
  }
  // One matrix, by the other routine.
  CHECK((determinants<T>(gpu, {1, 2, 3, 4, 5, 6, 1, 2, 3}, 1, 3).det == std::vector<T>{0}));
}

TEST_CASE_TEMPLATE("cuda det: a NaN or an infinity is an error that names its matrices", T, float, double) {
  Gpu gpu;
  std::vector<T> a(5 * 4, T{1});
  a[2 * 4 + 3] = std::numeric_limits<T>::quiet_NaN();
  a[4 * 4] = std::numeric_limits<T>::infinity();
  check_fails([&] { determinants(gpu, a, 5, 2); }, Code::NotFinite, {2, 4}, 5);
}
