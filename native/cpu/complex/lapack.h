// LAPACK's and BLAS's routines for complex numbers, as overloads on the element type. See cpu/linalg/lapack.h.
#pragma once

#include "cpu/linalg/lapack.h"

namespace tensorlane::cpu::lapack {

#ifndef TENSORLANE_ACCELERATE
#define TENSORLANE_COMPLEX_LAPACK(p, T, R)                                                                            \
  void p##getrf_(const Int* m, const Int* n, T* a, const Int* lda, Int* ipiv, Int* info);                             \
  void p##getrs_(const char* trans, const Int* n, const Int* nrhs, const T* a, const Int* lda, const Int* ipiv, T* b, \
                 const Int* ldb, Int* info);                                                                          \
  void p##potrf_(const char* uplo, const Int* n, T* a, const Int* lda, Int* info);                                    \
  void p##gelqf_(const Int* m, const Int* n, T* a, const Int* lda, T* tau, T* work, const Int* lwork, Int* info);     \
  void p##unglq_(const Int* m, const Int* n, const Int* k, T* a, const Int* lda, const T* tau, T* work,               \
                 const Int* lwork, Int* info);                                                                        \
  void p##heevd_(const char* jobz, const char* uplo, const Int* n, T* a, const Int* lda, R* w, T* work,               \
                 const Int* lwork, R* rwork, const Int* lrwork, Int* iwork, const Int* liwork, Int* info);            \
  void p##gesdd_(const char* jobz, const Int* m, const Int* n, T* a, const Int* lda, R* s, T* u, const Int* ldu,      \
                 T* vt, const Int* ldvt, T* work, const Int* lwork, R* rwork, Int* iwork, Int* info);                 \
  void p##gesvd_(const char* jobu, const char* jobvt, const Int* m, const Int* n, T* a, const Int* lda, R* s, T* u,   \
                 const Int* ldu, T* vt, const Int* ldvt, T* work, const Int* lwork, R* rwork, Int* info);
extern "C" {
TENSORLANE_COMPLEX_LAPACK(c, Complex64, float)
TENSORLANE_COMPLEX_LAPACK(z, Complex128, double)
}
#undef TENSORLANE_COMPLEX_LAPACK
#endif

#define TENSORLANE_COMPLEX_OVERLOADS(p, T, R)                                                                      \
  inline void getrf(Int n, T* a, Int* ipiv, Int* info) { p##getrf_(&n, &n, a, &n, ipiv, info); }                   \
  inline void getrs(Int n, Int nrhs, const T* a, const Int* ipiv, T* b, Int* info) {                               \
    const char trans = 'N';                                                                                        \
    p##getrs_(&trans, &n, &nrhs, a, &n, ipiv, b, &n, info);                                                        \
  }                                                                                                                \
  inline void potrf(char uplo, Int n, T* a, Int* info) { p##potrf_(&uplo, &n, a, &n, info); }                      \
  inline void gelqf(Int m, Int n, T* a, T* tau, T* work, Int lwork, Int* info) {                                   \
    p##gelqf_(&m, &n, a, &m, tau, work, &lwork, info);                                                             \
  }                                                                                                                \
  inline void unglq(Int m, Int n, Int k, T* a, const T* tau, T* work, Int lwork, Int* info) {                      \
    p##unglq_(&m, &n, &k, a, &m, tau, work, &lwork, info);                                                         \
  }                                                                                                                \
  inline void heevd(char jobz, char uplo, Int n, T* a, R* w, T* work, Int lwork, R* rwork, Int lrwork, Int* iwork, \
                    Int liwork, Int* info) {                                                                       \
    p##heevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, rwork, &lrwork, iwork, &liwork, info);                     \
  }                                                                                                                \
  inline void gesdd(char jobz, Int m, Int n, T* a, R* s, T* u, T* vt, Int ldvt, T* work, Int lwork, R* rwork,      \
                    Int* iwork, Int* info) {                                                                       \
    p##gesdd_(&jobz, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, iwork, info);                        \
  }                                                                                                                \
  inline void gesvd(char job, Int m, Int n, T* a, R* s, T* u, T* vt, Int ldvt, T* work, Int lwork, R* rwork,       \
                    Int* info) {                                                                                   \
    p##gesvd_(&job, &job, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, info);                          \
  }                                                                                                                \
  inline void gemm(Int m, Int n, Int k, const T* a, const T* b, T* c) {                                            \
    const T one{1};                                                                                                \
    const T zero{0};                                                                                               \
    cblas_##p##gemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, &one, a, k, b, n, &zero, c, n);            \
  }
TENSORLANE_COMPLEX_OVERLOADS(c, Complex64, float)
TENSORLANE_COMPLEX_OVERLOADS(z, Complex128, double)
#undef TENSORLANE_COMPLEX_OVERLOADS

}  // namespace tensorlane::cpu::lapack
