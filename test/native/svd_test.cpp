// The cases that an SVD must pass. Accuracy is judged by LAPACK's own ratios, each of which must stay below its
// threshold.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "cpu/cpu_device.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"
#include "support/tasks.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr double kThreshold = 50;

template <typename T>
struct Svd {
  std::vector<T> u, s, vt;
};

const char* name_of(SvdMode mode) {
  return mode == SvdMode::Thin ? "thin" : (mode == SvdMode::Full ? "full" : "values");
}

template <typename T>
Svd<T> decompose(Device& device, Lane& lane, const std::vector<T>& a, std::int64_t batch, std::int64_t m,
                 std::int64_t n, SvdMode mode) {
  const std::int64_t k = std::min(m, n);
  const std::int64_t u_columns = mode == SvdMode::Full ? m : k;
  const std::int64_t vt_rows = mode == SvdMode::Full ? n : k;
  const bool vectors = mode != SvdMode::Values;
  Svd<T> result{unset<T>(vectors ? batch * m * u_columns : 0), unset<T>(batch * k),
                unset<T>(vectors ? batch * vt_rows * n : 0)};
  device.svd(lane, {kDType<T>, mode, SvdDriver::Auto, 0, batch, m, n, operand(a), operand(result.u), operand(result.s),
                    operand(result.vt)});
  return result;
}

struct Case {
  std::string name;
  Matrix a;
  std::vector<double> spectrum;  // the singular values if they are known, in descending order
};

// Checks one matrix's factors. Everything is scaled by a power of two first (which is exact), so that the measuring
// itself neither overflows nor underflows.
template <typename T>
void check_factors(Matrix a, const T* u_data, const T* s_data, const T* vt_data, SvdMode mode) {
  const double eps = std::numeric_limits<T>::epsilon();
  const std::int64_t k = std::min(a.m, a.n);
  double largest = 0;
  for (const double value : a.data) largest = std::max(largest, std::abs(value));
  const int scale = largest == 0 ? 0 : -std::ilogb(largest);
  for (double& value : a.data) value = std::ldexp(value, scale);
  std::vector<double> s(s_data, s_data + k);
  for (double& value : s) value = std::ldexp(value, scale);

  const Matrix u = widen(u_data, a.m, mode == SvdMode::Full ? a.m : k);
  const Matrix vt = widen(vt_data, mode == SvdMode::Full ? a.n : k, a.n);
  const Matrix product = multiply(multiply(u, diagonal(u.n, vt.m, s)), vt);
  const double residual = a.data.empty() ? 0 : norm(subtract(product, a));
  const double size = norm(a) * static_cast<double>(std::max(a.m, a.n)) * eps;
  CHECK_MESSAGE(std::isfinite(residual), "a factor is not finite, or was not written");
  CHECK_MESSAGE(residual <= kThreshold * size, "reconstruction: ratio " << residual / size);
  const double u_ratio = orthogonality(u, eps);
  const double v_ratio = orthogonality(transpose(vt), eps);
  CHECK_MESSAGE(u_ratio < kThreshold, "U is not orthogonal: ratio " << u_ratio);
  CHECK_MESSAGE(v_ratio < kThreshold, "V is not orthogonal: ratio " << v_ratio);
  CHECK_MESSAGE(std::ranges::is_sorted(s, std::greater<>()), "the singular values are not in descending order");
  CHECK_MESSAGE(std::ranges::all_of(s, [](double value) { return value >= 0; }), "a singular value is negative");
}

// That two lists of singular values agree, to an absolute accuracy set by the largest.
template <typename T>
void check_values(const T* s, const std::vector<double>& expected, std::int64_t size, const char* what) {
  if (expected.empty()) return;
  const double tolerance =
      kThreshold * static_cast<double>(size) * std::numeric_limits<T>::epsilon() * std::abs(expected.front());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(s[i]) - expected[i]);
    CHECK_MESSAGE(error <= tolerance, what << ": value " << i << " is " << s[i] << ", expected " << expected[i]);
  }
}

