// LAPACK's and BLAS's routines for complex numbers, as overloads on the element type. See cpu/linalg/lapack.h.
#pragma once

#include "cpu/linalg/lapack.h"

namespace tensorlane::cpu::lapack {

#ifndef TENSORLANE_ACCELERATE
extern "C" {
void cgetrf_(const Int* m, const Int* n, Complex64* a, const Int* lda, Int* ipiv, Int* info);
void cgetrs_(const char* trans, const Int* n, const Int* nrhs, const Complex64* a, const Int* lda, const Int* ipiv,
             Complex64* b, const Int* ldb, Int* info);
void cpotrf_(const char* uplo, const Int* n, Complex64* a, const Int* lda, Int* info);
void cgelqf_(const Int* m, const Int* n, Complex64* a, const Int* lda, Complex64* tau, Complex64* work,
             const Int* lwork, Int* info);
void cunglq_(const Int* m, const Int* n, const Int* k, Complex64* a, const Int* lda, const Complex64* tau,
             Complex64* work, const Int* lwork, Int* info);
void cheevd_(const char* jobz, const char* uplo, const Int* n, Complex64* a, const Int* lda, float* w, Complex64* work,
             const Int* lwork, float* rwork, const Int* lrwork, Int* iwork, const Int* liwork, Int* info);
void cgesdd_(const char* jobz, const Int* m, const Int* n, Complex64* a, const Int* lda, float* s, Complex64* u,
             const Int* ldu, Complex64* vt, const Int* ldvt, Complex64* work, const Int* lwork, float* rwork,
             Int* iwork, Int* info);
void cgesvd_(const char* jobu, const char* jobvt, const Int* m, const Int* n, Complex64* a, const Int* lda, float* s,
             Complex64* u, const Int* ldu, Complex64* vt, const Int* ldvt, Complex64* work, const Int* lwork,
             float* rwork, Int* info);
void zgetrf_(const Int* m, const Int* n, Complex128* a, const Int* lda, Int* ipiv, Int* info);
void zgetrs_(const char* trans, const Int* n, const Int* nrhs, const Complex128* a, const Int* lda, const Int* ipiv,
             Complex128* b, const Int* ldb, Int* info);
void zpotrf_(const char* uplo, const Int* n, Complex128* a, const Int* lda, Int* info);
void zgelqf_(const Int* m, const Int* n, Complex128* a, const Int* lda, Complex128* tau, Complex128* work,
             const Int* lwork, Int* info);
void zunglq_(const Int* m, const Int* n, const Int* k, Complex128* a, const Int* lda, const Complex128* tau,
             Complex128* work, const Int* lwork, Int* info);
void zheevd_(const char* jobz, const char* uplo, const Int* n, Complex128* a, const Int* lda, double* w,
             Complex128* work, const Int* lwork, double* rwork, const Int* lrwork, Int* iwork, const Int* liwork,
             Int* info);
void zgesdd_(const char* jobz, const Int* m, const Int* n, Complex128* a, const Int* lda, double* s, Complex128* u,
             const Int* ldu, Complex128* vt, const Int* ldvt, Complex128* work, const Int* lwork, double* rwork,
             Int* iwork, Int* info);
void zgesvd_(const char* jobu, const char* jobvt, const Int* m, const Int* n, Complex128* a, const Int* lda, double* s,
             Complex128* u, const Int* ldu, Complex128* vt, const Int* ldvt, Complex128* work, const Int* lwork,
             double* rwork, Int* info);
}
#endif

inline void getrf(Int m, Int n, Complex64* a, Int* ipiv, Int* info) { cgetrf_(&m, &n, a, &m, ipiv, info); }
inline void getrs(char trans, Int n, Int nrhs, const Complex64* a, const Int* ipiv, Complex64* b, Int* info) {
  cgetrs_(&trans, &n, &nrhs, a, &n, ipiv, b, &n, info);
}
// op(a) x = b in b's place, for a triangle of the row-major a.
inline void trsm(CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, Int n, Int nrhs, const Complex64* a,
                 Complex64* b) {
  const Complex64 one{1};
  cblas_ctrsm(CblasRowMajor, CblasLeft, uplo, trans, diag, n, nrhs, &one, a, n, b, nrhs);
}
inline void potrf(char uplo, Int n, Complex64* a, Int* info) { cpotrf_(&uplo, &n, a, &n, info); }
inline void gelqf(Int m, Int n, Complex64* a, Complex64* tau, Complex64* work, Int lwork, Int* info) {
  cgelqf_(&m, &n, a, &m, tau, work, &lwork, info);
}
// As of real ones, though what is orthogonal there is unitary here.
inline void orglq(Int m, Int n, Int k, Complex64* a, const Complex64* tau, Complex64* work, Int lwork, Int* info) {
  cunglq_(&m, &n, &k, a, &m, tau, work, &lwork, info);
}
inline void heevd(char jobz, char uplo, Int n, Complex64* a, float* w, Complex64* work, Int lwork, float* rwork,
                  Int lrwork, Int* iwork, Int liwork, Int* info) {
  cheevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, rwork, &lrwork, iwork, &liwork, info);
}
inline void gesdd(char jobz, Int m, Int n, Complex64* a, float* s, Complex64* u, Complex64* vt, Int ldvt,
                  Complex64* work, Int lwork, float* rwork, Int* iwork, Int* info) {
  cgesdd_(&jobz, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, iwork, info);
}
inline void gesvd(char job, Int m, Int n, Complex64* a, float* s, Complex64* u, Complex64* vt, Int ldvt,
                  Complex64* work, Int lwork, float* rwork, Int* info) {
  cgesvd_(&job, &job, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, info);
}
inline void gemm(Int m, Int n, Int k, const Complex64* a, const Complex64* b, Complex64* c) {
  const Complex64 one{1};
  const Complex64 zero{0};
  cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, &one, a, k, b, n, &zero, c, n);
}
inline void getrf(Int m, Int n, Complex128* a, Int* ipiv, Int* info) { zgetrf_(&m, &n, a, &m, ipiv, info); }
inline void getrs(char trans, Int n, Int nrhs, const Complex128* a, const Int* ipiv, Complex128* b, Int* info) {
  zgetrs_(&trans, &n, &nrhs, a, &n, ipiv, b, &n, info);
}
// op(a) x = b in b's place, for a triangle of the row-major a.
inline void trsm(CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, Int n, Int nrhs, const Complex128* a,
                 Complex128* b) {
  const Complex128 one{1};
  cblas_ztrsm(CblasRowMajor, CblasLeft, uplo, trans, diag, n, nrhs, &one, a, n, b, nrhs);
}
inline void potrf(char uplo, Int n, Complex128* a, Int* info) { zpotrf_(&uplo, &n, a, &n, info); }
inline void gelqf(Int m, Int n, Complex128* a, Complex128* tau, Complex128* work, Int lwork, Int* info) {
  zgelqf_(&m, &n, a, &m, tau, work, &lwork, info);
}
inline void orglq(Int m, Int n, Int k, Complex128* a, const Complex128* tau, Complex128* work, Int lwork, Int* info) {
  zunglq_(&m, &n, &k, a, &m, tau, work, &lwork, info);
}
inline void heevd(char jobz, char uplo, Int n, Complex128* a, double* w, Complex128* work, Int lwork, double* rwork,
                  Int lrwork, Int* iwork, Int liwork, Int* info) {
  zheevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, rwork, &lrwork, iwork, &liwork, info);
}
inline void gesdd(char jobz, Int m, Int n, Complex128* a, double* s, Complex128* u, Complex128* vt, Int ldvt,
                  Complex128* work, Int lwork, double* rwork, Int* iwork, Int* info) {
  zgesdd_(&jobz, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, iwork, info);
}
inline void gesvd(char job, Int m, Int n, Complex128* a, double* s, Complex128* u, Complex128* vt, Int ldvt,
                  Complex128* work, Int lwork, double* rwork, Int* info) {
  zgesvd_(&job, &job, &m, &n, a, &m, s, u, &m, vt, &ldvt, work, &lwork, rwork, info);
}
inline void gemm(Int m, Int n, Int k, const Complex128* a, const Complex128* b, Complex128* c) {
  const Complex128 one{1};
  const Complex128 zero{0};
  cblas_zgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, &one, a, k, b, n, &zero, c, n);
}

}  // namespace tensorlane::cpu::lapack
