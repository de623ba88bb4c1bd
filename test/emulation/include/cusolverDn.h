// The part of cuSOLVER's dense solvers (CUDA 13) that this project uses, for the emulation: real names, signatures and
// values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cusolver_common.h"

typedef struct cusolverDnContext* cusolverDnHandle_t;
typedef struct cusolverDnParams* cusolverDnParams_t;
typedef struct gesvdjInfo* gesvdjInfo_t;
typedef struct syevjInfo* syevjInfo_t;

typedef enum { CUSOLVERDN_GETRF = 0, CUSOLVERDN_POTRF = 1, CUSOLVERDN_SYEVBATCHED = 2 } cusolverDnFunction_t;

#pragma GCC visibility push(default)
extern "C" {
cusolverStatus_t cusolverDnCreate(cusolverDnHandle_t* handle);
cusolverStatus_t cusolverDnDestroy(cusolverDnHandle_t handle);
cusolverStatus_t cusolverDnSetStream(cusolverDnHandle_t handle, cudaStream_t streamId);
cusolverStatus_t cusolverDnCreateParams(cusolverDnParams_t* params);
cusolverStatus_t cusolverDnDestroyParams(cusolverDnParams_t params);
cusolverStatus_t cusolverDnSetAdvOptions(cusolverDnParams_t params, cusolverDnFunction_t function,
                                         cusolverAlgMode_t algo);
cusolverStatus_t cusolverDnCreateGesvdjInfo(gesvdjInfo_t* info);
cusolverStatus_t cusolverDnDestroyGesvdjInfo(gesvdjInfo_t info);
cusolverStatus_t cusolverDnXgesvdjSetTolerance(gesvdjInfo_t info, double tolerance);
cusolverStatus_t cusolverDnXgesvdjSetMaxSweeps(gesvdjInfo_t info, int max_sweeps);
cusolverStatus_t cusolverDnXgesvdjSetSortEig(gesvdjInfo_t info, int sort_svd);
cusolverStatus_t cusolverDnXgesvdjGetSweeps(cusolverDnHandle_t handle, gesvdjInfo_t info, int* executed_sweeps);
cusolverStatus_t cusolverDnXgesvdjGetResidual(cusolverDnHandle_t handle, gesvdjInfo_t info, double* residual);
cusolverStatus_t cusolverDnCreateSyevjInfo(syevjInfo_t* info);
cusolverStatus_t cusolverDnDestroySyevjInfo(syevjInfo_t info);
cusolverStatus_t cusolverDnXsyevjSetTolerance(syevjInfo_t info, double tolerance);
cusolverStatus_t cusolverDnXsyevjSetMaxSweeps(syevjInfo_t info, int max_sweeps);
cusolverStatus_t cusolverDnXsyevjSetSortEig(syevjInfo_t info, int sort_eig);
cusolverStatus_t cusolverDnXgetrs(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasOperation_t trans,
                                  std::int64_t n, std::int64_t nrhs, cudaDataType dataTypeA, const void* A,
                                  std::int64_t lda, const std::int64_t* ipiv, cudaDataType dataTypeB, void* B,
                                  std::int64_t ldb, int* info);
cusolverStatus_t cusolverDnSpotrfBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, float* Aarray[],
                                         int lda, int* infoArray, int batchSize);
cusolverStatus_t cusolverDnDpotrfBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, double* Aarray[],
                                         int lda, int* infoArray, int batchSize);

cusolverStatus_t cusolverDnXgetrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m,
                                             std::int64_t n, cudaDataType dataTypeA, const void* A, std::int64_t lda,
                                             cudaDataType computeType, std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXgetrf(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m, std::int64_t n,
                                  cudaDataType dataTypeA, void* A, std::int64_t lda, std::int64_t* ipiv,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info);

cusolverStatus_t cusolverDnXgeqrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m,
                                             std::int64_t n, cudaDataType dataTypeA, const void* A, std::int64_t lda,
                                             cudaDataType dataTypeTau, const void* tau, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXgeqrf(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m, std::int64_t n,
                                  cudaDataType dataTypeA, void* A, std::int64_t lda, cudaDataType dataTypeTau,
                                  void* tau, cudaDataType computeType, void* bufferOnDevice,
                                  std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                  std::size_t workspaceInBytesOnHost, int* info);

cusolverStatus_t cusolverDnSorgqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const float* A, int lda,
                                             const float* tau, int* lwork);