template <typename T>
void check_case(Device& device, Lane& lane, const Case& one) {
  INFO("the matrix: ", one.name, ", ", one.a.m, " x ", one.a.n);
  const std::vector<T> a = narrow<T>(one.a);
  const Matrix rounded = widen(a.data(), one.a.m, one.a.n);
  const std::int64_t larger = std::max(one.a.m, one.a.n);
  std::optional<std::vector<double>> values;
  for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
    if (mode == SvdMode::Full && larger > 1000) continue;  // the square factor would be all the work
    INFO("mode: ", name_of(mode));
    const std::vector<T> before = a;
    const Svd<T> result = decompose(device, lane, a, 1, one.a.m, one.a.n, mode);
    CHECK_MESSAGE(a == before, "the input was written to");
    check_values(result.s.data(), one.spectrum, larger, "the known spectrum");
    if (mode == SvdMode::Values) {
      values.emplace(result.s.begin(), result.s.end());
    } else {
      check_values(result.s.data(), *values, larger, "against mode 'values'");
      check_factors(rounded, result.u.data(), result.s.data(), result.vt.data(), mode);
    }
  }
}

template <typename T>
void check_cases(const std::vector<Case>& cases) {
  CpuDevice device(2);
  Lane lane(0);
  for (const Case& one : cases) check_case<T>(device, lane, one);
}

// Spectra of `k` values from 1 down to 1/condition, as LAPACK's own tests have them.
std::vector<double> one_large(std::size_t k, double condition) {
  std::vector<double> s(k, 1 / condition);
  s.front() = 1;
  return s;
}
std::vector<double> one_small(std::size_t k, double condition) {
  std::vector<double> s(k, 1);
  s.back() = 1 / condition;
  return s;
}
std::vector<double> geometric(std::size_t k, double condition) {
  std::vector<double> s(k);
  for (std::size_t i = 0; i < k; ++i) s[i] = std::pow(condition, -static_cast<double>(i) / static_cast<double>(k - 1));
  return s;
}
std::vector<double> arithmetic(std::size_t k, double condition) {
  std::vector<double> s(k);
  for (std::size_t i = 0; i < k; ++i) {
    s[i] = 1 - static_cast<double>(i) / static_cast<double>(k - 1) * (1 - 1 / condition);
  }
  return s;
}
std::vector<double> log_random(Random& random, std::size_t k, double condition) {
  std::uniform_real_distribution<double> exponent(-std::log(condition), 0);
  std::vector<double> s(k);
  for (double& value : s) value = std::exp(exponent(random));
  std::ranges::sort(s, std::greater<>());
  return s;
}

}  // namespace

TEST_CASE_TEMPLATE("svd: a dimension of zero gives the right shapes, and an identity in full mode", T, float, double) {
  CpuDevice device(1);
  Lane lane(0);
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{2, 0, 3}, {2, 3, 0}, {1, 0, 0}, {0, 3, 2}}) {
    INFO("batch ", batch, ", ", m, " x ", n);
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      INFO("mode: ", name_of(mode));
      const std::vector<T> a(static_cast<std::size_t>(batch * m * n), T{1});
      const Svd<T> result = decompose(device, lane, a, batch, m, n, mode);
      if (mode != SvdMode::Full || batch == 0) continue;
      for (int i = 0; i < batch; ++i) {
        CHECK_MESSAGE(widen(result.u.data() + i * m * m, m, m).data == identity(m).data, "U is not the identity");
        CHECK_MESSAGE(widen(result.vt.data() + i * n * n, n, n).data == identity(n).data, "V is not the identity");
      }
    }
  }
}

