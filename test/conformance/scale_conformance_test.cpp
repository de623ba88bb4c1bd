// Matrices of any scale that their type holds: subnormal, huge, and with rows and columns far apart. Each is one of small
// whole numbers whose rows and columns were multiplied by powers of two, which is exact; so what must come of it is what
// comes of those numbers, scaled.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"
#include "support/svd_check.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

using Exponents = std::vector<int>;

// The exponents of the smallest subnormal number, and of the largest number of four bits.
template <typename T>
constexpr int kLow = sizeof(T) == 4 ? -149 : -1074;
template <typename T>
constexpr int kHigh = sizeof(T) == 4 ? 124 : 1020;

struct Scale {
  std::string name;
  Exponents rows, columns;
};

Exponents spread(std::int64_t size, int from, int to) {
  Exponents exponents;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t place = (i * 7 + 3) % size;  // in no order
    exponents.push_back(from + static_cast<int>((to - from) * place / std::max<std::int64_t>(size - 1, 1)));
  }
  return exponents;
}

template <typename T>
std::vector<Scale> scales(std::int64_t n) {
  const auto all = [n](int exponent) { return Exponents(static_cast<std::size_t>(n), exponent); };
  return {{"as it is", all(0), all(0)},
          {"subnormal", all(kLow<T>), all(0)},
          {"huge", all(kHigh<T>), all(0)},
          {"rows far apart", spread(n, kLow<T>, kHigh<T>), all(0)},
          {"columns far apart", all(0), spread(n, -kHigh<T> / 2, kHigh<T> / 2)},
          {"columns as far apart as can be", all(0), spread(n, -kHigh<T>, kHigh<T>)},
          {"both", spread(n, kLow<T> / 4, kHigh<T> / 4), spread(n, -kHigh<T> / 4, kHigh<T> / 4)},
          {"one subnormal row",
           [&] {
             Exponents rows = all(0);
             rows.back() = kLow<T>;
             return rows;
           }(),
           all(0)}};
}

// Whole numbers up to 3, and 9 or 10 on the diagonal of small ones, which are well conditioned so.
Matrix whole_numbers(Random& random, std::int64_t m, std::int64_t n, bool dominant) {
  std::uniform_int_distribution<int> digit(-3, 3);
  Matrix a(m, n);
  for (double& value : a.data) value = digit(random);
  for (std::int64_t i = 0; dominant && i < std::min(m, n); ++i) a(i, i) = i % 2 == 0 ? 9 : -10;
  return a;
}

template <typename T>
std::vector<T> scaled(const Matrix& a, const Exponents& rows, const Exponents& columns) {
  std::vector<T> result;
  for (std::int64_t i = 0; i < a.m; ++i) {
    for (std::int64_t j = 0; j < a.n; ++j) {
      result.push_back(static_cast<T>(std::ldexp(
          a(i, j), rows[static_cast<std::size_t>(i)] + (columns.empty() ? 0 : columns[static_cast<std::size_t>(j)]))));
    }
  }
  return result;
}

// Element by element to a part of the largest one in units of the scale, and to the last bit of a subnormal number.
template <typename T>
void check_scaled(const std::vector<T>& given, const std::vector<double>& expected, const Exponents& exponents,
                  double part) {
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const double least = std::ldexp(static_cast<double>(std::numeric_limits<T>::denorm_min()), -exponents[i]);
    const double error = std::abs(std::ldexp(static_cast<double>(given[i]), -exponents[i]) - expected[i]);
    if (!(error <= part * largest + 4 * least)) ++wrong;
  }
  CHECK_MESSAGE(wrong == 0, wrong << " of " << given.size() << " elements are wrong");
}

template <typename T>
void check_all_finite(const std::vector<T>& values) {
  CHECK(std::ranges::all_of(values, [](T value) { return std::isfinite(value); }));
}

constexpr std::int64_t kSizes[] = {1, 2, 5, 16, 40, 130};

}  // namespace

