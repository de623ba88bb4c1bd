// The cases that an SVD must pass on every device, by every driver of its that keeps all digits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <future>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/svd_check.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

// Cases of one size: as a batch by every driver, and each alone.
template <typename T>
void check_svds(const std::vector<SvdCase>& cases) {
  Subject subject;
  for (const SvdDriver driver : traits().svd_drivers) check_cases<T>(subject, cases, driver, Where::Host);
  if (cases.size() == 1) return;
  for (const SvdCase& one : cases) check_cases<T>(subject, {one}, SvdDriver::Auto, Where::Host);
}

template <typename T>
bool equal_bits(const std::vector<T>& x, const std::vector<T>& y) {
  return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0);
}

template <typename T>
void check_same_bits(const Svd<T>& x, const Svd<T>& y) {
  CHECK_MESSAGE(equal_bits(x.s, y.s), "S differs");
  CHECK_MESSAGE(equal_bits(x.u, y.u), "U differs");
  CHECK_MESSAGE(equal_bits(x.vt, y.vt), "V differs");
}

}  // namespace

TEST_CASE_TEMPLATE("svd: a dimension of zero gives the right shapes, and an identity in full mode", T, float, double) {
  Subject subject;
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{2, 0, 3}, {2, 3, 0}, {1, 0, 0}, {0, 3, 2}}) {
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      for (const Where where : kPlaces) {
        INFO("batch ", batch, ", ", m, " x ", n, ", mode ", name_of(mode), ", in ", name_of(where));
        const std::vector<T> a(static_cast<std::size_t>(batch * m * n), T{1});
        const Svd<T> result = decompose(subject, a, batch, m, n, {mode, SvdDriver::Auto, 0, where});
        if (mode != SvdMode::Full || batch == 0) continue;
        for (int i = 0; i < batch; ++i) {
          CHECK_MESSAGE(widen(result.u.data() + i * m * m, m, m).data == identity(m).data, "U is not the identity");
          CHECK_MESSAGE(widen(result.vt.data() + i * n * n, n, n).data == identity(n).data, "V is not the identity");
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("svd: matrices whose values are known", T, float, double) {
  Random random(1);
  check_svds<T>({{"one negative number", diagonal(1, 1, {-3}), {3}}});
  check_svds<T>({{"one zero", diagonal(1, 1, {0}), {0}}, {"a number", diagonal(1, 1, {2}), {2}}});
  check_svds<T>({{"a row", diagonal(1, 5, {-2}), {2}}});
  check_svds<T>({{"a column", diagonal(5, 1, {-2}), {2}}});
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{6, 6}, {9, 4}, {4, 9}, {40, 36}}) {
    std::vector<double> signs{7, 5, 2, 1};
    signs.resize(static_cast<std::size_t>(std::min(m, n)), 0);
    check_svds<T>({{"all zero", Matrix(m, n), std::vector<double>(signs.size(), 0)},
                   {"diagonal with signs", diagonal(m, n, {-2, 5, -7, 1}), signs}});
  }
  for (const int size : {2, 7, 33}) {
    const std::vector<double> ones(static_cast<std::size_t>(size), 1);
    Matrix permutation(size, size);
    for (int i = 0; i < size; ++i) permutation(i, (i * 5 + 3) % size) = 1;
    check_svds<T>({{"identity", identity(size), ones},
                   {"permutation", permutation, ones},
                   {"orthogonal", random_orthonormal(random, size, size), ones}});
  }
}

TEST_CASE_TEMPLATE("svd: prescribed spectra, up to the condition where the smallest value drowns", T, float, double) {
  Random random(2);
  const double worst = 0.1 / std::numeric_limits<T>::epsilon();
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{20, 20}, {40, 12}, {12, 40}}) {
    for (const double condition : {10.0, worst}) {
      INFO("condition ", condition);
      check_svds<T>(prescribed(random, m, n, condition));
    }
  }
}

TEST_CASE_TEMPLATE("svd: repeated values give the right subspaces", T, float, double) {
  Random random(3);
  const RepeatedValues repeated(random);
  check_svds<T>({{"repeated values", repeated.a, repeated.spectrum}});
  Subject subject;
  check_subspaces(repeated, decompose(subject, narrow<T>(repeated.a), 1, repeated.a.m, repeated.a.n));
}

