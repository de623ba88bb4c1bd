// LU factors on every device, and systems that are solved with them and with triangles, judged by LAPACK's ratios:
// |P^T A - L U| / (|A| max(m, n) eps) and |B - A X| / (|A| |X| n eps).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
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
struct Factors {
  std::vector<T> lu;
  std::vector<std::int32_t> pivots, permutation;
};

template <typename T>
Factors<T> factorise(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m, std::int64_t n,
                     Where where = Where::Host) {
  Factors<T> found{unset<T>(batch * m * n), std::vector<std::int32_t>(static_cast<std::size_t>(batch * std::min(m, n))),
                   std::vector<std::int32_t>(static_cast<std::size_t>(batch * m), -1)};
  subject.lu_factor(
      {kDType<T>, true, batch, m, n, operand(a), operand(found.lu), operand(found.pivots), operand(found.permutation)},
      where);
  return found;
}

template <typename T>
void check_factors(const std::vector<T>& a, const Factors<T>& found, std::int64_t batch, std::int64_t m,
                   std::int64_t n) {
  const std::int64_t k = std::min(m, n);
  for (std::int64_t at = 0; at < batch; ++at) {
    const Matrix given = widen(a.data() + at * m * n, m, n);
    const Matrix lu = widen(found.lu.data() + at * m * n, m, n);
    Matrix l(m, k);
    Matrix u(k, n);
    double largest = 0;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < k; ++j) l(i, j) = i > j ? lu(i, j) : (i == j ? 1 : 0);
      for (std::int64_t j = 0; j < std::min(i, k); ++j) largest = std::max(largest, std::abs(lu(i, j)));
    }
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = i; j < n; ++j) u(i, j) = lu(i, j);
    }
    CHECK_MESSAGE(largest <= 1 + 4 * static_cast<double>(std::numeric_limits<T>::epsilon()), "l is larger than 1");
    std::vector<std::int32_t> order(static_cast<std::size_t>(m));
    for (std::int64_t i = 0; i < m; ++i) order[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i);
    bool right = true;
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int32_t pivot = found.pivots[static_cast<std::size_t>(at * k + i)];
      REQUIRE((pivot >= i && pivot < m));
      std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(pivot)]);
    }
    Matrix exchanged(m, n);
    for (std::int64_t i = 0; i < m; ++i) {
      const std::int64_t row = order[static_cast<std::size_t>(i)];
      right = right && found.permutation[static_cast<std::size_t>(at * m + row)] == i;
      for (std::int64_t j = 0; j < n; ++j) exchanged(i, j) = given(row, j);
    }
    CHECK_MESSAGE(right, "the permutation is not what the pivots make");
    if (k == 0) continue;
    const double error = norm(subtract(multiply(l, u), exchanged));
    const double size = norm(given) * static_cast<double>(std::max(m, n)) * std::numeric_limits<T>::epsilon();
    CHECK_MESSAGE(error <= kThreshold * size, "reconstruction: ratio " << error / size);
  }
}

// a's triangle, with what else there is as the options say it is not read.
template <typename T>
std::vector<T> spoilt(const std::vector<T>& a, std::int64_t n, bool lower, bool unit) {
  std::vector<T> result = a;
  for (std::size_t at = 0; at < a.size(); ++at) {
    const std::int64_t i = static_cast<std::int64_t>(at) / n % n;
    const std::int64_t j = static_cast<std::int64_t>(at) % n;
    if ((lower ? j > i : j < i) || (unit && i == j)) result[at] = std::numeric_limits<T>::quiet_NaN();
  }
  return result;
}

template <typename T>
Matrix triangle_of(const T* a, std::int64_t n, bool lower, bool unit) {
  Matrix matrix = widen(a, n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (lower ? j > i : j < i) matrix(i, j) = 0;
    }
    if (unit) matrix(i, i) = 1;
  }
  return matrix;
}

template <typename T>
void check_residual(const Matrix& a, const Matrix& x, const Matrix& b) {
  const double error = norm(subtract(multiply(a, x), b));
  const double size = norm(a) * norm(x) * static_cast<double>(a.m) * std::numeric_limits<T>::epsilon();
  CHECK_MESSAGE(error <= kThreshold * size, "residual: ratio " << error / size);
}

// Random triangles are all but singular; these are not.
template <typename T>
std::vector<T> well_conditioned(Random& random, std::int64_t count, std::int64_t n) {
  std::vector<T> a = narrow<T>(random_matrix(random, count * n, n));
  for (std::int64_t i = 0; i < count * n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) a[static_cast<std::size_t>(i * n + j)] /= static_cast<T>(n);
    a[static_cast<std::size_t>(i * n + i % n)] += T{2};
  }
  return a;
}

