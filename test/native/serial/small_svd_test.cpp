// The SVD of small matrices by the kernels of every instruction set that this processor can run: the cases that an SVD must
// pass, beside one another in one batch, for no lane may see another.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cpu/small/batch.h"
#include "subject.h"
#include "support/every_set.h"
#include "support/matrices.h"
#include "support/svd_check.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

Matrix multiplied(Matrix a, double factor) {
  for (double& value : a.data) value *= factor;
  return a;
}

// All kinds, each in a lane beside the others.
template <typename T>
std::vector<SvdCase> assorted_svds(Random& random, std::int64_t m, std::int64_t n) {
  const std::int64_t k = std::min(m, n);
  const auto count = static_cast<std::size_t>(k);
  const double eps = std::numeric_limits<T>::epsilon();
  std::vector<SvdCase> cases{
      {"zero", Matrix(m, n), std::vector<double>(count, 0)},
      {"random", random_matrix(random, m, n), {}},
      {"equal values", with_spectrum(random, m, n, std::vector<double>(count, 2)), std::vector<double>(count, 2)},
      {"diagonal", diagonal(m, n, std::vector<double>(count, -3)), std::vector<double>(count, 3)}};
  std::uniform_real_distribution<double> noise(-1, 1);
  Matrix nearly = with_spectrum(random, m, n, std::vector<double>(count, 1));
  for (double& value : nearly.data) value += std::sqrt(eps) * noise(random);
  cases.push_back({"nearly equal values", nearly, {}});
  if (k > 1) {
    for (SvdCase& one : prescribed(random, m, n, 0.1 / eps)) cases.push_back(std::move(one));
    std::vector<double> spectrum(count, 0);
    spectrum[0] = 3;
    cases.push_back({"rank 1", with_spectrum(random, m, n, spectrum), spectrum});
    Matrix twice = random_matrix(random, m, n);
    for (std::int64_t i = 0; i < m; ++i) {
      twice(i, n - 1) = twice(i, 0);
      twice(i, n / 2) = 0;
    }
    cases.push_back({"a zero and a duplicate column", twice, {}});
    Matrix ones(m, n);
    std::ranges::fill(ones.data, 1.0);
    std::vector<double> of_ones(count, 0);
    of_ones[0] = std::sqrt(static_cast<double>(m * n));
    cases.push_back({"all ones", ones, of_ones});
    Matrix columns = random_matrix(random, m, n);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) columns(i, j) *= std::ldexp(1, static_cast<int>(-4 * j));
    }
    cases.push_back({"graded columns", columns, {}});
    Matrix rows = random_matrix(random, m, n);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) rows(i, j) *= std::ldexp(1, static_cast<int>(-3 * (i % 16)));
    }
    cases.push_back({"graded rows", rows, {}});
  }
  Matrix plain = random_matrix(random, m, n);
  double largest = 0;
  for (const double value : plain.data) largest = std::max(largest, std::abs(value));
  for (double& value : plain.data) value /= largest;
  const auto least = static_cast<double>(std::numeric_limits<T>::min());
  const auto most = static_cast<double>(std::numeric_limits<T>::max());
  cases.push_back({"near underflow", multiplied(plain, std::ldexp(least, 16)), {}});
  cases.push_back({"near overflow", multiplied(plain, most / std::sqrt(static_cast<double>(2 * m * n))), {}});
  return cases;
}

}  // namespace

TEST_CASE_TEMPLATE("small svd: every size, every kind of matrix, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(1);
    Subject subject({.cores = 1});
    for (std::int64_t n = 1; n <= 20; ++n) {
      check_cases<T>(subject, assorted_svds<T>(random, n, n), SvdDriver::Auto, Where::Host);
    }
    for (const std::int64_t n : {25, 31, 32}) {
      check_cases<T>(subject, assorted_svds<T>(random, n, n), SvdDriver::Auto, Where::Host);
    }
    for (const auto& [m, n] : std::vector<std::pair<int, int>>{
             {2, 1}, {5, 2}, {9, 4}, {17, 16}, {30, 7}, {64, 3}, {64, 16}, {18, 17}, {50, 23}, {64, 32}}) {
      check_cases<T>(subject, assorted_svds<T>(random, m, n), SvdDriver::Auto, Where::Host);
      check_cases<T>(subject, assorted_svds<T>(random, n, m), SvdDriver::Auto, Where::Host);
    }
  });
}

// A matrix with orthonormal columns times powers of two has these as its singular values: each is found to its own digits.
TEST_CASE_TEMPLATE("small svd: the values of graded columns have all their digits", T, float, double) {
  for_every_set([] {
    Random random(2);
    Subject subject({.cores = 1});
    for (const auto& [m, n, step] : std::vector<std::tuple<int, int, int>>{
             {4, 4, 12}, {9, 9, 7}, {16, 16, 4}, {40, 12, 5}, {32, 32, 2}, {50, 21, 3}}) {
      if (!cpu::small::takes_svd<T>(m, n, false)) continue;  // LAPACK's are right beside the largest alone
      INFO(m, " x ", n, ", each column 2^-", step, " times the one before");
      Matrix a = random_orthonormal(random, m, n);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) a(i, j) *= std::ldexp(1, -step * static_cast<int>((j * 5 + 3) % n));
      }
      const Svd<T> result = decompose(subject, narrow<T>(a), 1, m, n);
      for (int j = 0; j < n; ++j) {
        const double expected = std::ldexp(1, -step * j);
        const double relative = std::abs(static_cast<double>(result.s[static_cast<std::size_t>(j)]) / expected - 1);
        CHECK_MESSAGE(relative < 4 * n * static_cast<double>(std::numeric_limits<T>::epsilon()),
                      "value " << j << " is off by " << relative << " of itself");
      }
    }
  });
}

TEST_CASE_TEMPLATE("small svd: the same bits alone, in any place of a batch and beside anything", T, float, double) {
  for_every_set([] {
    Random random(3);
    Subject subject({.cores = 1});
    for (const auto& [m, n] : std::vector<std::pair<int, int>>{
             {1, 1}, {3, 3}, {4, 4}, {7, 7}, {16, 16}, {20, 5}, {5, 20}, {21, 21}, {32, 32}, {40, 18}, {18, 40}}) {
      for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
        INFO(m, " x ", n, ", mode ", name_of(mode));
        std::vector<Matrix> matrices;
        for (SvdCase& one : assorted_svds<T>(random, m, n)) matrices.push_back(std::move(one.a));
        check_places<T>(matrices, [&](const std::vector<T>& a, std::int64_t batch) {
          const Svd<T> all = decompose(subject, a, batch, m, n, {.mode = mode});
          return std::vector<std::vector<T>>{all.u, all.s, all.vt};
        });
      }
    }
  });
}