TEST_CASE_TEMPLATE("svd: values that are nearly equal, in clusters, or graded: the vectors stay orthonormal", T, float,
                   double) {
  Random random(30);
  const double eps = std::numeric_limits<T>::epsilon();
  std::uniform_real_distribution<double> noise(-1, 1);
  for (const std::int64_t n : {4, 26, 33, 70}) {
    const auto spectrum = [n](auto value) {
      std::vector<double> values;
      for (std::int64_t i = 0; i < n; ++i) values.push_back(value(i));
      std::ranges::sort(values, std::greater<>());
      return values;
    };
    const std::vector<double> equal = spectrum([&](std::int64_t) { return 1 + eps * noise(random); });
    const std::vector<double> close = spectrum([&](std::int64_t) { return 1 + std::sqrt(eps) * noise(random); });
    const std::vector<double> clusters =
        spectrum([&](std::int64_t i) { return static_cast<double>(i % 3) + 1 + 4 * eps * noise(random); });
    const std::vector<double> graded =
        spectrum([&](std::int64_t i) { return std::pow(eps, 2.0 * static_cast<double>(i) / static_cast<double>(n)); });
    std::vector<SvdCase> cases;
    for (const auto& values : {equal, close, clusters, graded}) {
      cases.push_back({"between random factors", with_spectrum(random, n, n, values), values});
      // Bidiagonal already: what divide and conquer gets to see.
      Matrix bidiagonal = diagonal(n, n, values);
      for (std::int64_t i = 0; i + 1 < n; ++i) bidiagonal(i, i + 1) = eps * noise(random) * bidiagonal(i, i);
      cases.push_back({"bidiagonal", bidiagonal, {}});
    }
    check_svds<T>(cases);
  }
}

TEST_CASE_TEMPLATE("svd: rank-deficient matrices", T, float, double) {
  Random random(4);
  std::vector<double> spectrum(14, 0);
  for (std::size_t i = 0; i < 5; ++i) spectrum[i] = static_cast<double>(5 - i);
  check_svds<T>({{"rank 5 of 14", with_spectrum(random, 20, 14, spectrum), spectrum}});
  Matrix columns = random_matrix(random, 15, 10);
  Matrix rows = random_matrix(random, 10, 15);
  for (std::int64_t i = 0; i < 15; ++i) {
    columns(i, 3) = 0;
    columns(i, 7) = columns(i, 1);
    rows(3, i) = 0;
    rows(7, i) = rows(1, i);
  }
  check_svds<T>({{"a zero and a duplicate column", columns, {}}});
  check_svds<T>({{"a zero and a duplicate row", rows, {}}});
  Matrix ones(12, 12);
  std::ranges::fill(ones.data, 1.0);
  std::vector<double> of_ones(12, 0);
  of_ones.front() = 12;
  check_svds<T>({{"all ones", ones, of_ones}});
}

TEST_CASE_TEMPLATE("svd: Hilbert, Kahan and graded matrices, to absolute accuracy", T, float, double) {
  Random random(5);
  Matrix hilbert(12, 12);
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t j = 0; j < 12; ++j) hilbert(i, j) = 1.0 / static_cast<double>(i + j + 1);
  }
  // Worked out to 60 digits.
  check_svds<T>(
      {{"Hilbert",
        hilbert,
        {1.7953720595619973087, 0.38027524595503709779, 0.044738548752181074547, 0.0037223122378911662504,
         0.00023308908902178066112, 1.1163357483224427735e-05, 4.0823761103861773442e-07, 1.1228610667517030313e-08,
         2.2519645534900768923e-10, 3.1113548972269167352e-12, 2.6490214934448867211e-14, 1.0479463979622266919e-16}}});
  Matrix kahan(40, 40);
  const double sine = std::sin(1.2);
  const double cosine = std::cos(1.2);
  for (std::int64_t i = 0; i < 40; ++i) {
    const double row = std::pow(sine, static_cast<double>(i));
    kahan(i, i) = row;
    for (std::int64_t j = i + 1; j < 40; ++j) kahan(i, j) = -cosine * row;
  }
  check_svds<T>({{"Kahan", kahan, {}}});
  for (const double step : {0.1, 1e-3}) {
    Matrix graded = random_matrix(random, 18, 10);
    for (std::int64_t i = 0; i < graded.m; ++i) {
      for (std::int64_t j = 0; j < graded.n; ++j) graded(i, j) *= std::pow(step, static_cast<double>(j));
    }
    check_svds<T>({{"columns graded by " + std::to_string(step), graded, {}}});
    check_svds<T>({{"rows graded by " + std::to_string(step), transpose(graded), {}}});
  }
}