TEST_CASE_TEMPLATE("svd: matrices whose values are known", T, float, double) {
  Random random(1);
  std::vector<Case> cases;
  cases.push_back({"one negative number", diagonal(1, 1, {-3}), {3}});
  cases.push_back({"one zero", diagonal(1, 1, {0}), {0}});
  cases.push_back({"a row", diagonal(1, 5, {-2}), {2}});
  cases.push_back({"a column", diagonal(5, 1, {-2}), {2}});
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{6, 6}, {9, 4}, {4, 9}}) {
    cases.push_back({"all zero", Matrix(m, n), std::vector<double>(4, 0)});
    cases.push_back({"diagonal with signs", diagonal(m, n, {-2, 5, -7, 1}), {7, 5, 2, 1}});
  }
  for (const int size : {2, 7, 33}) {
    const std::vector<double> ones(static_cast<std::size_t>(size), 1);
    cases.push_back({"identity", identity(size), ones});
    Matrix permutation(size, size);
    for (int i = 0; i < size; ++i) permutation(i, (i * 5 + 3) % size) = 1;
    cases.push_back({"permutation", permutation, ones});
    cases.push_back({"orthogonal", random_orthonormal(random, size, size), ones});
  }
  for (Case& one : cases) {
    if (one.name == "all zero" && one.a.m == 6) one.spectrum.resize(6, 0);
    if (one.name == "diagonal with signs" && one.a.m == 6) one.spectrum.resize(6, 0);
  }
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: prescribed spectra, up to the condition where the smallest value drowns", T, float, double) {
  Random random(2);
  std::vector<Case> cases;
  const double worst = 0.1 / std::numeric_limits<T>::epsilon();
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{20, 20}, {40, 12}, {12, 40}}) {
    const auto k = static_cast<std::size_t>(std::min(m, n));
    for (const double condition : {10.0, worst}) {
      const auto add = [&](const char* name, std::vector<double> spectrum) {
        const std::string full = std::string(name) + ", condition " + std::to_string(condition);
        cases.push_back({full, with_spectrum(random, m, n, spectrum), spectrum});
      };
      add("one large", one_large(k, condition));
      add("one small", one_small(k, condition));
      add("geometric", geometric(k, condition));
      add("arithmetic", arithmetic(k, condition));
      add("log-random", log_random(random, k, condition));
    }
  }
  check_cases<T>(cases);
}

// With equal values the vectors are not determined, but the space they span is.
TEST_CASE_TEMPLATE("svd: repeated values give the right subspaces", T, float, double) {
  Random random(3);
  constexpr std::int64_t kRows = 24;
  constexpr std::int64_t kColumns = 16;
  std::vector<double> spectrum(5, 3);
  spectrum.resize(11, 2);
  spectrum.resize(16, 1);
  const Matrix left = random_orthonormal(random, kRows, kColumns);
  const Matrix right = random_orthonormal(random, kColumns, kColumns);
  const Matrix a = multiply(multiply(left, diagonal(kColumns, kColumns, spectrum)), transpose(right));
  check_cases<T>({{"repeated values", a, spectrum}});

  CpuDevice device(2);
  Lane lane(0);
  const Svd<T> result = decompose(device, lane, narrow<T>(a), 1, kRows, kColumns, SvdMode::Thin);
  const auto projector = [](const Matrix& columns, std::int64_t from, std::int64_t to) {
    Matrix part(columns.m, to - from);
    for (std::int64_t i = 0; i < part.m; ++i) {
      for (std::int64_t j = 0; j < part.n; ++j) part(i, j) = columns(i, from + j);
    }
    return multiply(part, transpose(part));
  };
  const Matrix u = widen(result.u.data(), kRows, kColumns);
  const Matrix v = transpose(widen(result.vt.data(), kColumns, kColumns));
  // The gaps between the values are 1, so the spaces move by no more than the rounding of A, which is 3 eps.
  const double tolerance = kThreshold * kRows * 3 * std::numeric_limits<T>::epsilon();
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{{0, 5}, {5, 11}, {11, 16}}) {
    INFO("values ", from, " to ", to);
    CHECK(norm(subtract(projector(u, from, to), projector(left, from, to))) < tolerance);
    CHECK(norm(subtract(projector(v, from, to), projector(right, from, to))) < tolerance);
  }
}