TEST_CASE_TEMPLATE("scale: solve", T, float, double) {
  Random random(1);
  Subject subject;
  for (const std::int64_t n : kSizes) {
    const Matrix a = whole_numbers(random, n, n, n <= 5);
    for (const std::int64_t nrhs : {1, 3}) {
      const Matrix b = whole_numbers(random, n, nrhs, false);
      std::vector<T> plain;
      for (const Scale& scale : scales<T>(n)) {
        INFO(scale.name, ", n ", n, ", right-hand sides ", nrhs);
        const std::vector<T> left = scaled<T>(a, scale.rows, scale.columns);
        const std::vector<T> right = scaled<T>(b, scale.rows, {});
        const std::vector<T> x = unset<T>(n * nrhs);
        subject.solve({kDType<T>, n, nrhs, {}, {}, {}, operand(left), operand(right), operand(x)});
        check_all_finite(x);
        if (plain.empty()) plain = x;
        Exponents exponents;
        for (const int column : scale.columns)
          exponents.insert(exponents.end(), static_cast<std::size_t>(nrhs), -column);
        check_scaled(x, {plain.begin(), plain.end()}, exponents, 1e5 * std::numeric_limits<T>::epsilon());
      }
    }
  }
}

// Systems that have nothing to do with each other: each of its own scale, the solutions of all scales.
TEST_CASE_TEMPLATE("scale: solutions far apart", T, float, double) {
  Subject subject;
  for (const std::int64_t n : kSizes) {
    for (const std::int64_t nrhs : {1, 3}) {
      for (const int far : {kHigh<T> / 4, kHigh<T> / 2, kHigh<T> - 8}) {
        INFO("n ", n, ", right-hand sides ", nrhs, ", 2^", far);
        const Exponents scale = spread(n, -far, far);
        Matrix a(n, n);
        for (std::int64_t i = 0; i < n; ++i) a(i, i) = 1;
        const std::vector<T> left = scaled<T>(a, scale, {});
        const std::vector<T> right(static_cast<std::size_t>(n * nrhs), 3);
        const std::vector<T> x = unset<T>(n * nrhs);
        subject.solve({kDType<T>, n, nrhs, {}, {}, {}, operand(left), operand(right), operand(x)});
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          const T expected = std::ldexp(T{3}, -scale[i / static_cast<std::size_t>(nrhs)]);
          if (x[i] != expected) ++wrong;
        }
        CHECK_MESSAGE(wrong == 0, wrong << " of " << x.size() << " elements are wrong");
      }
    }
  }
}

