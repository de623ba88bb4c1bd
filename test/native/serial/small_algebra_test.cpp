// eigh, solve, inv, det, cholesky, qr and matmul of small matrices by the kernels of every instruction set that this
// processor can run, by what defines their results; and that no matrix' bits depend on those beside it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/memory/host_block.h"
#include "cpu/small/choose.h"
#include "subject.h"
#include "support/every_set.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

// More than two groups of any instruction set, and no whole number of them.
constexpr std::int64_t kBatch = 37;

Matrix symmetric_part(Matrix a) {
  for (std::int64_t i = 0; i < a.n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
  }
  return a;
}

Matrix positive_definite(Random& random, std::int64_t n) {
  const Matrix half = random_matrix(random, n, n);
  Matrix a = multiply(half, transpose(half));
  for (std::int64_t i = 0; i < n; ++i) a(i, i) += static_cast<double>(n);
  return symmetric_part(a);
}

// Random matrices, and some that are far from random ones in scale and in structure.
std::vector<Matrix> assorted_matrices(Random& random, std::int64_t m, std::int64_t n) {
  std::vector<Matrix> matrices;
  for (std::int64_t i = 0; i < kBatch; ++i) {
    Matrix a = random_matrix(random, m, n);
    if (i % 5 == 1) a = diagonal(m, n, std::vector<double>(static_cast<std::size_t>(std::min(m, n)), 2));
    if (i % 5 == 2) {
      for (double& value : a.data) value = std::ldexp(value, 12);
    }
    if (i % 5 == 3) {
      for (double& value : a.data) value = std::ldexp(value, -20);
    }
    matrices.push_back(a);
  }
  return matrices;
}

template <typename T>
constexpr double kEps = std::numeric_limits<T>::epsilon();

template <typename T>
void check_small(const Matrix& difference, double size, std::int64_t n, const char* what) {
  const double error = norm(difference);
  const double most = kThreshold * static_cast<double>(n) * kEps<T> * size;
  CHECK_MESSAGE(error <= most, what << ": ratio " << error / most * kThreshold);
}

template <typename T>
std::vector<std::vector<T>> eigen(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t n,
                                  bool vectors) {
  std::vector<std::vector<T>> result{unset<T>(batch * n), unset<T>(vectors ? batch * n * n : 0)};
  subject.eigh({kDType<T>, vectors, batch, n, operand(a), operand(result[0]), operand(result[1])});
  return result;
}

template <typename T>
std::vector<std::vector<T>> factors(Subject& subject, const std::vector<T>& a, std::int64_t batch, std::int64_t m,
                                    std::int64_t n, QrMode mode) {
  const std::int64_t between = QrSizes(mode, m, n).between;
  std::vector<std::vector<T>> result{unset<T>(mode == QrMode::R ? 0 : batch * m * between),
                                     unset<T>(batch * between * n)};
  subject.qr({kDType<T>, mode, batch, m, n, operand(a), operand(result[0]), operand(result[1])});
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("small eigh: every size, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(1);
    Subject subject({.cores = 1});
    for (std::int64_t n = 1; n <= 16; ++n) {
      INFO("n ", n);
      std::vector<Matrix> matrices;
      for (const Matrix& one : assorted_matrices(random, n, n)) matrices.push_back(symmetric_part(one));
      matrices.push_back(Matrix(n, n));
      matrices.push_back(positive_definite(random, n));
      // A cluster of equal values, and one that is nearly so.
      const Matrix q = random_orthonormal(random, n, n);
      std::vector<double> values(static_cast<std::size_t>(n), -1);
      values[0] = 1;
      matrices.push_back(symmetric_part(multiply(multiply(q, diagonal(n, n, values)), transpose(q))));
      Matrix near_identity = random_matrix(random, n, n);
      for (double& value : near_identity.data) value *= std::sqrt(kEps<T>);
      for (std::int64_t i = 0; i < n; ++i) near_identity(i, i) += 1;
      matrices.push_back(symmetric_part(near_identity));
      const auto batch = static_cast<std::int64_t>(matrices.size());
      const auto result = eigen(subject, narrow_all<T>(matrices), batch, n, true);
      const auto alone = eigen(subject, narrow_all<T>(matrices), batch, n, false);
      CHECK_MESSAGE(result[0] == alone[0], "the values alone differ");
      for (std::int64_t i = 0; i < batch; ++i) {
        INFO("matrix ", i);
        const Matrix& a = matrices[static_cast<std::size_t>(i)];
        const T* w = result[0].data() + i * n;
        const Matrix v = widen(result[1].data() + i * n * n, n, n);
        CHECK(std::is_sorted(w, w + n));
        CHECK(orthogonality(v, kEps<T>) < kThreshold);
        const Matrix scaled = multiply(v, diagonal(n, n, std::vector<double>(w, w + n)));
        check_small<T>(subtract(multiply(a, v), scaled), norm(a), n, "A V = V W");
      }
    }
  });
}

