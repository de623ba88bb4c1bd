// The LAPACK routines used, by their Fortran names, as overloads on the element type. 32-bit integers (LP64), which is
// what distributions build OpenBLAS with.
#pragma once

#include <complex>
#include <cstdint>

#include "cpu/linalg/blas.h"

namespace tensorlane::cpu::lapack {

using Int = std::int32_t;
using Complex64 = std::complex<float>;
using Complex128 = std::complex<double>;

#ifndef TENSORLANE_ACCELERATE  // whose header has them
extern "C" {
void sgesdd_(const char* jobz, const Int* m, const Int* n, float* a, const Int* lda, float* s, float* u, const Int* ldu,
             float* vt, const Int* ldvt, float* work, const Int* lwork, Int* iwork, Int* info);
void dgesdd_(const char* jobz, const Int* m, const Int* n, double* a, const Int* lda, double* s, double* u,
             const Int* ldu, double* vt, const Int* ldvt, double* work, const Int* lwork, Int* iwork, Int* info);
void sgesvd_(const char* jobu, const char* jobvt, const Int* m, const Int* n, float* a, const Int* lda, float* s,
             float* u, const Int* ldu, float* vt, const Int* ldvt, float* work, const Int* lwork, Int* info);
void dgesvd_(const char* jobu, const char* jobvt, const Int* m, const Int* n, double* a, const Int* lda, double* s,
             double* u, const Int* ldu, double* vt, const Int* ldvt, double* work, const Int* lwork, Int* info);
void sgetrf_(const Int* m, const Int* n, float* a, const Int* lda, Int* ipiv, Int* info);
void dgetrf_(const Int* m, const Int* n, double* a, const Int* lda, Int* ipiv, Int* info);
void sgetrs_(const char* trans, const Int* n, const Int* nrhs, const float* a, const Int* lda, const Int* ipiv,
             float* b, const Int* ldb, Int* info);
void dgetrs_(const char* trans, const Int* n, const Int* nrhs, const double* a, const Int* lda, const Int* ipiv,
             double* b, const Int* ldb, Int* info);
void spotrf_(const char* uplo, const Int* n, float* a, const Int* lda, Int* info);
void dpotrf_(const char* uplo, const Int* n, double* a, const Int* lda, Int* info);
void sgelqf_(const Int* m, const Int* n, float* a, const Int* lda, float* tau, float* work, const Int* lwork,
             Int* info);
void dgelqf_(const Int* m, const Int* n, double* a, const Int* lda, double* tau, double* work, const Int* lwork,
             Int* info);
void sorglq_(const Int* m, const Int* n, const Int* k, float* a, const Int* lda, const float* tau, float* work,
             const Int* lwork, Int* info);
void dorglq_(const Int* m, const Int* n, const Int* k, double* a, const Int* lda, const double* tau, double* work,
             const Int* lwork, Int* info);
void ssyevd_(const char* jobz, const char* uplo, const Int* n, float* a, const Int* lda, float* w, float* work,
             const Int* lwork, Int* iwork, const Int* liwork, Int* info);
void dsyevd_(const char* jobz, const char* uplo, const Int* n, double* a, const Int* lda, double* w, double* work,
             const Int* lwork, Int* iwork, const Int* liwork, Int* info);
void ssyev_(const char* jobz, const char* uplo, const Int* n, float* a, const Int* lda, float* w, float* work,
            const Int* lwork, Int* info);
void dsyev_(const char* jobz, const char* uplo, const Int* n, double* a, const Int* lda, double* w, double* work,
            const Int* lwork, Int* info);
void sgeev_(const char* jobvl, const char* jobvr, const Int* n, float* a, const Int* lda, float* wr, float* wi,
            float* vl, const Int* ldvl, float* vr, const Int* ldvr, float* work, const Int* lwork, Int* info);
void dgeev_(const char* jobvl, const char* jobvr, const Int* n, double* a, const Int* lda, double* wr, double* wi,
            double* vl, const Int* ldvl, double* vr, const Int* ldvr, double* work, const Int* lwork, Int* info);
void cgeev_(const char* jobvl, const char* jobvr, const Int* n, Complex64* a, const Int* lda, Complex64* w,
            Complex64* vl, const Int* ldvl, Complex64* vr, const Int* ldvr, Complex64* work, const Int* lwork,
            float* rwork, Int* info);
void zgeev_(const char* jobvl, const char* jobvr, const Int* n, Complex128* a, const Int* lda, Complex128* w,
            Complex128* vl, const Int* ldvl, Complex128* vr, const Int* ldvr, Complex128* work, const Int* lwork,
            double* rwork, Int* info);
}
#endif

inline void gesdd(char jobz, Int m, Int n, float* a, Int lda, float* s, float* u, Int ldu, float* vt, Int ldvt,
                  float* work, Int lwork, Int* iwork, Int* info) {
  sgesdd_(&jobz, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, info);
}
inline void gesdd(char jobz, Int m, Int n, double* a, Int lda, double* s, double* u, Int ldu, double* vt, Int ldvt,
                  double* work, Int lwork, Int* iwork, Int* info) {
  dgesdd_(&jobz, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, info);
}
inline void gesvd(char job, Int m, Int n, float* a, Int lda, float* s, float* u, Int ldu, float* vt, Int ldvt,
                  float* work, Int lwork, Int* info) {
  sgesvd_(&job, &job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, info);
}
inline void gesvd(char job, Int m, Int n, double* a, Int lda, double* s, double* u, Int ldu, double* vt, Int ldvt,
                  double* work, Int lwork, Int* info) {
  dgesvd_(&job, &job, &m, &n, a, &lda, s, u, &ldu, vt, &ldvt, work, &lwork, info);
}
inline void getrf(Int m, Int n, float* a, Int* ipiv, Int* info) { sgetrf_(&m, &n, a, &m, ipiv, info); }
inline void getrf(Int m, Int n, double* a, Int* ipiv, Int* info) { dgetrf_(&m, &n, a, &m, ipiv, info); }
inline void getrs(char trans, Int n, Int nrhs, const float* a, const Int* ipiv, float* b, Int* info) {
  sgetrs_(&trans, &n, &nrhs, a, &n, ipiv, b, &n, info);
}
inline void getrs(char trans, Int n, Int nrhs, const double* a, const Int* ipiv, double* b, Int* info) {
  dgetrs_(&trans, &n, &nrhs, a, &n, ipiv, b, &n, info);
}
inline void potrf(char uplo, Int n, float* a, Int* info) { spotrf_(&uplo, &n, a, &n, info); }
inline void potrf(char uplo, Int n, double* a, Int* info) { dpotrf_(&uplo, &n, a, &n, info); }
inline void gelqf(Int m, Int n, float* a, float* tau, float* work, Int lwork, Int* info) {
  sgelqf_(&m, &n, a, &m, tau, work, &lwork, info);
}
inline void gelqf(Int m, Int n, double* a, double* tau, double* work, Int lwork, Int* info) {
  dgelqf_(&m, &n, a, &m, tau, work, &lwork, info);
}
inline void orglq(Int m, Int n, Int k, float* a, const float* tau, float* work, Int lwork, Int* info) {
  sorglq_(&m, &n, &k, a, &m, tau, work, &lwork, info);
}
inline void orglq(Int m, Int n, Int k, double* a, const double* tau, double* work, Int lwork, Int* info) {
  dorglq_(&m, &n, &k, a, &m, tau, work, &lwork, info);
}
inline void syevd(char jobz, char uplo, Int n, float* a, float* w, float* work, Int lwork, Int* iwork, Int liwork,
                  Int* info) {
  ssyevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, iwork, &liwork, info);
}
inline void syevd(char jobz, char uplo, Int n, double* a, double* w, double* work, Int lwork, Int* iwork, Int liwork,
                  Int* info) {
  dsyevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, iwork, &liwork, info);
}
inline void syev(char jobz, char uplo, Int n, float* a, float* w, float* work, Int lwork, Int* info) {
  ssyev_(&jobz, &uplo, &n, a, &n, w, work, &lwork, info);
}
inline void syev(char jobz, char uplo, Int n, double* a, double* w, double* work, Int lwork, Int* info) {
  dsyev_(&jobz, &uplo, &n, a, &n, w, work, &lwork, info);
}
// The right eigenvectors alone. Real matrices have their eigenvalues' parts in `w`, all real ones first; `rwork` is of complex
// ones.
inline void geev(char jobvr, Int n, float* a, float* w, float* vr, float* work, Int lwork, float* /*rwork*/,
                 Int* info) {
  const char none = 'N';
  const Int one = 1;
  sgeev_(&none, &jobvr, &n, a, &n, w, w + n, nullptr, &one, vr, &n, work, &lwork, info);
}
inline void geev(char jobvr, Int n, double* a, double* w, double* vr, double* work, Int lwork, double* /*rwork*/,
                 Int* info) {
  const char none = 'N';
  const Int one = 1;
  dgeev_(&none, &jobvr, &n, a, &n, w, w + n, nullptr, &one, vr, &n, work, &lwork, info);
}
inline void geev(char jobvr, Int n, Complex64* a, Complex64* w, Complex64* vr, Complex64* work, Int lwork, float* rwork,
                 Int* info) {
  const char none = 'N';
  const Int one = 1;
  cgeev_(&none, &jobvr, &n, a, &n, w, nullptr, &one, vr, &n, work, &lwork, rwork, info);
}
inline void geev(char jobvr, Int n, Complex128* a, Complex128* w, Complex128* vr, Complex128* work, Int lwork,
                 double* rwork, Int* info) {
  const char none = 'N';
  const Int one = 1;
  zgeev_(&none, &jobvr, &n, a, &n, w, nullptr, &one, vr, &n, work, &lwork, rwork, info);
}