// Each with its own scale beside the others', and right-hand sides far apart in scale for one matrix and for many.
TEST_CASE_TEMPLATE("scale: batches", T, float, double) {
  Random random(7);
  Subject subject;
  for (const std::int64_t n : {2, 16, 40}) {
    const Matrix a = whole_numbers(random, n, n, n <= 5);
    const auto all = scales<T>(n);
    const auto count = static_cast<std::int64_t>(all.size());
    constexpr std::int64_t kRight = 3;
    const int of_right[] = {0, kLow<T> / 2, kHigh<T> / 2};
    const Matrix b = whole_numbers(random, n, kRight, false);
    std::vector<T> matrices;
    std::vector<T> right_sides;
    for (const Scale& scale : all) {
      const std::vector<T> one = scaled<T>(a, scale.rows, scale.columns);
      matrices.insert(matrices.end(), one.begin(), one.end());
      const std::vector<T> right = scaled<T>(b, scale.rows, {});
      right_sides.insert(right_sides.end(), right.begin(), right.end());
    }
    const std::vector<T> x = unset<T>(count * n * kRight);
    subject.solve({kDType<T>, n, kRight, {count}, {1}, {1}, operand(matrices), operand(right_sides), operand(x)});
    const auto size = static_cast<std::size_t>(n * kRight);
    const std::vector<double> plain(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(size));
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(all[i].name, ", n ", n);
      Exponents exponents;
      for (const int column : all[i].columns) exponents.insert(exponents.end(), std::size_t{kRight}, -column);
      const auto from = x.begin() + static_cast<std::ptrdiff_t>(i * size);
      check_scaled<T>({from, from + static_cast<std::ptrdiff_t>(size)}, plain, exponents,
                      1e5 * std::numeric_limits<T>::epsilon());
    }

    // The first matrix, which is as it is, for several systems of one right-hand side each.
    std::vector<T> vectors;
    std::vector<double> expected;
    Exponents exponents;
    for (std::size_t v = 0; v < std::size_t{kRight}; ++v) {
      for (std::int64_t i = 0; i < n; ++i) {
        vectors.push_back(static_cast<T>(std::ldexp(b(i, static_cast<std::int64_t>(v)), of_right[v])));
        expected.push_back(plain[static_cast<std::size_t>(i * kRight) + v]);
        exponents.push_back(of_right[v]);
      }
    }
    const std::vector<T> first(matrices.begin(), matrices.begin() + static_cast<std::ptrdiff_t>(n * n));
    const std::vector<T> y = unset<T>(n * kRight);
    subject.solve({kDType<T>, n, 1, {kRight}, {0}, {1}, operand(first), operand(vectors), operand(y)});
    check_scaled(y, expected, exponents, 1e5 * std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE_TEMPLATE("scale: inv", T, float, double) {
  Random random(2);
  Subject subject;
  for (const std::int64_t n : kSizes) {
    const Matrix a = whole_numbers(random, n, n, n <= 5);
    std::vector<T> plain;
    for (const Scale& scale : scales<T>(n)) {
      INFO(scale.name, ", n ", n);
      // The inverse of what is smallest is too large.
      if (*std::ranges::min_element(scale.rows) + *std::ranges::min_element(scale.columns) < -kHigh<T>) continue;
      const std::vector<T> given = scaled<T>(a, scale.rows, scale.columns);
      const std::vector<T> inverse = unset<T>(n * n);
      subject.inv({kDType<T>, 1, n, operand(given), operand(inverse)});
      check_all_finite(inverse);
      if (plain.empty()) plain = inverse;
      Exponents exponents;
      for (const int column : scale.columns) {
        for (const int row : scale.rows) exponents.push_back(-(column + row));
      }
      check_scaled(inverse, {plain.begin(), plain.end()}, exponents, 1e5 * std::numeric_limits<T>::epsilon());
    }
  }
}

TEST_CASE_TEMPLATE("scale: det and slogdet", T, float, double) {
  Random random(3);
  Subject subject;
  for (const std::int64_t n : kSizes) {
    const Matrix a = whole_numbers(random, n, n, n <= 5);
    T plain_sign = 0;
    double plain_log = 0;
    for (const Scale& scale : scales<T>(n)) {
      INFO(scale.name, ", n ", n);
      const std::vector<T> given = scaled<T>(a, scale.rows, scale.columns);
      const std::vector<T> det = unset<T>(1);
      const std::vector<T> sign = unset<T>(1);
      const std::vector<T> log_abs = unset<T>(1);
      subject.det({kDType<T>, false, 1, n, operand(given), operand(det), {}});
      subject.det({kDType<T>, true, 1, n, operand(given), operand(sign), operand(log_abs)});
      CHECK_FALSE(std::isnan(det[0]));
      check_all_finite(sign);
      check_all_finite(log_abs);
      double exponent = 0;
      for (std::size_t i = 0; i < scale.rows.size(); ++i) exponent += scale.rows[i] + scale.columns[i];
      if (plain_sign == 0) {
        REQUIRE(exponent == 0);
        plain_sign = sign[0];
        plain_log = static_cast<double>(log_abs[0]);
      }
      const double log_det = plain_log + exponent * std::log(2.0);
      CHECK(sign[0] == plain_sign);
      const double tolerance = 1e3 * std::numeric_limits<T>::epsilon() * std::max(1.0, std::abs(log_det));
      CHECK(std::abs(static_cast<double>(log_abs[0]) - log_det) <= tolerance);
      // Too large is infinite, too small 0, as numpy has it.
      const double log_max = std::log(static_cast<double>(std::numeric_limits<T>::max()));
      const double log_least = std::log(static_cast<double>(std::numeric_limits<T>::denorm_min()));
      if (log_det > log_max + 1) CHECK(det[0] == plain_sign * std::numeric_limits<T>::infinity());
      if (log_det < log_least - 1) CHECK(det[0] == 0);
      if (log_det < log_max - 1 && log_det > log_least + 1) {
        CHECK(std::isfinite(det[0]));
        CHECK((det[0] < 0) == (plain_sign < 0));
      }
    }
  }
}

// Half of three of the smallest numbers is two of them, in the type's arithmetic.
TEST_CASE_TEMPLATE("scale: a pivot that only underflow makes 0 is none of a singular matrix", T, float, double) {
  Subject subject({.cores = 1});
  const T least = std::numeric_limits<T>::denorm_min();
  const std::vector<T> a{2, 3 * least, 1, 2 * least};
  const std::vector<T> b{3 * least, 2 * least};
  const std::vector<T> x = unset<T>(2);
  subject.solve({kDType<T>, 2, 1, {}, {}, {}, operand(a), operand(b), operand(x)});
  CHECK((x == std::vector<T>{0, 1}));
  const std::vector<T> sign = unset<T>(1);
  const std::vector<T> log_abs = unset<T>(1);
  subject.det({kDType<T>, true, 1, 2, operand(a), operand(sign), operand(log_abs)});
  CHECK(sign[0] == 1);
  CHECK(static_cast<double>(log_abs[0]) == doctest::Approx(std::log(static_cast<double>(least))));
}

TEST_CASE_TEMPLATE("scale: what is too large for the type is an error that names its matrices", T, float, double) {
  Subject subject;
  const T least = std::numeric_limits<T>::denorm_min();
  const T most = std::numeric_limits<T>::max();
  const std::vector<T> small{1, 0, 0, 1, least, 0, 0, least, 2, 0, 0, 2};
  const std::vector<T> result = unset<T>(12);
  check_fails([&] { subject.inv({kDType<T>, 3, 2, operand(small), operand(result)}); }, Code::NotFinite, {1}, 3);
  const std::vector<T> right{1, 1, 1, 1, 1, 1};
  const std::vector<T> x = unset<T>(6);
  check_fails([&] { subject.solve({kDType<T>, 2, 1, {3}, {1}, {1}, operand(small), operand(right), operand(x)}); },
              Code::NotFinite, {1}, 3);

  // Of length most * sqrt(2) along the diagonal, and as large as its largest singular value and eigenvalue is 2 * most.
  const std::vector<T> large{1, 0, 0, 1, most, most, most, most, 2, 0, 0, 2};
  const std::vector<T> other = unset<T>(12);
  const std::vector<T> values = unset<T>(6);
  check_fails(
      [&] { subject.qr({kDType<T>, QrMode::Reduced, 3, 2, 2, operand(large), operand(result), operand(other)}); },
      Code::NotFinite, {1}, 3);
  check_fails([&] { subject.eigh({kDType<T>, true, 3, 2, operand(large), operand(values), operand(result)}); },
              Code::NotFinite, {1}, 3);
  check_fails([&] { decompose(subject, large, 3, 2, 2); }, Code::NotFinite, {1}, 3);
  check_fails([&] { decompose(subject, large, 3, 2, 2, {.mode = SvdMode::Values}); }, Code::NotFinite, {1}, 3);
}

TEST_CASE_TEMPLATE("scale: qr", T, float, double) {
  Random random(4);
  Subject subject;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{1, 1}, {4, 4}, {12, 5}, {5, 12}, {12, 12}}) {
    const Matrix a = whole_numbers(random, m, n, false);
    const std::int64_t k = std::min(m, n);
    std::vector<T> plain;
    std::vector<T> plain_q;
    for (const int exponent : {0, kHigh<T>, kLow<T> / 2, kLow<T>}) {
      INFO(m, " x ", n, " times 2^", exponent);
      const std::vector<T> given = scaled<T>(a, Exponents(static_cast<std::size_t>(m), exponent), {});
      const std::vector<T> q = unset<T>(m * k);
      const std::vector<T> r = unset<T>(k * n);
      subject.qr({kDType<T>, QrMode::Reduced, 1, m, n, operand(given), operand(q), operand(r)});
      const double eps = std::numeric_limits<T>::epsilon();
      CHECK(orthogonality(widen(q.data(), m, k), eps) < kThreshold);
      if (plain_q.empty()) plain_q = q;
      check_scaled(q, {plain_q.begin(), plain_q.end()}, Exponents(q.size(), 0), 1e3 * eps);
      if (exponent == kLow<T>) continue;  // r has no digits to speak of
      if (plain.empty()) plain = r;
      check_scaled(r, {plain.begin(), plain.end()}, Exponents(r.size(), exponent), 1e3 * eps);
    }
  }
}