TEST_CASE_TEMPLATE("small solve and inv: every size, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(2);
    Subject subject({.cores = 1});
    for (std::int64_t n = 1; n <= 32; ++n) {
      const std::vector<Matrix> matrices = assorted_matrices(random, n, n);
      const std::vector<T> a = narrow_all<T>(matrices);
      for (const std::int64_t sides : {std::int64_t{1}, std::int64_t{3}, n}) {
        INFO("n ", n, ", right-hand sides ", sides);
        const Matrix b = random_matrix(random, kBatch * n, sides);
        const std::vector<T> right = narrow<T>(b);
        const std::vector<T> x = unset<T>(kBatch * n * sides);
        subject.solve({kDType<T>, n, sides, {kBatch}, {1}, {1}, operand(a), operand(right), operand(x)});
        for (std::int64_t i = 0; i < kBatch; ++i) {
          INFO("matrix ", i);
          const Matrix left = widen(a.data() + i * n * n, n, n);
          const Matrix solution = widen(x.data() + i * n * sides, n, sides);
          const Matrix rest = subtract(multiply(left, solution), widen(right.data() + i * n * sides, n, sides));
          check_small<T>(rest, norm(left) * norm(solution), n, "A X = B");
        }
      }
      const std::vector<T> inverse = unset<T>(kBatch * n * n);
      subject.inv({kDType<T>, kBatch, n, operand(a), operand(inverse)});
      for (std::int64_t i = 0; i < kBatch; ++i) {
        INFO("n ", n, ", the inverse of matrix ", i);
        const Matrix left = widen(a.data() + i * n * n, n, n);
        const Matrix right = widen(inverse.data() + i * n * n, n, n);
        check_small<T>(subtract(multiply(left, right), identity(n)), norm(left) * norm(right), n, "A inv(A) = 1");
      }
    }
  });
}

TEST_CASE_TEMPLATE("small solve: one matrix for many sides, and many matrices for one", T, float, double) {
  for_every_set([] {
    Random random(3);
    Subject subject({.cores = 1});
    constexpr std::int64_t kSize = 5;
    const std::vector<T> a = narrow<T>(random_matrix(random, 3 * kSize, kSize));
    const std::vector<T> b = narrow<T>(random_matrix(random, 4 * kSize, 2));
    const std::vector<T> x = unset<T>(12 * kSize * 2);
    subject.solve({kDType<T>, kSize, 2, {3, 4}, {1, 0}, {0, 1}, operand(a), operand(b), operand(x)});
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 4; ++j) {
        INFO("matrix ", i, ", sides ", j);
        const Matrix left = widen(a.data() + i * kSize * kSize, kSize, kSize);
        const Matrix solution = widen(x.data() + (i * 4 + j) * kSize * 2, kSize, 2);
        const Matrix rest = subtract(multiply(left, solution), widen(b.data() + j * kSize * 2, kSize, 2));
        check_small<T>(rest, norm(left) * norm(solution), kSize, "A X = B");
      }
    }
  });
}

