// Inverses on every device, judged by LAPACK's ratio |1 - A X| / (|A| |X| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

template <typename T>
std::vector<T> invert(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                      Where where = Where::Host) {
  const std::vector<T> inverse = unset<T>(batch * n * n);
  subject.inv({kDType<T>, batch, n, operand(a), operand(inverse)}, where);
  return inverse;
}

// LAPACK bounds one of A X and X A by the condition, and the better of them so; which one depends on the layout. For
// well conditioned matrices it may be asked of A X.
enum class Product { Better, Right };

template <typename T>
void check_inverse(const T* a_data, const T* inverse_data, std::int64_t n, Product which = Product::Better) {
  const Matrix a = widen(a_data, n, n);
  const Matrix inverse = widen(inverse_data, n, n);
  const double size = norm(a) * norm(inverse) * static_cast<double>(n) * std::numeric_limits<T>::epsilon();
  double error = norm(subtract(multiply(a, inverse), identity(n)));
  CHECK_MESSAGE(std::isfinite(error), "the inverse is not finite, or was not written");
  if (which == Product::Better) error = std::min(error, norm(subtract(multiply(inverse, a), identity(n))));
  CHECK_MESSAGE(error <= kThreshold * size, "ratio " << error / size);
}

}  // namespace

TEST_CASE_TEMPLATE("inv: sizes around the blocks of the algorithms, one matrix and batches", T, float, double) {
  Random random(1);
  Subject subject;
  for (const std::int64_t n : {1, 2, 3, 7, 31, 32, 33, 64, 65, 130}) {
    CAPTURE(n);
    const std::vector<T> a = narrow<T>(random_matrix(random, n, n));
    check_inverse(a.data(), invert(subject, a, 1, n).data(), n);
  }
  for (const auto& [batch, n] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 5}, {1, 65}, {3, 1}, {4, 7}, {2, 33}, {2, 64}}) {
    for (const Where where : kPlaces) {
      INFO(batch, " of ", n, " x ", n, ", in ", name_of(where));
      const std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
      const std::vector<T> inverse = invert(subject, a, batch, n, where);
      for (int i = 0; i < batch; ++i) {
        check_inverse(a.data() + i * n * n, inverse.data() + i * n * n, n, Product::Right);
      }
    }
  }
}

TEST_CASE_TEMPLATE("inv: matrices whose inverses are known", T, float, double) {
  Subject subject({.cores = 1});
  CHECK((invert<T>(subject, {-4}, 1, 1) == std::vector<T>{T{-0.25}}));
  CHECK((invert<T>(subject, {2, 1, 0, 4}, 1, 2) == std::vector<T>{T{0.5}, T{-0.125}, 0, T{0.25}}));
  CHECK((invert<T>(subject, {1, 2, 0, 4}, 1, 2) == std::vector<T>{1, T{-0.5}, 0, T{0.25}}));
  CHECK(
      (invert<T>(subject, {1, 2, 0, 4, 0, 1, 2, 0}, 2, 2) == std::vector<T>{1, T{-0.5}, 0, T{0.25}, 0, T{0.5}, 1, 0}));
  // A permutation, which is nothing but pivoting: its inverse is its transpose.
  CHECK((invert<T>(subject, {0, 1, 0, 0, 0, 1, 1, 0, 0}, 1, 3) == std::vector<T>{0, 0, 1, 1, 0, 0, 0, 1, 0}));
}

TEST_CASE_TEMPLATE("inv: badly conditioned matrices, and such as need pivoting", T, float, double) {
  Random random(2);
  Subject subject;
  constexpr std::int64_t kSize = 24;
  std::vector<double> spectrum(kSize, 1);
  for (std::size_t i = 0; i < kSize; ++i) {
    spectrum[i] = std::pow(1e-2 / std::numeric_limits<T>::epsilon(), -static_cast<double>(i) / (kSize - 1));
  }
  Matrix pivoting = random_matrix(random, kSize, kSize);
  for (std::int64_t i = 0; i < kSize; ++i) pivoting(i, i) = 0;
  for (const Matrix& matrix : {with_spectrum(random, kSize, kSize, spectrum), pivoting}) {
    const std::vector<T> a = narrow<T>(matrix);
    check_inverse(a.data(), invert(subject, a, 1, kSize).data(), kSize);
  }
}