TEST_CASE_TEMPLATE("scale: svd and eigh", T, float, double) {
  Random random(5);
  Subject subject;
  for (const std::int64_t n : {1, 2, 5, 16}) {
    Matrix a = whole_numbers(random, n, n, false);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) a(j, i) = a(i, j);
    }
    std::vector<T> plain_s;
    std::vector<T> plain_w;
    for (const int exponent : {0, kHigh<T> - 5, kLow<T> / 2, kLow<T>}) {
      INFO("n ", n, " times 2^", exponent);
      const double eps = std::numeric_limits<T>::epsilon();
      const std::vector<T> given = scaled<T>(a, Exponents(static_cast<std::size_t>(n), exponent), {});
      const Svd<T> svd = decompose(subject, given, 1, n, n);
      const std::vector<T> w = unset<T>(n);
      const std::vector<T> v = unset<T>(n * n);
      subject.eigh({kDType<T>, true, 1, n, operand(given), operand(w), operand(v)});
      if (plain_s.empty()) {
        plain_s = svd.s;
        plain_w = w;
      }
      const Exponents exponents(static_cast<std::size_t>(n), exponent);
      check_scaled(svd.s, {plain_s.begin(), plain_s.end()}, exponents, 1e3 * eps);
      check_scaled(w, {plain_w.begin(), plain_w.end()}, exponents, 1e3 * eps);
      CHECK(orthogonality(widen(svd.u.data(), n, n), eps) < kThreshold);
      CHECK(orthogonality(transpose(widen(svd.vt.data(), n, n)), eps) < kThreshold);
      CHECK(orthogonality(widen(v.data(), n, n), eps) < kThreshold);
    }
  }
}