cusolverStatus_t cusolverDnSorgqr(cusolverDnHandle_t handle, int m, int n, int k, float* A, int lda, const float* tau,
                                  float* work, int lwork, int* info);

cusolverStatus_t cusolverDnDorgqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const double* A, int lda,
                                             const double* tau, int* lwork);
cusolverStatus_t cusolverDnDorgqr(cusolverDnHandle_t handle, int m, int n, int k, double* A, int lda, const double* tau,
                                  double* work, int lwork, int* info);

cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA,
                                             const void* A, std::int64_t lda, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasFillMode_t uplo,
                                  std::int64_t n, cudaDataType dataTypeA, void* A, std::int64_t lda,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info);

cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n,
                                             cudaDataType dataTypeA, const void* A, std::int64_t lda,
                                             cudaDataType dataTypeW, const void* W, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                  cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA, void* A,
                                  std::int64_t lda, cudaDataType dataTypeW, void* W, cudaDataType computeType,
                                  void* bufferOnDevice, std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                  std::size_t workspaceInBytesOnHost, int* info);

cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                                   cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n,
                                                   cudaDataType dataTypeA, const void* A, std::int64_t lda,
                                                   cudaDataType dataTypeW, const void* W, cudaDataType computeType,
                                                   std::size_t* workspaceInBytesOnDevice,
                                                   std::size_t* workspaceInBytesOnHost, std::int64_t batchSize);
cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                        cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA, void* A,
                                        std::int64_t lda, cudaDataType dataTypeW, void* W, cudaDataType computeType,
                                        void* bufferOnDevice, std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                        std::size_t workspaceInBytesOnHost, int* info, std::int64_t batchSize);

cusolverStatus_t cusolverDnXgesvd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                             signed char jobvt, std::int64_t m, std::int64_t n, cudaDataType dataTypeA,
                                             const void* A, std::int64_t lda, cudaDataType dataTypeS, const void* S,
                                             cudaDataType dataTypeU, const void* U, std::int64_t ldu,
                                             cudaDataType dataTypeVT, const void* VT, std::int64_t ldvt,
                                             cudaDataType computeType, std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXgesvd(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                  signed char jobvt, std::int64_t m, std::int64_t n, cudaDataType dataTypeA, void* A,
                                  std::int64_t lda, cudaDataType dataTypeS, void* S, cudaDataType dataTypeU, void* U,
                                  std::int64_t ldu, cudaDataType dataTypeVT, void* VT, std::int64_t ldvt,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info);

cusolverStatus_t cusolverDnSgesvdj_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n,
                                              const float* A, int lda, const float* S, const float* U, int ldu,
                                              const float* V, int ldv, int* lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnSgesvdj(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n, float* A,
                                   int lda, float* S, float* U, int ldu, float* V, int ldv, float* work, int lwork,
                                   int* info, gesvdjInfo_t params);

cusolverStatus_t cusolverDnDgesvdj_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n,
                                              const double* A, int lda, const double* S, const double* U, int ldu,
                                              const double* V, int ldv, int* lwork, gesvdjInfo_t params);
cusolverStatus_t cusolverDnDgesvdj(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n, double* A,
                                   int lda, double* S, double* U, int ldu, double* V, int ldv, double* work, int lwork,
                                   int* info, gesvdjInfo_t params);

cusolverStatus_t cusolverDnSgesvdjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n,
                                                     const float* A, int lda, const float* S, const float* U, int ldu,
                                                     const float* V, int ldv, int* lwork, gesvdjInfo_t params,
                                                     int batchSize);
cusolverStatus_t cusolverDnSgesvdjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n, float* A,
                                          int lda, float* S, float* U, int ldu, float* V, int ldv, float* work,
                                          int lwork, int* info, gesvdjInfo_t params, int batchSize);

cusolverStatus_t cusolverDnDgesvdjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n,
                                                     const double* A, int lda, const double* S, const double* U,
                                                     int ldu, const double* V, int ldv, int* lwork, gesvdjInfo_t params,
                                                     int batchSize);
cusolverStatus_t cusolverDnDgesvdjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n, double* A,
                                          int lda, double* S, double* U, int ldu, double* V, int ldv, double* work,
                                          int lwork, int* info, gesvdjInfo_t params, int batchSize);