TEST_CASE_TEMPLATE("svd: entries near underflow and near overflow", T, float, double) {
  Random random(6);
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{12, 12}, {30, 8}, {8, 30}, {40, 8}, {8, 40}}) {
    Matrix small = random_matrix(random, m, n);
    Matrix large = small;
    double largest = 0;
    for (const double value : small.data) largest = std::max(largest, std::abs(value));
    // Sixteen bits above the smallest normal number, and as large as leaves room for the largest singular value.
    const double low = std::ldexp(static_cast<double>(std::numeric_limits<T>::min()), 16) / largest;
    const double high = static_cast<double>(std::numeric_limits<T>::max()) / largest / (2 * std::sqrt(m * n));
    for (double& value : small.data) value *= low;
    for (double& value : large.data) value *= high;
    check_svds<T>({{"near underflow", small, {}}, {"near overflow", large, {}}});
    check_svds<T>({{"near overflow, alone", large, {}}});
  }
  check_svds<T>({{"a subnormal number", diagonal(1, 1, {std::numeric_limits<T>::denorm_min() * 8.0}), {}}});
}

TEST_CASE_TEMPLATE("svd: sizes around the blocks of the algorithms, tall and wide, in batches", T, float, double) {
  Random random(7);
  Subject subject;
  for (const Where where : kPlaces) {
    for (const SvdDriver driver : traits().svd_drivers) {
      for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{1, 2, 2},
                                                                              {3, 3, 3},
                                                                              {2, 31, 31},
                                                                              {2, 32, 32},
                                                                              {2, 33, 33},
                                                                              {1, 64, 64},
                                                                              {1, 65, 33},
                                                                              {3, 31, 17},
                                                                              {3, 17, 31},
                                                                              {2, 64, 1},
                                                                              {2, 1, 64},
                                                                              {1, 60, 100}}) {
        std::vector<SvdCase> cases;
        for (int i = 0; i < batch; ++i) cases.push_back({"random", random_matrix(random, m, n), {}});
        check_cases<T>(subject, cases, driver, where);
      }
    }
  }
}

TEST_CASE_TEMPLATE("svd: sizes around the blocks of the algorithms, tall and wide, one matrix", T, float, double) {
  Random random(7);
  for (const int size : {2, 3, 31, 32, 33, 64, 65}) check_svds<T>({{"square", random_matrix(random, size, size), {}}});
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{65, 33}, {64, 1}, {120, 31}, {100, 60}}) {
    check_svds<T>({{"tall", random_matrix(random, m, n), {}}});
    check_svds<T>({{"wide", random_matrix(random, n, m), {}}});
  }
  Subject subject;
  check_cases<T>(subject, {{"very tall", random_matrix(random, 3000, 3), {}}}, SvdDriver::Auto, Where::Host);
  check_cases<T>(subject, {{"very wide", random_matrix(random, 3, 3000), {}}}, SvdDriver::Auto, Where::Host);
}

TEST_CASE_TEMPLATE("svd: each matrix of a batch is decomposed as it is alone", T, float, double) {
  Random random(8);
  Subject subject;
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{7, 5, 5}, {40, 8, 3}, {3, 9, 33}}) {
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * m, n));
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      INFO("batch ", batch, ", ", m, " x ", n, ", mode ", name_of(mode));
      const Svd<T> all = decompose(subject, a, batch, m, n, {mode});
      const auto part = [batch](const std::vector<T>& many, int i) {
        const auto size = static_cast<std::ptrdiff_t>(many.size()) / batch;
        return std::vector<T>(many.begin() + i * size, many.begin() + (i + 1) * size);
      };
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one = part(a, i);
        const Svd<T> its{part(all.u, i), part(all.s, i), part(all.vt, i)};
        const Svd<T> alone = decompose(subject, one, 1, m, n, {mode});
        if (traits().batched_as_alone) check_same_bits(its, alone);
        check_values(its.s.data(), std::vector<double>(alone.s.begin(), alone.s.end()), std::max(m, n), "in the batch");
        if (mode == SvdMode::Values) continue;
        for (const Svd<T>* result : {&its, &alone}) {
          check_factors(widen(one.data(), m, n), result->u.data(), result->s.data(), result->vt.data(), mode);
        }
      }
    }
  }
}

