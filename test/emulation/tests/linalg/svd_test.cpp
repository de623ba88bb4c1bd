// The cases that an SVD must pass, by every driver that keeps all digits.
#include "linalg/svd_check.h"
#include "support/failure.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

constexpr SvdDriver kDrivers[] = {SvdDriver::Auto, SvdDriver::Gesvd, SvdDriver::Gesvdj, SvdDriver::Gesvdp};

template <typename T>
void check_by_all(const std::vector<SvdCase>& cases) {
  Gpu gpu;
  for (const SvdDriver driver : kDrivers) check_cases<T>(gpu, cases, driver, Where::Host);
}

}  // namespace

TEST_CASE_TEMPLATE("cuda svd: a dimension of zero gives the right shapes, and an identity in full mode", T, float,
                   double) {
  Gpu gpu;
  for (const auto& [batch, m, n] : std::vector<std::tuple<int, int, int>>{{2, 0, 3}, {2, 3, 0}, {1, 0, 0}, {0, 3, 2}}) {
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      for (const Where where : {Where::Host, Where::Buffers}) {
        INFO("batch ", batch, ", ", m, " x ", n, ", mode ", name_of(mode), ", in ", name_of(where));
        const std::vector<T> a(static_cast<std::size_t>(batch * m * n), T{1});
        const Svd<T> result = decompose(gpu, a, batch, m, n, {mode, SvdDriver::Auto, 0, where});
        if (mode != SvdMode::Full || batch == 0) continue;
        for (int i = 0; i < batch; ++i) {
          CHECK_MESSAGE(widen(result.u.data() + i * m * m, m, m).data == identity(m).data, "U is not the identity");
          CHECK_MESSAGE(widen(result.vt.data() + i * n * n, n, n).data == identity(n).data, "V is not the identity");
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("cuda svd: matrices whose values are known", T, float, double) {
  Random random(1);
  check_by_all<T>({{"one negative number", diagonal(1, 1, {-3}), {3}}});
  check_by_all<T>({{"one zero", diagonal(1, 1, {0}), {0}}, {"a number", diagonal(1, 1, {2}), {2}}});
  check_by_all<T>({{"a row", diagonal(1, 5, {-2}), {2}}});
  check_by_all<T>({{"a column", diagonal(5, 1, {-2}), {2}}});
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{6, 6}, {9, 4}, {4, 9}, {40, 36}}) {
    std::vector<double> signs{7, 5, 2, 1};
    signs.resize(static_cast<std::size_t>(std::min(m, n)), 0);
    check_by_all<T>({{"all zero", Matrix(m, n), std::vector<double>(signs.size(), 0)},
                     {"diagonal with signs", diagonal(m, n, {-2, 5, -7, 1}), signs}});
  }
  for (const int size : {2, 7, 33}) {
    const std::vector<double> ones(static_cast<std::size_t>(size), 1);
    Matrix permutation(size, size);
    for (int i = 0; i < size; ++i) permutation(i, (i * 5 + 3) % size) = 1;
    check_by_all<T>({{"identity", identity(size), ones},
                     {"permutation", permutation, ones},
                     {"orthogonal", random_orthonormal(random, size, size), ones}});
  }
}

TEST_CASE_TEMPLATE("cuda svd: prescribed spectra, up to the condition where the smallest value drowns", T, float,
                   double) {
  Random random(2);
  const double worst = 0.1 / std::numeric_limits<T>::epsilon();
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{20, 20}, {40, 12}, {12, 40}}) {
    for (const double condition : {10.0, worst}) {
      INFO("condition ", condition);
      check_by_all<T>(prescribed(random, m, n, condition));
    }
  }
}

TEST_CASE_TEMPLATE("cuda svd: repeated values give the right subspaces", T, float, double) {
  Random random(3);
  const RepeatedValues repeated(random);
  check_by_all<T>({{"repeated values", repeated.a, repeated.spectrum}});
  Gpu gpu;
  check_subspaces(repeated, decompose(gpu, narrow<T>(repeated.a), 1, repeated.a.m, repeated.a.n));
}

TEST_CASE_TEMPLATE("cuda svd: rank-deficient matrices", T, float, double) {
  Random random(4);
  std::vector<double> spectrum(14, 0);
  for (std::size_t i = 0; i < 5; ++i) spectrum[i] = static_cast<double>(5 - i);
  check_by_all<T>({{"rank 5 of 14", with_spectrum(random, 20, 14, spectrum), spectrum}});
  Matrix columns = random_matrix(random, 15, 10);
  Matrix rows = random_matrix(random, 10, 15);
  for (std::int64_t i = 0; i < 15; ++i) {
    columns(i, 3) = 0;
    columns(i, 7) = columns(i, 1);
    rows(3, i) = 0;
    rows(7, i) = rows(1, i);
  }
  check_by_all<T>({{"a zero and a duplicate column", columns, {}}});
  check_by_all<T>({{"a zero and a duplicate row", rows, {}}});
  Matrix ones(12, 12);
  std::ranges::fill(ones.data, 1.0);
  std::vector<double> of_ones(12, 0);
  of_ones.front() = 12;
  check_by_all<T>({{"all ones", ones, of_ones}});
}