TEST_CASE_TEMPLATE("small solve and inv: what is singular, and what is not finite, is named", T, float, double) {
  for_every_set([] {
    Random random(4);
    Subject subject({.cores = 1});
    for (const std::int64_t n : {2, 4, 9}) {
      INFO("n ", n);
      std::vector<T> a = narrow<T>(random_matrix(random, kBatch * n, n));
      const std::vector<T> b(static_cast<std::size_t>(kBatch * n), T{1});
      const std::vector<T> x = unset<T>(kBatch * n * n);
      for (const std::int64_t i : {3, 20}) std::fill_n(a.begin() + i * n * n, n, T{0});
      check_fails([&] { subject.inv({kDType<T>, kBatch, n, operand(a), operand(x)}); }, Code::Singular, {3, 20},
                  kBatch);
      check_fails([&] { subject.solve({kDType<T>, n, 1, {kBatch}, {1}, {1}, operand(a), operand(b), operand(x)}); },
                  Code::Singular, {3, 20}, kBatch);
      a[static_cast<std::size_t>(36 * n * n)] = std::numeric_limits<T>::infinity();
      check_fails([&] { subject.inv({kDType<T>, kBatch, n, operand(a), operand(x)}); }, Code::NotFinite, {36}, kBatch);
    }
  });
}

// Of a triangular matrix whose rows are exchanged: the product of its diagonal.
TEST_CASE_TEMPLATE("small det: every size, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(5);
    Subject subject({.cores = 1});
    std::uniform_int_distribution<int> digit(1, 3);
    for (std::int64_t n = 1; n <= 32; ++n) {
      INFO("n ", n);
      std::vector<T> a;
      std::vector<double> expected;
      for (std::int64_t i = 0; i < kBatch; ++i) {
        Matrix one(n, n);
        double product = 1;
        for (std::int64_t row = 0; row < n; ++row) {
          for (std::int64_t column = 0; column < row; ++column) one(row, column) = digit(random) / 64.0;
          one(row, row) = (row % 2 == 0 ? 1 : -1) * std::ldexp(1, digit(random) - 2);
          product *= one(row, row);
        }
        const std::int64_t other = i % n;
        for (std::int64_t column = 0; column < n && other != 0; ++column) std::swap(one(0, column), one(other, column));
        expected.push_back(other == 0 ? product : -product);
        const std::vector<T> narrowed = narrow<T>(one);
        a.insert(a.end(), narrowed.begin(), narrowed.end());
      }
      const std::vector<T> det = unset<T>(kBatch);
      const std::vector<T> sign = unset<T>(kBatch);
      const std::vector<T> log = unset<T>(kBatch);
      subject.det({kDType<T>, false, kBatch, n, operand(a), operand(det), {}});
      subject.det({kDType<T>, true, kBatch, n, operand(a), operand(sign), operand(log)});
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const double part = kThreshold * static_cast<double>(n) * kEps<T>;
        CHECK(std::abs(static_cast<double>(det[i]) / expected[i] - 1) < part);
        CHECK(sign[i] == (expected[i] < 0 ? T{-1} : T{1}));
        CHECK(std::abs(static_cast<double>(log[i]) - std::log(std::abs(expected[i]))) < part);
      }
    }
  });
}

TEST_CASE_TEMPLATE("small cholesky: every size, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(6);
    Subject subject({.cores = 1});
    for (std::int64_t n = 1; n <= 32; ++n) {
      INFO("n ", n);
      std::vector<Matrix> matrices;
      for (std::int64_t i = 0; i < kBatch; ++i) matrices.push_back(positive_definite(random, n));
      std::vector<T> a = narrow_all<T>(matrices);
      const std::vector<T> l = unset<T>(kBatch * n * n);
      subject.cholesky({kDType<T>, kBatch, n, operand(a), operand(l)});
      for (std::int64_t i = 0; i < kBatch; ++i) {
        const Matrix lower = widen(l.data() + i * n * n, n, n);
        const Matrix& one = matrices[static_cast<std::size_t>(i)];
        check_small<T>(subtract(multiply(lower, transpose(lower)), one), norm(one), n, "L L^T = A");
      }
      for (const std::int64_t i : {0, 19}) a[static_cast<std::size_t>((i * n + n - 1) * n + n - 1)] = -1;
      check_fails([&] { subject.cholesky({kDType<T>, kBatch, n, operand(a), operand(l)}); }, Code::NotPositiveDefinite,
                  {0, 19}, kBatch);
    }
  });
}