// c = op(a) op(b), all row-major.
inline void gemm(CBLAS_TRANSPOSE of_a, CBLAS_TRANSPOSE of_b, Int m, Int n, Int k, const float* a, const float* b,
                 float* c) {
  cblas_sgemm(CblasRowMajor, of_a, of_b, m, n, k, 1.0F, a, of_a == CblasNoTrans ? k : m, b,
              of_b == CblasNoTrans ? n : k, 0.0F, c, n);
}
inline void gemm(CBLAS_TRANSPOSE of_a, CBLAS_TRANSPOSE of_b, Int m, Int n, Int k, const double* a, const double* b,
                 double* c) {
  cblas_dgemm(CblasRowMajor, of_a, of_b, m, n, k, 1.0, a, of_a == CblasNoTrans ? k : m, b, of_b == CblasNoTrans ? n : k,
              0.0, c, n);
}

// op(a) x = b in b's place, for a triangle of the row-major a.
inline void trsm(CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, Int n, Int nrhs, const float* a, float* b) {
  cblas_strsm(CblasRowMajor, CblasLeft, uplo, trans, diag, n, nrhs, 1.0F, a, n, b, nrhs);
}
inline void trsm(CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, Int n, Int nrhs, const double* a, double* b) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, uplo, trans, diag, n, nrhs, 1.0, a, n, b, nrhs);
}

}  // namespace tensorlane::cpu::lapack