template <typename T>
void check_triangles(Subject& subject, const Dims& a_batch, const Dims& b_batch, std::int64_t n, std::int64_t nrhs) {
  Random random(static_cast<std::uint64_t>(n * 37 + nrhs));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::vector<T> a = well_conditioned<T>(random, product(a_batch), n);
  const std::vector<T> b = narrow<T>(random_matrix(random, product(b_batch) * n, nrhs));
  for (int choice = 0; choice < 8; ++choice) {
    const bool lower = (choice & 1) != 0;
    const bool transposed = (choice & 2) != 0;
    const bool unit = (choice & 4) != 0;
    const Where where = choice % 3 == 0 ? Where::Buffers : Where::Host;
    INFO("a is ", text(a_batch), ", b is ", text(b_batch), ", n ", n, ", right-hand sides ", nrhs, ", lower ", lower,
         ", transposed ", transposed, ", unit ", unit, ", in ", name_of(where));
    const std::vector<T> given = spoilt(a, n, lower, unit);
    const std::vector<T> x = unset<T>(product(shape.dims) * n * nrhs);
    subject.solve_triangular({kDType<T>, lower, transposed, unit, n, nrhs, shape.dims, shape.a, shape.b, operand(given),
                              operand(b), operand(x)},
                             where);
    for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
      const Matrix matrix = triangle_of(a.data() + ai * n * n, n, lower, unit);
      check_residual<T>(transposed ? transpose(matrix) : matrix, widen(x.data() + i * n * nrhs, n, nrhs),
                        widen(b.data() + bi * n * nrhs, n, nrhs));
    });
  }
}

template <typename T>
void check_solving(Subject& subject, const Dims& a_batch, const Dims& b_batch, std::int64_t n, std::int64_t nrhs) {
  Random random(static_cast<std::uint64_t>(n * 41 + nrhs));
  const Broadcast shape = broadcast(a_batch, b_batch);
  const std::int64_t count = product(a_batch);
  const std::vector<T> a = narrow<T>(random_matrix(random, count * n, n));
  const std::vector<T> b = narrow<T>(random_matrix(random, product(b_batch) * n, nrhs));
  const Factors<T> factors = factorise(subject, a, count, n, n);
  for (const bool transposed : {false, true}) {
    for (const Where where : kPlaces) {
      INFO("a is ", text(a_batch), ", b is ", text(b_batch), ", n ", n, ", right-hand sides ", nrhs, ", transposed ",
           transposed, ", in ", name_of(where));
      const std::vector<T> x = unset<T>(product(shape.dims) * n * nrhs);
      subject.lu_solve({kDType<T>, transposed, n, nrhs, shape.dims, shape.a, shape.b, operand(factors.lu),
                        operand(factors.pivots), operand(b), operand(x)},
                       where);
      for_each_batch(shape.dims, shape.a, shape.b, [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
        const Matrix matrix = widen(a.data() + ai * n * n, n, n);
        check_residual<T>(transposed ? transpose(matrix) : matrix, widen(x.data() + i * n * nrhs, n, nrhs),
                          widen(b.data() + bi * n * nrhs, n, nrhs));
      });
    }
  }
}

template <typename T>
std::vector<T> solve_lower(Subject& subject, std::int64_t batch, std::int64_t n, const std::vector<T>& a,
                           const std::vector<T>& b) {
  const std::vector<T> x = unset<T>(static_cast<std::int64_t>(b.size()));
  subject.solve_triangular(
      {kDType<T>, true, false, false, n, 1, {batch}, {1}, {1}, operand(a), operand(b), operand(x)});
  return x;
}

}  // namespace

TEST_CASE_TEMPLATE("luFactor: all shapes, alone and in batches", T, float, double) {
  Subject subject;
  Random random(1);
  for (const auto& [m, n] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {2, 2}, {5, 3}, {3, 5}, {1, 7}, {7, 1}, {33, 33}, {64, 20}, {20, 64}, {120, 120}}) {
    for (const std::int64_t batch : {1, 3}) {
      for (const Where where : kPlaces) {
        INFO(batch, " of ", m, " x ", n, " in ", name_of(where));
        const std::vector<T> a = narrow<T>(random_matrix(random, batch * m, n));
        check_factors(a, factorise(subject, a, batch, m, n, where), batch, m, n);
      }
    }
  }
}

TEST_CASE(
    "luFactor: matrices too large for the batched routines of a GPU, and a batch too large for its staging memory") {
  Subject subject;
  Random random(2);
  const std::vector<float> large = narrow<float>(random_matrix(random, 2 * 520, 520));
  check_factors(large, factorise(subject, large, 2, 520, 520), 2, 520, 520);
  const std::vector<double> many = narrow<double>(random_matrix(random, 38 * 64, 64));
  check_factors(many, factorise(subject, many, 38, 64, 64), 38, 64, 64);
}