TEST_CASE_TEMPLATE("small qr: square, tall and wide, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(7);
    Subject subject({.cores = 1});
    for (const auto& [m, n] : std::vector<std::pair<int, int>>{
             {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {11, 11}, {16, 16}, {7, 2}, {2, 7}, {64, 16}, {16, 64}, {33, 5}}) {
      const std::vector<Matrix> matrices = assorted_matrices(random, m, n);
      const std::vector<T> a = narrow_all<T>(matrices);
      for (const QrMode mode : {QrMode::Reduced, QrMode::Complete}) {
        INFO(m, " x ", n, ", mode ", std::string(word_of(mode)));
        const auto result = factors(subject, a, kBatch, m, n, mode);
        const std::int64_t between = QrSizes(mode, m, n).between;
        for (std::int64_t i = 0; i < kBatch; ++i) {
          const Matrix one = widen(a.data() + i * m * n, m, n);
          const Matrix q = widen(result[0].data() + i * m * between, m, between);
          const Matrix r = widen(result[1].data() + i * between * n, between, n);
          check_small<T>(subtract(multiply(q, r), one), norm(one), std::max(m, n), "Q R = A");
          CHECK(orthogonality(q, kEps<T>) < kThreshold);
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("small matmul: every shape, every instruction set", T, float, double) {
  for_every_set([] {
    Random random(8);
    Subject subject({.cores = 1});
    for (const auto& [m, k, n] : std::vector<std::tuple<int, int, int>>{{1, 1, 1},
                                                                        {2, 2, 2},
                                                                        {3, 3, 3},
                                                                        {4, 4, 4},
                                                                        {8, 8, 8},
                                                                        {16, 16, 16},
                                                                        {5, 3, 7},
                                                                        {1, 16, 15},
                                                                        {16, 1, 9},
                                                                        {7, 13, 11},
                                                                        {13, 2, 14}}) {
      INFO(m, " x ", k, " times ", k, " x ", n);
      const std::vector<T> a = narrow<T>(random_matrix(random, 3 * m, k));
      const std::vector<T> b = narrow<T>(random_matrix(random, 4 * k, n));
      const std::vector<T> c = unset<T>(12 * m * n);
      MatmulArgs args{kDType<T>, m, k, n, {3, 4}, {1, 0}, {0, 1}, false, operand(a), operand(b), operand(c)};
      subject.matmul(args);
      for (std::int64_t i = 0; i < 3; ++i) {
        for (std::int64_t j = 0; j < 4; ++j) {
          const Matrix left = widen(a.data() + i * m * k, m, k);
          const Matrix right = widen(b.data() + j * k * n, k, n);
          const Matrix product = widen(c.data() + (i * 4 + j) * m * n, m, n);
          check_small<T>(subtract(product, multiply(left, right)), norm(left) * norm(right), k, "A B");
          // And alone, without a batch.
          const std::vector<T> one_left(a.begin() + i * m * k, a.begin() + (i + 1) * m * k);
          const std::vector<T> one_right(b.begin() + j * k * n, b.begin() + (j + 1) * k * n);
          const std::vector<T> alone = unset<T>(m * n);
          subject.matmul(
              {kDType<T>, m, k, n, {}, {}, {}, false, operand(one_left), operand(one_right), operand(alone)});
          CHECK_MESSAGE(std::equal(alone.begin(), alone.end(), c.begin() + (i * 4 + j) * m * n), "alone it differs");
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("small matmul: written past the caches it has the same bits", T, float, double) {
  for_every_set([] {
    Random random(9);
    for (const std::int64_t n : {1, 2, 3, 4, 5, 8, 16}) {
      INFO(n, " x ", n);
      constexpr std::int64_t kCount = 37;
      const std::vector<T> a = narrow<T>(random_matrix(random, kCount * n, n));
      const std::vector<T> b = narrow<T>(random_matrix(random, kCount * n, n));
      const HostBlock cached(static_cast<std::size_t>(kCount * n * n) * sizeof(T));
      const HostBlock streamed(cached.bytes());
      cpu::small::Products<T> products{
          n, n, n, kCount, n * n, n * n, a.data(), b.data(), static_cast<T*>(cached.data())};
      cpu::small::kernels<T>().matmul(products);
      products.c = static_cast<T*>(streamed.data());
      products.streams = true;
      cpu::small::kernels<T>().matmul(products);
      CHECK(std::memcmp(cached.data(), streamed.data(), cached.bytes()) == 0);
    }
  });
}

TEST_CASE_TEMPLATE("small matmul: of more bytes than caches hold, wherever they lie", T, float, double) {
  Random random(10);
  Subject subject({.cores = 2});
  constexpr std::int64_t kSize = 4;
  constexpr std::int64_t kElements = kSize * kSize;
  constexpr std::int64_t kCount = (std::int64_t{32} << 20U) / sizeof(T) / kElements + 1;
  const std::vector<T> few = narrow<T>(random_matrix(random, 100 * kSize, kSize));
  std::vector<T> a;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const auto from = few.begin() + i % 100 * kElements;
    a.insert(a.end(), from, from + kElements);
  }
  const std::vector<T> b = narrow<T>(random_matrix(random, kSize, kSize));
  const std::vector<T> expected = unset<T>(100 * kElements);
  subject.matmul({kDType<T>, kSize, kSize, kSize, {100}, {1}, {0}, false, operand(few), operand(b), operand(expected)});
  const HostBlock block(static_cast<std::size_t>(kCount * kElements + 4) * sizeof(T));
  for (const std::int64_t offset : {0, 1, 4}) {
    INFO("offset ", offset);
    std::memset(block.data(), 255, block.bytes());
    T* const c = static_cast<T*>(block.data()) + offset;
    Operand result;
    result.data = reinterpret_cast<std::byte*>(c);
    result.bytes = static_cast<std::size_t>(kCount * kElements) * sizeof(T);
    subject.matmul({kDType<T>, kSize, kSize, kSize, {kCount}, {1}, {0}, false, operand(a), operand(b), result});
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
      const T* const one = expected.data() + i % 100 * kElements;
      if (!std::equal(one, one + kElements, c + i * kElements)) ++wrong;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("small algebra: the same bits alone, in any place of a batch and beside anything", T, float,
                   double) {
  for_every_set([] {
    Random random(9);
    Subject subject({.cores = 1});
    for (const std::int64_t n : {1, 3, 4, 6, 16}) {
      INFO("n ", n);
      const std::vector<Matrix> matrices = assorted_matrices(random, n, n);
      check_places<T>(matrices, [&](const std::vector<T>& a, std::int64_t batch) {
        const std::vector<T> ones(static_cast<std::size_t>(batch * n), T{1});
        std::vector<std::vector<T>> results{unset<T>(batch * n), unset<T>(batch * n * n), unset<T>(batch)};
        subject.solve({kDType<T>, n, 1, {batch}, {1}, {1}, operand(a), operand(ones), operand(results[0])});
        subject.inv({kDType<T>, batch, n, operand(a), operand(results[1])});
        subject.det({kDType<T>, false, batch, n, operand(a), operand(results[2]), {}});
        for (const QrMode mode : {QrMode::R, QrMode::Complete}) {
          for (auto& one : factors(subject, a, batch, n, n, mode)) results.push_back(std::move(one));
        }
        for (const bool vectors : {true, false}) {
          for (auto& one : eigen(subject, a, batch, n, vectors)) results.push_back(std::move(one));
        }
        return results;
      });
      std::vector<Matrix> definite;
      for (std::int64_t i = 0; i < kBatch; ++i) definite.push_back(positive_definite(random, n));
      check_places<T>(definite, [&](const std::vector<T>& a, std::int64_t batch) {
        std::vector<std::vector<T>> results{unset<T>(batch * n * n)};
        subject.cholesky({kDType<T>, batch, n, operand(a), operand(results[0])});
        return results;
      });
    }
  });
}

TEST_CASE("small kernels: the best that the processor has come first, and one is always there") {
  const auto sets = cpu::small::all_sets();
  REQUIRE_FALSE(sets.empty());
  CHECK(std::string(sets.back()->name) == "plain");
  for (std::size_t i = 1; i < sets.size(); ++i) CHECK(sets[i]->of_float.lanes < sets[i - 1]->of_float.lanes);
  for (const auto* set : sets) {
    CHECK(set->of_float.lanes == 2 * set->of_double.lanes);
    CHECK(&cpu::small::set_named(set->name) == set);
  }
  const auto error = failure([] { static_cast<void>(cpu::small::set_named("avx9")); });
  REQUIRE(error.has_value());
  CHECK(std::string(code_string(error->code())) == "ERR_ARGUMENT");
  CHECK(std::string(error->what()).find("plain") != std::string::npos);
}