cusolverStatus_t cusolverDnXgesvdp_bufferSize(
    cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz, int econ, std::int64_t m,
    std::int64_t n, cudaDataType dataTypeA, const void* A, std::int64_t lda, cudaDataType dataTypeS, const void* S,
    cudaDataType dataTypeU, const void* U, std::int64_t ldu, cudaDataType dataTypeV, const void* V, std::int64_t ldv,
    cudaDataType computeType, std::size_t* workspaceInBytesOnDevice, std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXgesvdp(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                   int econ, std::int64_t m, std::int64_t n, cudaDataType dataTypeA, void* A,
                                   std::int64_t lda, cudaDataType dataTypeS, void* S, cudaDataType dataTypeU, void* U,
                                   std::int64_t ldu, cudaDataType dataTypeV, void* V, std::int64_t ldv,
                                   cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                   void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* d_info,
                                   double* h_err_sigma);

cusolverStatus_t cusolverDnXgesvdr_bufferSize(
    cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu, signed char jobv, std::int64_t m,
    std::int64_t n, std::int64_t k, std::int64_t p, std::int64_t niters, cudaDataType dataTypeA, const void* A,
    std::int64_t lda, cudaDataType dataTypeSrand, const void* Srand, cudaDataType dataTypeUrand, const void* Urand,
    std::int64_t ldUrand, cudaDataType dataTypeVrand, const void* Vrand, std::int64_t ldVrand, cudaDataType computeType,
    std::size_t* workspaceInBytesOnDevice, std::size_t* workspaceInBytesOnHost);
cusolverStatus_t cusolverDnXgesvdr(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                   signed char jobv, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t p,
                                   std::int64_t niters, cudaDataType dataTypeA, void* A, std::int64_t lda,
                                   cudaDataType dataTypeSrand, void* Srand, cudaDataType dataTypeUrand, void* Urand,
                                   std::int64_t ldUrand, cudaDataType dataTypeVrand, void* Vrand, std::int64_t ldVrand,
                                   cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                   void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* d_info);

cusolverStatus_t cusolverDnSgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int rank,
                                                            int m, int n, const float* d_A, int lda,
                                                            long long int strideA, const float* d_S,
                                                            long long int strideS, const float* d_U, int ldu,
                                                            long long int strideU, const float* d_V, int ldv,
                                                            long long int strideV, int* lwork, int batchSize);
cusolverStatus_t cusolverDnSgesvdaStridedBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int rank, int m,
                                                 int n, const float* d_A, int lda, long long int strideA, float* d_S,
                                                 long long int strideS, float* d_U, int ldu, long long int strideU,
                                                 float* d_V, int ldv, long long int strideV, float* d_work, int lwork,
                                                 int* d_info, double* h_R_nrmF, int batchSize);

cusolverStatus_t cusolverDnDgesvdaStridedBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int rank,
                                                            int m, int n, const double* d_A, int lda,
                                                            long long int strideA, const double* d_S,
                                                            long long int strideS, const double* d_U, int ldu,
                                                            long long int strideU, const double* d_V, int ldv,
                                                            long long int strideV, int* lwork, int batchSize);
cusolverStatus_t cusolverDnDgesvdaStridedBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int rank, int m,
                                                 int n, const double* d_A, int lda, long long int strideA, double* d_S,
                                                 long long int strideS, double* d_U, int ldu, long long int strideU,
                                                 double* d_V, int ldv, long long int strideV, double* d_work, int lwork,
                                                 int* d_info, double* h_R_nrmF, int batchSize);

cusolverStatus_t cusolverDnSsyevjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz,
                                                    cublasFillMode_t uplo, int n, const float* A, int lda,
                                                    const float* W, int* lwork, syevjInfo_t params, int batchSize);
cusolverStatus_t cusolverDnSsyevjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, cublasFillMode_t uplo,
                                         int n, float* A, int lda, float* W, float* work, int lwork, int* info,
                                         syevjInfo_t params, int batchSize);

cusolverStatus_t cusolverDnDsyevjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz,
                                                    cublasFillMode_t uplo, int n, const double* A, int lda,
                                                    const double* W, int* lwork, syevjInfo_t params, int batchSize);
cusolverStatus_t cusolverDnDsyevjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, cublasFillMode_t uplo,
                                         int n, double* A, int lda, double* W, double* work, int lwork, int* info,
                                         syevjInfo_t params, int batchSize);
}
#pragma GCC visibility pop
