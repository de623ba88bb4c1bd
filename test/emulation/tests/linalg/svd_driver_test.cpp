// What is particular to the SVD's drivers: what they refuse, what they lose, when they give up; and the choice of one.
#include <memory>

#include "cuda/linalg/svd_choice.h"
#include "cuda/runtime/lane.h"
#include "emulation.h"
#include "support/failure.h"
#include "support/svd_check.h"

using namespace tensorlane;
using namespace tensorlane::test;
using cuda::choose_svd;
using cuda::SvdMethod;

namespace {

constexpr int kVersion = 12004;  // of a cuSOLVER whose gesvdp is not right

void check_refuses(Subject& subject, const SvdOptions& options, const char* expected) {
  INFO("driver ", name_of(options.driver), ", mode ", name_of(options.mode), ", rank ", options.rank);
  const auto error = failure([&] { decompose(subject, std::vector<double>(60, 1.0), 1, 6, 10, options); });
  REQUIRE_MESSAGE(error.has_value(), "no error was reported");
  INFO(error->what());
  CHECK(error->code() == Code::Argument);
  CHECK(std::string(error->what())
            .find(name_of(options.driver == SvdDriver::Auto ? SvdDriver::Gesvdr : options.driver)) !=
        std::string::npos);
  CHECK(std::string(error->what()).find(expected) != std::string::npos);
}

}  // namespace

TEST_CASE("cuda svd: the choice of a driver") {
  const auto choose = [](std::int64_t batch, std::int64_t m, std::int64_t n, DType type = DType::Float32,
                         int version = kVersion) { return choose_svd(SvdDriver::Auto, type, batch, m, n, version); };
  CHECK(choose(2, 32, 32) == SvdMethod::GesvdjBatched);
  CHECK(choose(1, 32, 32) == SvdMethod::Gesvdj);
  CHECK(choose(2, 33, 32) == SvdMethod::Gesvdj);
  CHECK(choose(2, 8, 33) == SvdMethod::Gesvdj);
  CHECK(choose(1, 1024, 100000) == SvdMethod::Gesvdj);
  CHECK(choose(1, 1025, 1025) == SvdMethod::Gesvd);
  CHECK(choose(1, 1025, 1025, DType::Float32, 13000) == SvdMethod::Gesvdp);
  CHECK(choose(1, 513, 513, DType::Float64) == SvdMethod::Gesvd);
  CHECK(choose(1, 512, 512, DType::Float64) == SvdMethod::Gesvdj);
  // What the user asks for is what is done.
  for (const std::int64_t size : {8, 100, 5000}) {
    for (const std::int64_t batch : {1, 3}) {
      const auto asked = [&](SvdDriver driver) {
        return choose_svd(driver, DType::Float64, batch, size, size, kVersion);
      };
      CHECK(asked(SvdDriver::Gesvd) == SvdMethod::Gesvd);
      CHECK(asked(SvdDriver::Gesvdj) == (batch > 1 && size == 8 ? SvdMethod::GesvdjBatched : SvdMethod::Gesvdj));
      CHECK(asked(SvdDriver::Gesvdp) == SvdMethod::Gesvdp);
      CHECK(asked(SvdDriver::Gesvdr) == SvdMethod::Gesvdr);
      CHECK(asked(SvdDriver::Gesvda) == SvdMethod::Gesvda);
    }
  }
  // The limits can be others.
  CHECK(choose_svd(SvdDriver::Auto, DType::Float32, 1, 100, 100, kVersion, {32, 50, 50, 12000}) == SvdMethod::Gesvdp);
}

TEST_CASE("cuda svd: a driver that cannot do what is asked says so") {
  Subject subject;
  check_refuses(subject, {SvdMode::Full, SvdDriver::Gesvda}, "6 x 10");
  check_refuses(subject, {SvdMode::Full, SvdDriver::Gesvdr, 2}, "6 x 10");
  check_refuses(subject, {SvdMode::Thin, SvdDriver::Gesvdr, 0}, "6 x 10");
  check_refuses(subject, {SvdMode::Thin, SvdDriver::Gesvdr, 6}, "from 1 to min(m, n) - 1 = 5, got 6");
  check_refuses(subject, {SvdMode::Thin, SvdDriver::Gesvdr, -1}, "from 1 to min(m, n) - 1 = 5, got -1");
  check_refuses(subject, {SvdMode::Thin, SvdDriver::Auto, 2}, "given 2");
}