// More than a GPU's memory for staging holds, so that it goes there in chunks.
TEST_CASE("svd: a large batch from host memory") {
  Random random(8);
  Subject subject;
  constexpr std::int64_t kBatch = 1500;
  constexpr std::int64_t kSize = 6;
  const std::vector<double> a = narrow<double>(random_matrix(random, kBatch * kSize, kSize));
  const Svd<double> result = decompose(subject, a, kBatch, kSize, kSize);
  for (std::int64_t i = 0; i < kBatch; i += 199) {
    INFO("matrix ", i);
    const std::int64_t at = i * kSize * kSize;
    check_factors(widen(a.data() + at, kSize, kSize), result.u.data() + at, result.s.data() + i * kSize,
                  result.vt.data() + at, SvdMode::Thin);
  }
}

TEST_CASE_TEMPLATE("svd: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(9);
  Subject subject({.cores = 1});
  for (const SvdDriver driver : traits().svd_drivers) {
    for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
      for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
        INFO("driver ", name_of(driver), ", mode ", name_of(mode), ", ", bad);
        std::vector<T> a = narrow<T>(random_matrix(random, 6 * 4, 3));
        a[1 * 12 + 11] = bad;
        a[4 * 12] = bad;
        check_fails([&] { decompose(subject, a, 6, 4, 3, {mode, driver}); }, Code::NotFinite, {1, 4}, 6);
      }
    }
  }
  // And the lane is none the worse for it.
  check_cases<T>(subject, {{"after an error", random_matrix(random, 10, 6), {}}}, SvdDriver::Auto, Where::Host);
}

TEST_CASE_TEMPLATE("svd: the same bits on every run, device and place", T, float, double) {
  Random random(10);
  Subject subject;
  Subject other;
  const std::vector<T> a = narrow<T>(random_matrix(random, 2 * 40, 30));
  for (const SvdDriver driver : traits().svd_drivers) {
    INFO("driver ", name_of(driver));
    const Svd<T> first = decompose(subject, a, 2, 40, 30, {SvdMode::Thin, driver});
    for (Subject* one : {&subject, &other}) {
      for (const Where where : kPlaces) {
        check_same_bits(decompose(*one, a, 2, 40, 30, {SvdMode::Thin, driver, 0, where}), first);
      }
    }
  }
}

namespace {

// Decomposes one matrix again and again, on all lanes in turn or on all at once, and compares with how it came out
// alone.
template <typename T>
void check_same_on_lanes(unsigned cores, bool at_once) {
  Random random(10);
  constexpr std::int64_t kRows = 90;
  constexpr std::int64_t kColumns = 70;
  constexpr std::size_t kLanes = 3;
  constexpr std::size_t kRounds = 4;
  const std::vector<T> a = narrow<T>(random_matrix(random, kRows, kColumns));
  Subject alone({.cores = cores});
  const Svd<T> expected = decompose(alone, a, 1, kRows, kColumns);
  Subject subject({.lanes = kLanes, .cores = cores});
  std::vector<Svd<T>> results;
  std::vector<std::future<Outcome>> ended;
  for (std::size_t i = 0; i < kLanes * kRounds; ++i) {
    results.push_back({unset<T>(kRows * kColumns), unset<T>(kColumns), unset<T>(kColumns * kColumns)});
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto work = [&, i](Lane& lane) {
      subject.device().svd(lane, {kDType<T>, SvdMode::Thin, SvdDriver::Auto, 0, 1, kRows, kColumns, operand(a),
                                  operand(results[i].u), operand(results[i].s), operand(results[i].vt)});
    };
    ended.push_back(subject.submit(work, i % kLanes));
    if (!at_once) ended.back().wait();
  }
  for (std::future<Outcome>& one : ended) await(std::move(one));
  for (std::size_t i = 0; i < results.size(); ++i) {
    INFO("run ", i / kLanes, " on lane ", i % kLanes);
    check_same_bits(results[i], expected);
  }
}

}  // namespace

// With several cores the CPU's lanes must take turns: an operation that is alone gets all of them and one of many gets
// one (see BlasShare), and how a sum was divided among threads shows in its last bit.
TEST_CASE_TEMPLATE("svd: the same bits on every run and every lane", T, float, double) {
  SUBCASE("one core, all lanes at once") { check_same_on_lanes<T>(1, true); }
  SUBCASE("two cores, one lane after the other") { check_same_on_lanes<T>(2, false); }
}
