// The LAPACK routines that stand behind the emulated libraries, for float and double, on packed matrices.
#pragma once

#include <cblas.h>

#include <cstdint>
#include <vector>

#include "libraries/matrix.h"

namespace emulation::libraries {

using Int = std::int32_t;

#define EMULATION_LAPACK(p, T)                                                                                         \
  void p##gesvd_(const char*, const char*, const Int*, const Int*, T*, const Int*, T*, T*, const Int*, T*, const Int*, \
                 T*, const Int*, Int*);                                                                                \
  void p##syevd_(const char*, const char*, const Int*, T*, const Int*, T*, T*, const Int*, Int*, const Int*, Int*);    \
  void p##getrf_(const Int*, const Int*, T*, const Int*, Int*, Int*);                                                  \
  void p##geqrf_(const Int*, const Int*, T*, const Int*, T*, T*, const Int*, Int*);                                    \
  void p##orgqr_(const Int*, const Int*, const Int*, T*, const Int*, const T*, T*, const Int*, Int*);                  \
  void p##potrf_(const char*, const Int*, T*, const Int*, Int*);
extern "C" {
EMULATION_LAPACK(s, float)
EMULATION_LAPACK(d, double)
}
#undef EMULATION_LAPACK

#define EMULATION_OVERLOADS(p, T)                                                                                      \
  inline Int gesvd(char jobu, char jobvt, Matrix<T>& a, std::vector<T>& s, Matrix<T>& u, Matrix<T>& vt) {              \
    const Int m = static_cast<Int>(a.rows), n = static_cast<Int>(a.columns);                                           \
    const Int lda = a.ld(), ldu = u.ld(), ldvt = vt.ld();                                                              \
    Int info = 0, size = -1;                                                                                           \
    T best = 0;                                                                                                        \
    p##gesvd_(&jobu, &jobvt, &m, &n, a.data.data(), &lda, s.data(), u.data.data(), &ldu, vt.data.data(), &ldvt, &best, \
              &size, &info);                                                                                           \
    size = static_cast<Int>(best) + 1;                                                                                 \
    std::vector<T> work(static_cast<std::size_t>(size));                                                               \
    p##gesvd_(&jobu, &jobvt, &m, &n, a.data.data(), &lda, s.data(), u.data.data(), &ldu, vt.data.data(), &ldvt,        \
              work.data(), &size, &info);                                                                              \
    return info;                                                                                                       \
  }                                                                                                                    \
  inline Int syevd(char jobz, char uplo, Matrix<T>& a, std::vector<T>& w) {                                            \
    const Int n = static_cast<Int>(a.rows), lda = a.ld();                                                              \
    const Int size = 1 + 6 * n + 2 * n * n, integers = 3 + 5 * n;                                                      \
    std::vector<T> work(static_cast<std::size_t>(size));                                                               \
    std::vector<Int> integer_work(static_cast<std::size_t>(integers));                                                 \
    Int info = 0;                                                                                                      \
    p##syevd_(&jobz, &uplo, &n, a.data.data(), &lda, w.data(), work.data(), &size, integer_work.data(), &integers,     \
              &info);                                                                                                  \
    return info;                                                                                                       \
  }                                                                                                                    \
  inline Int getrf(Matrix<T>& a, std::vector<Int>& pivots) {                                                           \
    const Int m = static_cast<Int>(a.rows), n = static_cast<Int>(a.columns), lda = a.ld();                             \
    Int info = 0;                                                                                                      \
    p##getrf_(&m, &n, a.data.data(), &lda, pivots.data(), &info);                                                      \
    return info;                                                                                                       \
  }                                                                                                                    \
  inline void geqrf(Matrix<T>& a, std::vector<T>& tau) {                                                               \
    const Int m = static_cast<Int>(a.rows), n = static_cast<Int>(a.columns), lda = a.ld();                             \
    const Int size = std::max<Int>(1, 32 * n);                                                                         \
    std::vector<T> work(static_cast<std::size_t>(size));                                                               \
    Int info = 0;                                                                                                      \
    p##geqrf_(&m, &n, a.data.data(), &lda, tau.data(), work.data(), &size, &info);                                     \
  }                                                                                                                    \
  inline void orgqr(Matrix<T>& a, const std::vector<T>& tau) {                                                         \
    const Int m = static_cast<Int>(a.rows), n = static_cast<Int>(a.columns), lda = a.ld();                             \
    const Int k = static_cast<Int>(tau.size()), size = std::max<Int>(1, 32 * n);                                       \
    std::vector<T> work(static_cast<std::size_t>(size));                                                               \
    Int info = 0;                                                                                                      \
    p##orgqr_(&m, &n, &k, a.data.data(), &lda, tau.data(), work.data(), &size, &info);                                 \
  }                                                                                                                    \
  inline Int potrf(char uplo, Matrix<T>& a) {                                                                          \
    const Int n = static_cast<Int>(a.rows), lda = a.ld();                                                              \
    Int info = 0;                                                                                                      \
    p##potrf_(&uplo, &n, a.data.data(), &lda, &info);                                                                  \
    return info;                                                                                                       \
  }                                                                                                                    \
  inline void trsm(CBLAS_SIDE side, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, T alpha,                  \
                   const Matrix<T>& a, Matrix<T>& b) {                                                                 \
    cblas_##p##trsm(CblasColMajor, side, uplo, trans, diag, static_cast<Int>(b.rows), static_cast<Int>(b.columns),     \
                    alpha, a.data.data(), a.ld(), b.data.data(), b.ld());                                              \
  }                                                                                                                    \
  /* c = op(a) op(b) */                                                                                                \
  inline Matrix<T> multiply(const Matrix<T>& a, bool transpose_a, const Matrix<T>& b, bool transpose_b) {              \
    const std::int64_t m = transpose_a ? a.columns : a.rows, k = transpose_a ? a.rows : a.columns;                     \
    Matrix<T> c(m, transpose_b ? b.rows : b.columns);                                                                  \
    if (c.data.empty() || k == 0) return c;                                                                            \
    cblas_##p##gemm(CblasColMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,   \
                    static_cast<Int>(m), static_cast<Int>(c.columns), static_cast<Int>(k), T{1}, a.data.data(),        \
                    a.ld(), b.data.data(), b.ld(), T{0}, c.data.data(), c.ld());                                       \
    return c;                                                                                                          \
  }
EMULATION_OVERLOADS(s, float)
EMULATION_OVERLOADS(d, double)
#undef EMULATION_OVERLOADS

}  // namespace emulation::libraries
