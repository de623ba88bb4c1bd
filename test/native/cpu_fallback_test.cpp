// What the CPU device does where divide and conquer goes wrong, as OpenBLAS's has been known to, with matrices that are too
// large for kernels of our own: LAPACK's routines of these names stand before the library's here, call it, and then spoil
// what came out, where a test asks for that.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cpu/cpu_device.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/orthonormal.h"
#include "subject.h"
#include "support/failure.h"
#include "support/matrices.h"
#include "support/operands.h"
#include "support/svd.h"
#include "support/svd_check.h"

using namespace tensorlane;
using namespace tensorlane::test;

namespace {

enum class Fault { None, NotConverged, NotFinite, NotOrthogonal, NotOfUnitLength };

constexpr Fault kFaults[] = {Fault::NotConverged, Fault::NotFinite, Fault::NotOrthogonal, Fault::NotOfUnitLength};

// Of the test, and of the one lane that computes while it waits.
Fault fault = Fault::None;         // of divide and conquer
Fault second_fault = Fault::None;  // of QR iteration
int spoilt = 0;

template <typename Routine>
Routine library(const char* name) {
  auto found = reinterpret_cast<Routine>(dlsym(RTLD_NEXT, name));
  REQUIRE((found != nullptr));
  return found;
}

// Vectors of so many elements, one after the other; values alone where there are no vectors.
template <typename T>
void spoil(Fault which, T* values, T* vectors, std::int64_t length, cpu::lapack::Int* info) {
  if (which == Fault::None) return;
  ++spoilt;
  if (which == Fault::NotConverged) *info = 1;
  if (which == Fault::NotFinite) values[0] = std::numeric_limits<T>::quiet_NaN();
  if (vectors == nullptr) return;
  if (which == Fault::NotOrthogonal) std::copy_n(vectors, length, vectors + length);
  if (which == Fault::NotOfUnitLength) std::for_each_n(vectors, length, [](T& element) { element *= T{2}; });
}

}  // namespace

using tensorlane::cpu::lapack::Int;

