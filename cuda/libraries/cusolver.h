// The functions of cuSOLVER, which is found at run time.
#pragma once

#include <cusolverDn.h>

namespace tensorlane::cuda {

// clang-format off
#define TENSORLANE_CUSOLVER_FUNCTIONS(X)                                                                               \
  X(cusolverGetVersion)                                                                                                \
  X(cusolverDnCreate) X(cusolverDnDestroy) X(cusolverDnSetStream)                                                      \
  X(cusolverDnCreateParams) X(cusolverDnDestroyParams) X(cusolverDnSetAdvOptions)                                      \
  X(cusolverDnXgetrf) X(cusolverDnXgetrf_bufferSize) X(cusolverDnXgetrs)                                               \
  X(cusolverDnXgeqrf) X(cusolverDnXgeqrf_bufferSize)                                                                   \
  X(cusolverDnSorgqr) X(cusolverDnSorgqr_bufferSize) X(cusolverDnDorgqr) X(cusolverDnDorgqr_bufferSize)                \
  X(cusolverDnXpotrf) X(cusolverDnXpotrf_bufferSize) X(cusolverDnSpotrfBatched) X(cusolverDnDpotrfBatched)             \
  X(cusolverDnXsyevd) X(cusolverDnXsyevd_bufferSize)                                                                   \
  X(cusolverDnCreateSyevjInfo) X(cusolverDnDestroySyevjInfo)                                                           \
  X(cusolverDnXsyevjSetTolerance) X(cusolverDnXsyevjSetMaxSweeps) X(cusolverDnXsyevjSetSortEig)                        \
  X(cusolverDnSsyevjBatched) X(cusolverDnSsyevjBatched_bufferSize)                                                     \
  X(cusolverDnDsyevjBatched) X(cusolverDnDsyevjBatched_bufferSize)                                                     \
  X(cusolverDnXgesvd) X(cusolverDnXgesvd_bufferSize)                                                                   \
  X(cusolverDnCreateGesvdjInfo) X(cusolverDnDestroyGesvdjInfo)                                                         \
  X(cusolverDnXgesvdjSetTolerance) X(cusolverDnXgesvdjSetMaxSweeps) X(cusolverDnXgesvdjSetSortEig)                     \
  X(cusolverDnXgesvdjGetSweeps) X(cusolverDnXgesvdjGetResidual)                                                        \
  X(cusolverDnSgesvdj) X(cusolverDnSgesvdj_bufferSize) X(cusolverDnDgesvdj) X(cusolverDnDgesvdj_bufferSize)            \
  X(cusolverDnSgesvdjBatched) X(cusolverDnSgesvdjBatched_bufferSize)                                                   \
  X(cusolverDnDgesvdjBatched) X(cusolverDnDgesvdjBatched_bufferSize)                                                   \
  X(cusolverDnXgesvdp) X(cusolverDnXgesvdp_bufferSize)                                                                 \
  X(cusolverDnXgesvdr) X(cusolverDnXgesvdr_bufferSize)                                                                 \
  X(cusolverDnSgesvdaStridedBatched) X(cusolverDnSgesvdaStridedBatched_bufferSize)                                     \
  X(cusolverDnDgesvdaStridedBatched) X(cusolverDnDgesvdaStridedBatched_bufferSize)

// Since CUDA 12.6.2: older headers do not declare them, older libraries do not have them, and then they are null.
#if CUSOLVER_VERSION >= 11701
#define TENSORLANE_SYEV_BATCHED 1
#define TENSORLANE_CUSOLVER_OPTIONAL_FUNCTIONS(X) X(cusolverDnXsyevBatched) X(cusolverDnXsyevBatched_bufferSize)
#else
#define TENSORLANE_SYEV_BATCHED 0
#define TENSORLANE_CUSOLVER_OPTIONAL_FUNCTIONS(X)
#endif
// clang-format on

// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member
#define TENSORLANE_MEMBER(name) decltype(&::name) name = nullptr;
struct Cusolver {
  TENSORLANE_CUSOLVER_FUNCTIONS(TENSORLANE_MEMBER)
  TENSORLANE_CUSOLVER_OPTIONAL_FUNCTIONS(TENSORLANE_MEMBER)
};
#undef TENSORLANE_MEMBER

// Errors: OutOfMemory, NotSupported, DeviceLost, else Internal.
void check(cusolverStatus_t status, const char* what);

}  // namespace tensorlane::cuda
