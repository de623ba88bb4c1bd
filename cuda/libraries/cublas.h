// The functions of cuBLAS and cuBLASLt, which are found at run time.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>

namespace tensorlane::cuda {

// clang-format off
#define TENSORLANE_CUBLAS_FUNCTIONS(X)                                       \
  X(cublasCreate_v2) X(cublasDestroy_v2) X(cublasSetStream_v2)               \
  X(cublasSetWorkspace_v2) X(cublasGetVersion_v2) X(cublasGetStatusString)   \
  X(cublasSgetrfBatched) X(cublasDgetrfBatched)                              \
  X(cublasSgetrsBatched) X(cublasDgetrsBatched)                              \
  X(cublasStrsm_v2) X(cublasDtrsm_v2)                                        \
  X(cublasStrsmBatched) X(cublasDtrsmBatched)

#define TENSORLANE_CUBLAS_LT_FUNCTIONS(X)                                                                          \
  X(cublasLtCreate) X(cublasLtDestroy) X(cublasLtGetVersion) X(cublasLtMatmul)                                     \
  X(cublasLtMatmulDescCreate) X(cublasLtMatmulDescDestroy) X(cublasLtMatmulDescSetAttribute)                       \
  X(cublasLtMatrixLayoutCreate) X(cublasLtMatrixLayoutDestroy) X(cublasLtMatrixLayoutSetAttribute)                 \
  X(cublasLtMatmulPreferenceCreate) X(cublasLtMatmulPreferenceDestroy) X(cublasLtMatmulPreferenceSetAttribute)     \
  X(cublasLtMatmulAlgoGetHeuristic)
// clang-format on

// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member
#define TENSORLANE_MEMBER(name) decltype(&::name) name = nullptr;
struct Cublas {
  TENSORLANE_CUBLAS_FUNCTIONS(TENSORLANE_MEMBER)
};
struct CublasLt {
  TENSORLANE_CUBLAS_LT_FUNCTIONS(TENSORLANE_MEMBER)
};
#undef TENSORLANE_MEMBER

// Errors: OutOfMemory, NotSupported, DeviceLost, else Internal.
void check(cublasStatus_t status, const char* what);

}  // namespace tensorlane::cuda