TEST_CASE_TEMPLATE("cuda svd: Hilbert, Kahan and graded matrices, to absolute accuracy", T, float, double) {
  Random random(5);
  Matrix hilbert(12, 12);
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t j = 0; j < 12; ++j) hilbert(i, j) = 1.0 / static_cast<double>(i + j + 1);
  }
  // Worked out to 60 digits.
  check_by_all<T>(
      {{"Hilbert",
        hilbert,
        {1.7953720595619973087, 0.38027524595503709779, 0.044738548752181074547, 0.0037223122378911662504,
         0.00023308908902178066112, 1.1163357483224427735e-05, 4.0823761103861773442e-07, 1.1228610667517030313e-08,
         2.2519645534900768923e-10, 3.1113548972269167352e-12, 2.6490214934448867211e-14, 1.0479463979622266919e-16}}});
  Matrix kahan(40, 40);
  for (std::int64_t i = 0; i < 40; ++i) {
    const double row = std::pow(std::sin(1.2), static_cast<double>(i));
    kahan(i, i) = row;
    for (std::int64_t j = i + 1; j < 40; ++j) kahan(i, j) = -std::cos(1.2) * row;
  }
  check_by_all<T>({{"Kahan", kahan, {}}});
  for (const double step : {0.1, 1e-3}) {
    Matrix graded = random_matrix(random, 18, 10);
    for (std::int64_t i = 0; i < graded.m; ++i) {
      for (std::int64_t j = 0; j < graded.n; ++j) graded(i, j) *= std::pow(step, static_cast<double>(j));
    }
    check_by_all<T>({{"graded columns", graded, {}}});
    check_by_all<T>({{"graded rows", transpose(graded), {}}});
  }
}

TEST_CASE_TEMPLATE("cuda svd: entries near underflow and near overflow", T, float, double) {
  Random random(6);
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{12, 12}, {40, 8}, {8, 40}}) {
    Matrix small = random_matrix(random, m, n);
    Matrix large = small;
    double largest = 0;
    for (const double value : small.data) largest = std::max(largest, std::abs(value));
    // Sixteen bits above the smallest normal number, and as large as leaves room for the largest singular value.
    const double low = std::ldexp(static_cast<double>(std::numeric_limits<T>::min()), 16) / largest;
    const double high = static_cast<double>(std::numeric_limits<T>::max()) / largest / (2 * std::sqrt(m * n));
    for (double& value : small.data) value *= low;
    for (double& value : large.data) value *= high;
    check_by_all<T>({{"near underflow", small, {}}, {"near overflow", large, {}}});
    check_by_all<T>({{"near overflow, alone", large, {}}});
  }
  check_by_all<T>({{"a subnormal number", diagonal(1, 1, {std::numeric_limits<T>::denorm_min() * 8.0}), {}}});
}

TEST_CASE_TEMPLATE("cuda svd: sizes around the blocks of the algorithms, tall and wide", T, float, double) {
  Random random(7);
  Gpu gpu;
  for (const Where where : {Where::Host, Where::Buffers}) {
    for (const SvdDriver driver : kDrivers) {
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
        check_cases<T>(gpu, cases, driver, where);
      }
    }
  }
  check_cases<T>(gpu, {{"very tall", random_matrix(random, 3000, 3), {}}}, SvdDriver::Auto, Where::Host);
}

// More than is staged at once, so that it goes in chunks.
TEST_CASE("cuda svd: a large batch from host memory") {
  Random random(8);
  Gpu gpu;
#ifdef __SANITIZE_THREAD__
  constexpr std::int64_t kBatch = 1500;  // each CUDA call costs it so much that more would take minutes
#else
  constexpr std::int64_t kBatch = 24000;
#endif
  constexpr std::int64_t kSize = 6;
  const std::vector<double> a = narrow<double>(random_matrix(random, kBatch * kSize, kSize));
  const Svd<double> result = decompose(gpu, a, kBatch, kSize, kSize);
  for (std::int64_t i = 0; i < kBatch; i += 199) {
    INFO("matrix ", i);
    const std::int64_t at = i * kSize * kSize;
    check_factors(widen(a.data() + at, kSize, kSize), result.u.data() + at, result.s.data() + i * kSize,
                  result.vt.data() + at, SvdMode::Thin);
  }
}

TEST_CASE_TEMPLATE("cuda svd: a NaN or an infinity is an error that names its matrices", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(9);
  Gpu gpu;
  for (const SvdDriver driver : kDrivers) {
    for (const T bad : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
      for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
        INFO("driver ", name_of(driver), ", mode ", name_of(mode), ", ", bad);
        std::vector<T> a = narrow<T>(random_matrix(random, 6 * 4, 3));
        a[1 * 12 + 11] = bad;
        a[4 * 12] = bad;
        check_fails([&] { decompose(gpu, a, 6, 4, 3, {mode, driver}); }, Code::NotFinite, {1, 4}, 6);
      }
    }
  }
  // And the lane is none the worse for it.
  check_cases<T>(gpu, {{"after an error", random_matrix(random, 10, 6), {}}}, SvdDriver::Auto, Where::Host);
}

TEST_CASE_TEMPLATE("cuda svd: the same bits on every run", T, float, double) {
  Random random(10);
  Gpu gpu;
  Gpu other;
  const std::vector<T> a = narrow<T>(random_matrix(random, 2 * 40, 30));
  for (const SvdDriver driver : kDrivers) {
    INFO("driver ", name_of(driver));
    const Svd<T> first = decompose(gpu, a, 2, 40, 30, {SvdMode::Thin, driver});
    for (Gpu* one : {&gpu, &other}) {
      const Svd<T> again = decompose(*one, a, 2, 40, 30, {SvdMode::Thin, driver, 0, Where::Buffers});
      CHECK_MESSAGE(first.u == again.u, "U differs");
      CHECK_MESSAGE(first.s == again.s, "S differs");
      CHECK_MESSAGE(first.vt == again.vt, "V differs");
    }
  }
}