TEST_CASE_TEMPLATE("luFactor: a case written out, singular matrices, and sizes of zero", T, float, double) {
  Subject subject;
  // The second row is the pivot's; and of the second matrix, of rank 1, elimination goes on to the end.
  const Factors<T> found = factorise<T>(subject, {1, 2, 4, 4, 1, 2, 2, 4}, 2, 2, 2);
  CHECK((found.lu == std::vector<T>{4, 4, T{0.25}, 1, 2, 4, T{0.5}, 0}));
  CHECK((found.pivots == std::vector<std::int32_t>{1, 1, 1, 1}));
  CHECK((found.permutation == std::vector<std::int32_t>{1, 0, 1, 0}));
  CHECK((factorise<T>(subject, std::vector<T>(9, T{0}), 1, 3, 3).lu == std::vector<T>(9, T{0})));
  CHECK((factorise<T>(subject, {}, 2, 3, 0).permutation == std::vector<std::int32_t>{0, 1, 2, 0, 1, 2}));
  CHECK(factorise<T>(subject, {}, 2, 0, 3).permutation.empty());
  CHECK(factorise<T>(subject, {}, 0, 3, 3).lu.empty());
}

TEST_CASE_TEMPLATE("luFactor: a NaN or an infinity names its matrices", T, float, double) {
  Subject subject;
  Random random(3);
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * 3, 3));
    a[9] = bad;
    a[35] = bad;
    check_fails([&] { factorise(subject, a, 4, 3, 3); }, Code::NotFinite, {1, 3}, 4);
  }
}

TEST_CASE_TEMPLATE("luSolve: systems of all sizes, and of transposes", T, float, double) {
  Subject subject;
  for (const std::int64_t n : {1, 2, 5, 33, 64, 120}) {
    for (const std::int64_t nrhs : {1, 3}) check_solving<T>(subject, {}, {}, n, nrhs);
  }
  const std::vector<std::pair<Dims, Dims>> shapes{{{4}, {4}},    {{4}, {}},     {{}, {4}},       {{2, 3}, {3}},
                                                  {{3}, {2, 3}}, {{2, 1}, {3}}, {{2, 3}, {2, 1}}};
  for (const auto& [a, b] : shapes) check_solving<T>(subject, a, b, 6, 2);
}

TEST_CASE_TEMPLATE("solveTriangular: every triangle, of which nothing else is read", T, float, double) {
  Subject subject;
  for (const std::int64_t n : {1, 2, 5, 33, 64}) {
    for (const std::int64_t nrhs : {1, 3}) check_triangles<T>(subject, {}, {}, n, nrhs);
  }
  const std::vector<std::pair<Dims, Dims>> shapes{{{4}, {4}}, {{4}, {}}, {{}, {4}}, {{2, 1}, {3}}, {{2, 3}, {2, 1}}};
  for (const auto& [a, b] : shapes) check_triangles<T>(subject, a, b, 6, 2);
}

TEST_CASE("solveTriangular and luSolve: large matrices and large batches") {
  Subject subject;
  check_triangles<float>(subject, {2}, {2}, 520, 2);
  check_solving<float>(subject, {2}, {2}, 520, 2);
  check_solving<double>(subject, {1, 3}, {58, 1}, 40, 20);
  check_solving<double>(subject, {57}, {57}, 40, 20);
}

TEST_CASE_TEMPLATE("solveTriangular and luSolve: what is wrong names its systems", T, float, double) {
  Subject subject;
  const std::vector<T> b(6, T{1});
  const std::vector<T> zero{1, 0, 1, 1, /* singular: */ 1, 0, 1, 0, 2, 0, 0, 2};
  check_fails([&] { solve_lower(subject, 3, 2, zero, b); }, Code::Singular, {1}, 3);
  std::vector<T> bad = zero;
  bad[0] = std::numeric_limits<T>::infinity();
  check_fails([&] { solve_lower(subject, 3, 2, bad, b); }, Code::NotFinite, {0}, 3);
  std::vector<T> bad_sides = b;
  bad_sides[5] = std::numeric_limits<T>::quiet_NaN();
  check_fails([&] { solve_lower(subject, 3, 2, zero, bad_sides); }, Code::NotFinite, {2}, 3);

  const auto by_factors = [&](const std::vector<T>& lu, const std::vector<std::int32_t>& pivots) {
    const std::vector<T> x = unset<T>(6);
    subject.lu_solve({kDType<T>, false, 2, 1, {3}, {1}, {1}, operand(lu), operand(pivots), operand(b), operand(x)});
  };
  const std::vector<T> regular{1, 0, 1, 1, 1, 0, 1, 1, 2, 0, 0, 2};
  check_fails([&] { by_factors(zero, {1, 1, 0, 1, 0, 1}); }, Code::Singular, {1}, 3);
  check_fails([&] { by_factors(bad, {0, 1, 0, 1, 0, 1}); }, Code::NotFinite, {0}, 3);
  check_fails([&] { by_factors(regular, {0, 1, 2, 1, 0, -1}); }, Code::Argument, {1, 2}, 3);
  CHECK(solve_lower<T>(subject, 0, 2, {}, {}).empty());
}

// One of them is large enough for what OpenBLAS would multiply by.
TEST_CASE_TEMPLATE("solveTriangular: a solution beyond what the type holds is an error", T, float, double) {
  Subject subject;
  const T least = std::numeric_limits<T>::min();
  check_fails([&] { solve_lower<T>(subject, 1, 1, {least}, {T{4}}); }, Code::NotFinite, {0}, 1);
}