// One sweep rotates each pair of columns once, which is not enough for a random matrix.
TEST_CASE_TEMPLATE("cuda svd: what does not converge is an error that names its matrices", T, float, double) {
  Random random(1);
  Subject subject;
  for (const std::int64_t size : {12, 40}) {  // the batched routine, and the other
    INFO("size ", size);
    std::vector<T> a = narrow<T>(random_matrix(random, 4 * size, size));
    // Those that are diagonal need no sweep.
    for (const std::int64_t i : {0, 2}) {
      const std::vector<T> one = narrow<T>(identity(size));
      std::copy(one.begin(), one.end(), a.begin() + i * size * size);
    }
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin}) {
      check_fails([&] { decompose(subject, a, 4, size, size, {mode, SvdDriver::Gesvdj, 0, Where::Host, 1}); },
                  Code::NotConverged, {1, 3}, 4);
    }
    // A NaN comes first.
    a[0] = std::numeric_limits<T>::quiet_NaN();
    check_fails([&] { decompose(subject, a, 4, size, size, {SvdMode::Thin, SvdDriver::Gesvdj, 0, Where::Host, 1}); },
                Code::NotFinite, {0}, 4);
  }
}

TEST_CASE_TEMPLATE("cuda svd: auto does again by gesvd what Jacobi's method did not finish", T, float, double) {
  Random random(2);
  Subject subject;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{40, 40}, {50, 35}, {35, 50}}) {
    for (const Where where : kPlaces) {
      INFO(m, " x ", n, ", in ", name_of(where));
      const std::vector<T> a = narrow<T>(random_matrix(random, 3 * m, n));
      const std::int64_t k = std::min(m, n);
      const Svd<T> result = decompose(subject, a, 3, m, n, {SvdMode::Thin, SvdDriver::Auto, 0, where, 1});
      for (std::int64_t i = 0; i < 3; ++i) {
        check_factors(widen(a.data() + i * m * n, m, n), result.u.data() + i * m * k, result.s.data() + i * k,
                      result.vt.data() + i * k * n, SvdMode::Thin);
      }
    }
  }
}

// One sweep is not enough for a random matrix, and more than enough for a diagonal one.
TEST_CASE_TEMPLATE("cuda svd: of a batch of small matrices, auto does again by gesvd those that did not converge", T,
                   float, double) {
  constexpr std::int64_t kBatch = 7;
  const std::vector<std::int64_t> unfinished{1, 2, 5};
  Random random(5);
  Subject subject;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{12, 12}, {32, 9}, {9, 32}}) {
    const std::int64_t k = std::min(m, n);
    std::vector<T> a(static_cast<std::size_t>(kBatch * m * n), T{0});
    for (std::int64_t i = 0; i < kBatch; ++i) {
      for (std::int64_t j = 0; j < k; ++j) a[static_cast<std::size_t>(i * m * n + j * n + j)] = static_cast<T>(j + 1);
    }
    for (const std::int64_t i : unfinished) {
      const std::vector<T> one = narrow<T>(random_matrix(random, m, n));
      std::copy(one.begin(), one.end(), a.begin() + i * m * n);
    }
    for (const SvdMode mode : {SvdMode::Values, SvdMode::Thin, SvdMode::Full}) {
      for (const Where where : kPlaces) {
        INFO(m, " x ", n, ", mode ", name_of(mode), ", in ", name_of(where));
        const bool full = mode == SvdMode::Full;
        const std::uint64_t before = emulation::calls("cusolverDnXgesvd");
        const Svd<T> result = decompose(subject, a, kBatch, m, n, {mode, SvdDriver::Auto, 0, where, 1});
        CHECK_MESSAGE(emulation::calls("cusolverDnXgesvd") == before + unfinished.size(),
                      "gesvd did not do those that were left, and them alone");
        const Svd<T> expected = decompose(subject, a, kBatch, m, n, {mode, SvdDriver::Gesvd, 0, where});
        for (std::int64_t i = 0; i < kBatch; ++i) {
          INFO("matrix ", i);
          const T* s = result.s.data() + i * k;
          check_values(s, std::vector<double>(expected.s.begin() + i * k, expected.s.begin() + (i + 1) * k),
                       std::max(m, n), "against gesvd");
          if (mode == SvdMode::Values) continue;
          check_factors(widen(a.data() + i * m * n, m, n), result.u.data() + i * m * (full ? m : k), s,
                        result.vt.data() + i * (full ? n : k) * n, mode);
        }
      }
    }
    emulation::config().gesvd_converges = false;
    check_fails([&] { decompose(subject, a, kBatch, m, n, {SvdMode::Thin, SvdDriver::Auto, 0, Where::Host, 1}); },
                Code::NotConverged, unfinished, kBatch);
    emulation::config().gesvd_converges = true;
  }
}