TEST_CASE_TEMPLATE("svd: rank-deficient matrices", T, float, double) {
  Random random(4);
  std::vector<Case> cases;
  std::vector<double> spectrum(14, 0);
  for (std::size_t i = 0; i < 5; ++i) spectrum[i] = static_cast<double>(5 - i);
  cases.push_back({"rank 5 of 14", with_spectrum(random, 20, 14, spectrum), spectrum});
  Matrix columns = random_matrix(random, 15, 10);
  Matrix rows = random_matrix(random, 10, 15);
  for (std::int64_t i = 0; i < 15; ++i) {
    columns(i, 3) = 0;
    columns(i, 7) = columns(i, 1);
    rows(3, i) = 0;
    rows(7, i) = rows(1, i);
  }
  cases.push_back({"a zero and a duplicate column", columns, {}});
  cases.push_back({"a zero and a duplicate row", rows, {}});
  Matrix ones(12, 12);
  std::ranges::fill(ones.data, 1.0);
  std::vector<double> of_ones(12, 0);
  of_ones.front() = 12;
  cases.push_back({"all ones", ones, of_ones});
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: Hilbert, Kahan and graded matrices, to absolute accuracy", T, float, double) {
  Random random(5);
  std::vector<Case> cases;
  Matrix hilbert(12, 12);
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t j = 0; j < 12; ++j) hilbert(i, j) = 1.0 / static_cast<double>(i + j + 1);
  }
  // Worked out to 60 digits.
  cases.push_back(
      {"Hilbert",
       hilbert,
       {1.7953720595619973087, 0.38027524595503709779, 0.044738548752181074547, 0.0037223122378911662504,
        0.00023308908902178066112, 1.1163357483224427735e-05, 4.0823761103861773442e-07, 1.1228610667517030313e-08,
        2.2519645534900768923e-10, 3.1113548972269167352e-12, 2.6490214934448867211e-14, 1.0479463979622266919e-16}});
  Matrix kahan(40, 40);
  const double sine = std::sin(1.2);
  const double cosine = std::cos(1.2);
  for (std::int64_t i = 0; i < 40; ++i) {
    const double row = std::pow(sine, static_cast<double>(i));
    kahan(i, i) = row;
    for (std::int64_t j = i + 1; j < 40; ++j) kahan(i, j) = -cosine * row;
  }
  cases.push_back({"Kahan", kahan, {}});
  for (const double step : {0.1, 1e-3}) {
    Matrix graded = random_matrix(random, 18, 10);
    for (std::int64_t i = 0; i < graded.m; ++i) {
      for (std::int64_t j = 0; j < graded.n; ++j) graded(i, j) *= std::pow(step, static_cast<double>(j));
    }
    cases.push_back({"columns graded by " + std::to_string(step), graded, {}});
    cases.push_back({"rows graded by " + std::to_string(step), transpose(graded), {}});
  }
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: entries near underflow and near overflow", T, float, double) {
  Random random(6);
  std::vector<Case> cases;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{12, 12}, {30, 8}, {8, 30}}) {
    Matrix small = random_matrix(random, m, n);
    Matrix large = small;
    double largest = 0;
    for (const double value : small.data) largest = std::max(largest, std::abs(value));
    // Sixteen bits above the smallest normal number, and as large as leaves room for the largest singular value.
    const double low = std::ldexp(static_cast<double>(std::numeric_limits<T>::min()), 16) / largest;
    const double high = static_cast<double>(std::numeric_limits<T>::max()) / largest / (2 * std::sqrt(m * n));
    for (double& value : small.data) value *= low;
    for (double& value : large.data) value *= high;
    cases.push_back({"near underflow", small, {}});
    cases.push_back({"near overflow", large, {}});
  }
  cases.push_back({"a subnormal number", diagonal(1, 1, {std::numeric_limits<T>::denorm_min() * 8.0}), {}});
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: sizes around the blocks of the algorithms, tall and wide", T, float, double) {
  Random random(7);
  std::vector<Case> cases;
  for (const int size : {2, 3, 31, 32, 33, 64, 65}) {
    cases.push_back({"square", random_matrix(random, size, size), {}});
  }
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{65, 33}, {64, 1}, {120, 31}, {100, 60}, {3000, 3}}) {
    cases.push_back({"tall", random_matrix(random, m, n), {}});
    cases.push_back({"wide", random_matrix(random, n, m), {}});
  }
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: each matrix of a batch is decomposed as it is alone", T, float, double) {
  Random random(8);
  CpuDevice device(2);
  Lane lane(0);
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{7, 5, 5}, {40, 8, 3}, {3, 9, 33}}) {
    INFO("batch ", batch, ", ", m, " x ", n);
    const std::vector<T> a = narrow<T>(random_matrix(random, batch * m, n));
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      INFO("mode: ", name_of(mode));
      const Svd<T> all = decompose(device, lane, a, batch, m, n, mode);
      for (int i = 0; i < batch; ++i) {
        INFO("matrix ", i, " of the batch");
        const std::vector<T> one(a.begin() + i * m * n, a.begin() + (i + 1) * m * n);
        const Svd<T> alone = decompose(device, lane, one, 1, m, n, mode);
        const auto same = [i](const std::vector<T>& many, const std::vector<T>& single) {
          return std::equal(single.begin(), single.end(),
                            many.begin() + i * static_cast<std::ptrdiff_t>(single.size()));
        };
        CHECK_MESSAGE(same(all.s, alone.s), "S differs");
        CHECK_MESSAGE(same(all.u, alone.u), "U differs");
        CHECK_MESSAGE(same(all.vt, alone.vt), "V differs");
        if (mode != SvdMode::Values) {
          check_factors(widen(one.data(), m, n), alone.u.data(), alone.s.data(), alone.vt.data(), mode);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("svd: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(9);
  CpuDevice device(1);
  Lane lane(0);
  for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      CAPTURE(bad);
      INFO("mode: ", name_of(mode));
      std::vector<T> a = narrow<T>(random_matrix(random, 6 * 4, 3));
      a[1 * 12 + 11] = bad;
      a[4 * 12] = bad;
      check_fails([&] { static_cast<void>(decompose(device, lane, a, 6, 4, 3, mode)); }, Code::NotFinite, {1, 4}, 6);
    }
  }
  // And the lane is none the worse for it.
  check_case<T>(device, lane, {"after an error", random_matrix(random, 10, 6), {}});
}

TEST_CASE("svd: what belongs to cuSOLVER is refused by name") {
  CpuDevice device(1);
  Lane lane(0);
  const std::vector<float> a(4, 1.0F);
  std::vector<float> s(2);
  const auto refused = [&](SvdDriver driver, std::int64_t rank) -> std::string {
    const auto error = failure([&] {
      device.svd(lane, {DType::Float32, SvdMode::Values, driver, rank, 1, 2, 2, operand(a), {}, operand(s), {}});
    });
    REQUIRE_MESSAGE(error.has_value(), "no error was reported");
    CHECK(error->code() == Code::Argument);
    return error->what();
  };
  for (const auto& [driver, name] : std::vector<std::pair<SvdDriver, std::string>>{{SvdDriver::Gesvd, "gesvd"},
                                                                                   {SvdDriver::Gesvdj, "gesvdj"},
                                                                                   {SvdDriver::Gesvdp, "gesvdp"},
                                                                                   {SvdDriver::Gesvdr, "gesvdr"},
                                                                                   {SvdDriver::Gesvda, "gesvda"}}) {
    CHECK(refused(driver, 0) == "svd: driver '" + name + "' is cuSOLVER's; the CPU device takes 'auto'");
  }
  CHECK(refused(SvdDriver::Auto, 3).find("rank 3") != std::string::npos);
}

namespace {

template <typename T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0;
}

// Decomposes one matrix again and again, on all lanes in turn or on all at once, and compares with how it came out
// alone.
template <typename T>
void check_same_bits(unsigned threads, bool at_once) {
  Random random(10);
  constexpr std::int64_t kRows = 90;
  constexpr std::int64_t kColumns = 70;
  constexpr std::size_t kLanes = 3;
  constexpr std::size_t kRounds = 4;
  const std::vector<T> a = narrow<T>(random_matrix(random, kRows, kColumns));
  CpuDevice device(threads);
  Lane own(0);
  const Svd<T> expected = decompose(device, own, a, 1, kRows, kColumns, SvdMode::Thin);
  std::vector<Svd<T>> results(kLanes * kRounds);
  Count done;
  LanePool pool(kLanes);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto task = [&, i](Lane& lane) {
      results[i] = decompose(device, lane, a, 1, kRows, kColumns, SvdMode::Thin);
      done.add();
    };
    REQUIRE(submit(pool, task, i % kLanes));
    if (!at_once) REQUIRE(done.wait_for(i + 1));
  }
  REQUIRE(done.wait_for(results.size()));
  for (std::size_t i = 0; i < results.size(); ++i) {
    INFO("run ", i / kLanes, " on lane ", i % kLanes);
    CHECK_MESSAGE(same_bits(results[i].s, expected.s), "S differs");
    CHECK_MESSAGE(same_bits(results[i].u, expected.u), "U differs");
    CHECK_MESSAGE(same_bits(results[i].vt, expected.vt), "V differs");
  }
}

}  // namespace

// With several cores the lanes must take turns: an operation that is alone gets all of them and one of many gets one
// (see BlasShare), and how a sum was divided among threads shows in its last bit.
TEST_CASE_TEMPLATE("svd: the same bits on every run and every lane", T, float, double) {
  SUBCASE("one core, all lanes at once") { check_same_bits<T>(1, true); }
  SUBCASE("two cores, one lane after the other") { check_same_bits<T>(2, false); }
}