// As the matrices of test collections are: what X A comes to says nothing of A X there.
TEST_CASE_TEMPLATE("inv: of matrices that are famous for it A X is as close to 1 as with numpy", T, float, double) {
  const auto made = [](std::int64_t n, auto element) {
    Matrix a(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) a(i, j) = element(static_cast<double>(i), static_cast<double>(j));
    }
    return a;
  };
  Subject subject;
  for (const std::int64_t n : {3, 5, 7}) {
    const auto size = static_cast<double>(n);
    const std::vector<std::pair<std::string, Matrix>> all{
        {"Hilbert", made(n, [](double i, double j) { return 1 / (i + j + 1); })},
        {"Lotkin", made(n, [](double i, double j) { return i == 0 ? 1 : 1 / (i + j + 1); })},
        {"Lotkin, transposed", made(n, [](double i, double j) { return j == 0 ? 1 : 1 / (i + j + 1); })},
        {"Vandermonde", made(n, [&](double i, double j) { return std::pow((i + 1) / size, j); })},
        {"Frank", made(n, [&](double i, double j) { return j >= i ? size - j : (j == i - 1 ? size - i : 0); })},
        {"Kahan", made(n, [](double i, double j) { return std::pow(0.9, i) * (i == j ? 1 : (j > i ? -0.44 : 0)); })},
        {"Forsythe",
         made(n, [&](double i, double j) { return j == i + 1 ? 1 : (i == size - 1 && j == 0 ? 1e-6 : 0); })},
        {"graded", made(n, [](double i, double j) { return std::pow(10, -i) + (i == j ? std::pow(0.1, i) : 0); })},
    };
    std::vector<T> batch;
    for (const auto& [name, matrix] : all) {
      INFO(name, ", n ", n);
      const std::vector<T> a = narrow<T>(matrix);
      check_inverse(a.data(), invert(subject, a, 1, n).data(), n, Product::Right);
      batch.insert(batch.end(), a.begin(), a.end());
    }
    const std::vector<T> inverses = invert(subject, batch, static_cast<std::int64_t>(all.size()), n);
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(all[i].first, ", n ", n, ", in a batch");
      const std::size_t at = i * static_cast<std::size_t>(n * n);
      check_inverse(batch.data() + at, inverses.data() + at, n, Product::Right);
    }
  }
}

TEST_CASE_TEMPLATE("inv: each matrix of a batch is inverted as it is alone", T, float, double) {
  Random random(3);
  Subject subject({.cores = 1});
  for (const auto& [batch, n] : std::vector<std::pair<int, int>>{{30, 3}, {5, 17}, {2, 40}}) {
    INFO("batch ", batch, ", n ", n);
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * n, n));
    const std::vector<T> all = invert(subject, a, batch, n);
    for (int i = 0; i < batch; ++i) {
      INFO("matrix ", i, " of the batch");
      const std::vector<T> one(a.begin() + i * n * n, a.begin() + (i + 1) * n * n);
      const std::vector<T> alone = invert(subject, one, 1, n);
      if (traits().batched_as_alone) CHECK(std::equal(alone.begin(), alone.end(), all.begin() + i * n * n));
      check_inverse(one.data(), alone.data(), n);
      check_inverse(one.data(), all.data() + i * n * n, n);
    }
  }
}

// More than the batched routines of a GPU take.
TEST_CASE("inv: a batch of large matrices") {
  Random random(2);
  Subject subject;
  constexpr std::int64_t kSize = 515;
  const std::vector<double> a = narrow<double>(random_matrix(random, 2 * kSize, kSize));
  const std::vector<double> inverse = invert(subject, a, 2, kSize);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Matrix product = multiply(widen(a.data() + i * kSize * kSize, kSize, kSize),
                                    widen(inverse.data() + i * kSize * kSize, kSize, kSize));
    CHECK(norm(subtract(product, identity(kSize))) < 1e-6);
  }
}

TEST_CASE_TEMPLATE("inv: sizes of zero", T, float, double) {
  Subject subject({.cores = 1});
  CHECK(invert<T>(subject, {}, 0, 3).empty());
  CHECK(invert<T>(subject, {}, 3, 0).empty());
}

TEST_CASE_TEMPLATE("inv: a singular matrix is an error that names all of them", T, float, double) {
  Random random(4);
  Subject subject({.cores = 1});
  std::vector<T> a = narrow<T>(random_matrix(random, 5 * 3, 3));
  std::fill_n(a.begin() + 1 * 9, 9, T{0});
  for (std::size_t i = 0; i < 3; ++i) a[3 * 9 + 3 * i + 1] = 0;  // a column of zeros stays one, exactly
  check_fails([&] { invert(subject, a, 5, 3); }, Code::Singular, {1, 3}, 5);
  std::fill_n(a.begin() + 2 * 9, 9, T{1});
  check_fails([&] { invert(subject, a, 5, 3); }, Code::Singular, {1, 2, 3}, 5);
  check_fails([&] { invert<T>(subject, std::vector<T>(9, T{0}), 1, 3); }, Code::Singular, {0}, 1);
}

TEST_CASE_TEMPLATE("inv: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(5);
  Subject subject({.cores = 1});
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    CAPTURE(bad);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    std::fill_n(a.begin(), 9, T{0});  // the NaN is reported even where another is singular
    a[1 * 9 + 8] = bad;
    a[3 * 9] = bad;
    check_fails([&] { invert(subject, a, 4, 3); }, Code::NotFinite, {1, 3}, 4);
  }
}