TEST_CASE_TEMPLATE("scale: cholesky", T, float, double) {
  Random random(6);
  Subject subject;
  for (const std::int64_t n : kSizes) {
    const Matrix half = whole_numbers(random, n, n, false);
    Matrix a = multiply(half, transpose(half));
    for (std::int64_t i = 0; i < n; ++i) a(i, i) += static_cast<double>(9 * n);
    std::vector<T> plain;
    const auto size = static_cast<std::size_t>(n);
    // a has up to eleven bits, is scaled twice, and what is subtracted from it needs all digits.
    const int high = kHigh<T> / 2 - 5;
    const int low = kLow<T> / 2 + std::numeric_limits<T>::digits + 6;
    for (const Exponents& scale :
         {Exponents(size, 0), Exponents(size, high), Exponents(size, low), spread(n, low, high)}) {
      INFO("n ", n, ", from 2^", scale.front());
      const std::vector<T> given = scaled<T>(a, scale, scale);
      const std::vector<T> l = unset<T>(n * n);
      subject.cholesky({kDType<T>, 1, n, operand(given), operand(l)});
      if (plain.empty()) plain = l;
      Exponents exponents;
      for (const int row : scale) exponents.insert(exponents.end(), size, row);
      check_scaled(l, {plain.begin(), plain.end()}, exponents, 1e4 * std::numeric_limits<T>::epsilon());
    }
  }
}