#define TENSORLANE_SPOILT(T, gesdd, gesvd, syevd)                                                                      \
  extern "C" void gesdd(const char* job, const Int* m, const Int* n, T* a, const Int* lda, T* s, T* u, const Int* ldu, \
                        T* vt, const Int* ldvt, T* work, const Int* lwork, Int* iwork, Int* info) {                    \
    static const auto real = library<decltype(&gesdd)>(#gesdd);                                                        \
    real(job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork, info);                                            \
    if (*lwork != -1) spoil(fault, s, *job == 'N' ? nullptr : u, *ldu, info);                                          \
  }                                                                                                                    \
  extern "C" void gesvd(const char* jobu, const char* jobvt, const Int* m, const Int* n, T* a, const Int* lda, T* s,   \
                        T* u, const Int* ldu, T* vt, const Int* ldvt, T* work, const Int* lwork, Int* info) {          \
    static const auto real = library<decltype(&gesvd)>(#gesvd);                                                        \
    real(jobu, jobvt, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, info);                                           \
    if (*lwork != -1) spoil(second_fault, s, *jobu == 'N' ? nullptr : u, *ldu, info);                                  \
  }                                                                                                                    \
  extern "C" void syevd(const char* job, const char* uplo, const Int* n, T* a, const Int* lda, T* w, T* work,          \
                        const Int* lwork, Int* iwork, const Int* liwork, Int* info) {                                  \
    static const auto real = library<decltype(&syevd)>(#syevd);                                                        \
    real(job, uplo, n, a, lda, w, work, lwork, iwork, liwork, info);                                                   \
    if (*lwork != -1) spoil(fault, w, *job == 'N' ? nullptr : a, *lda, info);                                          \
  }
TENSORLANE_SPOILT(float, sgesdd_, sgesvd_, ssyevd_)
TENSORLANE_SPOILT(double, dgesdd_, dgesvd_, dsyevd_)
#undef TENSORLANE_SPOILT

namespace {

// For the time of a test.
struct Spoiling {
  explicit Spoiling(Fault first, Fault second = Fault::None) {
    fault = first;
    second_fault = second;
    spoilt = 0;
  }
  ~Spoiling() { fault = second_fault = Fault::None; }
};

}  // namespace

TEST_CASE_TEMPLATE("svd: what divide and conquer gets wrong is done by QR iteration", T, float, double) {
  Random random(1);
  Subject subject;
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{33, 33}, {70, 4}, {4, 70}, {40, 36}}) {
    for (const SvdMode mode : {SvdMode::Thin, SvdMode::Full, SvdMode::Values}) {
      for (const Fault which : kFaults) {
        INFO(m, " x ", n, ", mode ", name_of(mode), ", fault ", static_cast<int>(which));
        const bool shows = mode != SvdMode::Values || which == Fault::NotConverged || which == Fault::NotFinite;
        if (!shows) continue;
        const std::vector<T> a = narrow<T>(random_matrix(random, 2 * m, n));
        const Svd<T> expected = decompose(subject, a, 2, m, n);
        const Spoiling spoiling(which);
        const Svd<T> result = decompose(subject, a, 2, m, n, {.mode = mode});
        CHECK(spoilt == 2);
        const std::int64_t k = std::min(m, n);
        for (std::int64_t i = 0; i < 2; ++i) {
          const T* s = result.s.data() + i * k;
          check_values(s, std::vector<double>(expected.s.begin() + i * k, expected.s.begin() + (i + 1) * k),
                       std::max(m, n), "the values by divide and conquer");
          if (mode == SvdMode::Values) continue;
          const std::int64_t u_columns = mode == SvdMode::Full ? m : k;
          const std::int64_t vt_rows = mode == SvdMode::Full ? n : k;
          check_factors(widen(a.data() + i * m * n, m, n), result.u.data() + i * m * u_columns, s,
                        result.vt.data() + i * vt_rows * n, mode);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("svd: what both get wrong is an error that names its matrices", T, float, double) {
  Random random(2);
  Subject subject;
  const std::vector<T> a = narrow<T>(random_matrix(random, 3 * 33, 33));
  for (const Fault which : kFaults) {
    const Spoiling spoiling(Fault::NotOrthogonal, which);
    check_fails([&] { decompose(subject, a, 3, 33, 33); }, Code::NotConverged, {0, 1, 2}, 3);
  }
}

TEST_CASE_TEMPLATE("eigh: what divide and conquer gets wrong is done by QR iteration", T, float, double) {
  Random random(3);
  Subject subject;
  for (const std::int64_t n : {17, 20, 33}) {
    const Matrix half = random_matrix(random, n, n);
    const Matrix a = multiply(half, transpose(half));
    const std::vector<T> given = narrow<T>(a);
    const std::vector<T> expected = unset<T>(n);
    subject.eigh({kDType<T>, false, 1, n, operand(given), operand(expected), {}});
    for (const Fault which : kFaults) {
      for (const bool vectors : {true, false}) {
        if (!vectors && which != Fault::NotConverged && which != Fault::NotFinite) continue;
        INFO("n ", n, ", fault ", static_cast<int>(which), vectors ? ", with vectors" : "");
        const std::vector<T> w = unset<T>(n);
        const std::vector<T> v = unset<T>(vectors ? n * n : 0);
        const Spoiling spoiling(which);
        subject.eigh({kDType<T>, vectors, 1, n, operand(given), operand(w), operand(v)});
        CHECK(spoilt == 1);
        const double eps = std::numeric_limits<T>::epsilon();
        const double size = kThreshold * static_cast<double>(n) * eps * norm(a);
        for (std::size_t i = 0; i < w.size(); ++i) {
          CHECK(std::abs(static_cast<double>(w[i]) - static_cast<double>(expected[i])) <= size);
        }
        if (!vectors) continue;
        const Matrix columns = widen(v.data(), n, n);
        CHECK(orthogonality(columns, eps) < kThreshold);
        const Matrix diagonal_w = diagonal(n, n, std::vector<double>(w.begin(), w.end()));
        CHECK(norm(subtract(multiply(a, columns), multiply(columns, diagonal_w))) <= size);
      }
    }
  }
}

TEST_CASE_TEMPLATE("whether vectors are orthonormal is seen of columns and of rows", T, float, double) {
  Random random(4);
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{1, 1}, {3, 2}, {16, 16}, {40, 17}, {200, 3}, {70, 70}}) {
    INFO(m, " x ", n);
    const Matrix q = random_orthonormal(random, m, n);
    std::vector<T> work(static_cast<std::size_t>(cpu::orthonormal_work(m)));
    const auto seen = [&](const Matrix& given) {
      const bool columns = cpu::has_orthonormal_columns(narrow<T>(given).data(), given.m, given.n, work.data());
      const bool rows = cpu::has_orthonormal_rows(narrow<T>(transpose(given)).data(), given.n, given.m, work.data());
      CHECK(columns == rows);
      return columns;
    };
    CHECK(seen(q));
    for (std::int64_t j = 0; j < n; ++j) {
      const double much = 1e5 * m * static_cast<double>(std::numeric_limits<T>::epsilon());
      Matrix longer = q;
      Matrix turned = q;
      Matrix no_number = q;
      for (std::int64_t i = 0; i < m; ++i) longer(i, j) *= 1 + much;
      for (std::int64_t i = 0; i < m; ++i) turned(i, j) += much * q(i, (j + 1) % n);
      no_number(j, j) = std::numeric_limits<double>::quiet_NaN();
      CHECK_FALSE(seen(longer));
      CHECK_FALSE(seen(turned));
      CHECK_FALSE(seen(no_number));
    }
  }
}