// A batch from host memory that is cut into chunks: what is done again comes after what was fetched.
TEST_CASE("cuda svd: auto does matrices again in every chunk of a large batch") {
  constexpr std::int64_t kBatch = 600;
  constexpr std::int64_t kSize = 16;
  Random random(6);
  Subject subject;
  std::vector<float> a(static_cast<std::size_t>(kBatch * kSize * kSize), 0.0F);
  for (std::int64_t i = 0; i < kBatch; ++i) {
    for (std::int64_t j = 0; j < kSize; ++j) a[static_cast<std::size_t>((i * kSize + j) * kSize + j)] = 1;
  }
  const std::vector<std::int64_t> unfinished{0, 200, 201, 433, kBatch - 1};
  for (const std::int64_t i : unfinished) {
    const std::vector<float> one = narrow<float>(random_matrix(random, kSize, kSize));
    std::copy(one.begin(), one.end(), a.begin() + i * kSize * kSize);
  }
  const std::uint64_t before = emulation::calls("cusolverDnXgesvd");
  const std::uint64_t batches = emulation::calls("cusolverDnSgesvdjBatched");
  const Svd<float> result =
      decompose(subject, a, kBatch, kSize, kSize, {SvdMode::Thin, SvdDriver::Auto, 0, Where::Host, 1});
  CHECK_MESSAGE(emulation::calls("cusolverDnSgesvdjBatched") > batches + 1, "the batch was not cut");
  CHECK(emulation::calls("cusolverDnXgesvd") == before + unfinished.size());
  for (const std::int64_t i : {0, 1, 199, 200, 201, 202, 433, 598, 599}) {
    INFO("matrix ", i);
    const std::int64_t at = i * kSize * kSize;
    check_factors(widen(a.data() + at, kSize, kSize), result.u.data() + at, result.s.data() + i * kSize,
                  result.vt.data() + at, SvdMode::Thin);
  }
}

// Values come from the eigenvalues of A^T A, so what is below sqrt(eps) of the largest is noise.
TEST_CASE_TEMPLATE("cuda svd: gesvda, on batches of tall, wide and square matrices", T, float, double) {
  Random random(3);
  Subject subject;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{60, 10}, {10, 60}, {20, 20}, {100, 1}}) {
    for (const Where where : kPlaces) {
      std::vector<SvdCase> cases;
      const auto k = static_cast<std::size_t>(std::min(m, n));
      for (int i = 0; i < 3; ++i) {
        std::vector<double> spectrum(k);
        for (std::size_t j = 0; j < k; ++j) spectrum[j] = static_cast<double>(k - j);
        cases.push_back({"well conditioned", with_spectrum(random, m, n, spectrum), spectrum});
      }
      check_cases<T>(subject, cases, SvdDriver::Gesvda, where);
    }
  }
}

TEST_CASE_TEMPLATE("cuda svd: gesvdr gives the largest values and their vectors", T, float, double) {
  Random random(4);
  Subject subject;
  for (const auto& [m, n, rank] :
       std::vector<std::tuple<int, int, int>>{{40, 40, 5}, {60, 30, 4}, {30, 60, 4}, {20, 20, 19}, {20, 20, 12}}) {
    for (const Where where : kPlaces) {
      INFO(m, " x ", n, ", rank ", rank, ", in ", name_of(where));
      std::vector<double> spectrum(static_cast<std::size_t>(std::min(m, n)), 0);
      for (int i = 0; i < rank; ++i) spectrum[static_cast<std::size_t>(i)] = static_cast<double>(rank - i);
      Matrix all = with_spectrum(random, m, n, spectrum);
      const Matrix second = with_spectrum(random, m, n, spectrum);
      all.data.insert(all.data.end(), second.data.begin(), second.data.end());
      all.m *= 2;
      const std::vector<T> a = narrow<T>(all);
      const Svd<T> result = decompose(subject, a, 2, m, n, {SvdMode::Thin, SvdDriver::Gesvdr, rank, where});
      const Svd<T> values = decompose(subject, a, 2, m, n, {SvdMode::Values, SvdDriver::Gesvdr, rank, where});
      spectrum.resize(static_cast<std::size_t>(rank));
      const double eps = std::numeric_limits<T>::epsilon();
      for (std::int64_t i = 0; i < 2; ++i) {
        INFO("matrix ", i);
        check_values(result.s.data() + i * rank, spectrum, std::max(m, n), "the known spectrum");
        check_values(values.s.data() + i * rank, spectrum, std::max(m, n), "the known spectrum, values only");
        const Matrix u = widen(result.u.data() + i * m * rank, m, rank);
        const Matrix vt = widen(result.vt.data() + i * rank * n, rank, n);
        const std::vector<double> s(result.s.begin() + i * rank, result.s.begin() + (i + 1) * rank);
        const Matrix one = widen(a.data() + i * m * n, m, n);
        const double residual = norm(subtract(multiply(multiply(u, diagonal(rank, rank, s)), vt), one));
        const double ratio = residual / (norm(one) * std::max(m, n) * eps);
        CHECK_MESSAGE(ratio < kThreshold, "reconstruction: ratio " << ratio);
        CHECK_MESSAGE(orthogonality(u, eps) < kThreshold, "U is not orthogonal");
        CHECK_MESSAGE(orthogonality(transpose(vt), eps) < kThreshold, "V is not orthogonal");
      }
    }
  }
}
