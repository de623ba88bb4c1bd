// The cases that an SVD must pass.
#include "support/svd.h"

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

template <typename T>
void check_case(Device& device, Lane& lane, const SvdCase& one) {
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
void check_cases(const std::vector<SvdCase>& cases) {
  CpuDevice device(2);
  Lane lane(0);
  for (const SvdCase& one : cases) check_case<T>(device, lane, one);
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
  std::vector<SvdCase> cases;
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
  for (SvdCase& one : cases) {
    if (one.name == "all zero" && one.a.m == 6) one.spectrum.resize(6, 0);
    if (one.name == "diagonal with signs" && one.a.m == 6) one.spectrum.resize(6, 0);
  }
  check_cases<T>(cases);
}

TEST_CASE_TEMPLATE("svd: prescribed spectra, up to the condition where the smallest value drowns", T, float, double) {
  Random random(2);
  const double worst = 0.1 / std::numeric_limits<T>::epsilon();
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{20, 20}, {40, 12}, {12, 40}}) {
    for (const double condition : {10.0, worst}) {
      INFO("condition ", condition);
      check_cases<T>(prescribed(random, m, n, condition));
    }
  }
}

TEST_CASE_TEMPLATE("svd: repeated values give the right subspaces", T, float, double) {
  Random random(3);
  const RepeatedValues repeated(random);
  check_cases<T>({{"repeated values", repeated.a, repeated.spectrum}});
  CpuDevice device(2);
  Lane lane(0);
  check_subspaces(repeated,
                  decompose(device, lane, narrow<T>(repeated.a), 1, repeated.a.m, repeated.a.n, SvdMode::Thin));
}

TEST_CASE_TEMPLATE("svd: rank-deficient matrices", T, float, double) {
  Random random(4);
  std::vector<SvdCase> cases;
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
  std::vector<SvdCase> cases;
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
  std::vector<SvdCase> cases;
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
  std::vector<SvdCase> cases;
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
