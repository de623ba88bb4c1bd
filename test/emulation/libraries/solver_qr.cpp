// geqrf, and orgqr for m >= n >= k.
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

WorkspaceBytes geqrf_bytes(std::int64_t n, std::size_t element) { return workspace_bytes(32 * n, element, 0); }
int orgqr_work(int n) { return 32 * n + 8; }

void check_orgqr(int m, int n, int k, int lda) {
  require(m >= n && n >= k && k >= 0, "m >= n >= k >= 0");
  require(lda >= std::max(1, m), "lda of at least max(1, m)");
}

template <typename T>
cusolverStatus_t run_orgqr(const char* name, cusolverDnHandle_t handle, int m, int n, int k, T* a, int lda,
                           const T* tau, T* work, int lwork, int* info) {
  return solver_call(name, handle, [&] {
    check_orgqr(m, n, k, lda);
    check_matrix(a, m, n, lda, "A");
    check_vector(tau, k, "tau");
    check_vector(info, 1, "info");
    check_work(work, lwork, orgqr_work(n));
    submit(handle->stream, [=, a = emulation::on_device(a), tau = emulation::on_device(tau),
                            work = emulation::on_device(work), info = emulation::on_device(info)] {
      scribble(work, static_cast<std::size_t>(orgqr_work(n)) * sizeof(T));
      Matrix<T> q = load<T>(a, m, n, lda);
      if (n > 0) orgqr(q, std::vector<T>(tau, tau + k));
      store(q, a, lda);
      *info = 0;
    });
  });
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXgeqrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m,
                                             std::int64_t n, cudaDataType dataTypeA, const void*, std::int64_t lda,
                                             cudaDataType dataTypeTau, const void*, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXgeqrf_bufferSize", handle, [&] {
    require_params(params);
    require(m >= 0 && n >= 0 && lda >= std::max<std::int64_t>(1, m),
            "sizes of at least 0 and lda of at least max(1, m)");
    with_type({dataTypeA, dataTypeTau, computeType},
              [&](auto zero) { give(geqrf_bytes(n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost); });
  });
}

cusolverStatus_t cusolverDnXgeqrf(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m, std::int64_t n,
                                  cudaDataType dataTypeA, void* A, std::int64_t lda, cudaDataType dataTypeTau,
                                  void* tau, cudaDataType computeType, void* bufferOnDevice,
                                  std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                  std::size_t workspaceInBytesOnHost, int* info) {
  return solver_call("cusolverDnXgeqrf", handle, [&] {
    require_params(params);
    with_type({dataTypeA, dataTypeTau, computeType}, [&](auto zero) {
      using T = decltype(zero);
      T* const given = static_cast<T*>(A);
      T* const factors = static_cast<T*>(tau);
      check_matrix(given, m, n, lda, "A");
      check_vector(factors, std::min(m, n), "tau");
      check_vector(info, 1, "info");
      const WorkspaceBytes needed = geqrf_bytes(n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      submit(handle->stream, [=, a = emulation::on_device(given), factors = emulation::on_device(factors),
                              work = emulation::on_device(bufferOnDevice), info = emulation::on_device(info)] {
        scribble(work, needed.device);
        Matrix<T> qr = load<T>(a, m, n, lda);
        std::vector<T> found(static_cast<std::size_t>(std::min(m, n)));
        if (!found.empty()) geqrf(qr, found);
        store(qr, a, lda);
        store(found, factors);
        *info = 0;
      });
    });
  });
}

#define EMULATION_ORGQR(P, T)                                                                                         \
  cusolverStatus_t cusolverDn##P##orgqr_bufferSize(cusolverDnHandle_t handle, int m, int n, int k, const T*, int lda, \
                                                   const T*, int* lwork) {                                            \
    return solver_call("cusolverDn" #P "orgqr_bufferSize", handle, [&] {                                              \
      check_orgqr(m, n, k, lda);                                                                                      \
      give(orgqr_work(n), lwork);                                                                                     \
    });                                                                                                               \
  }                                                                                                                   \
  cusolverStatus_t cusolverDn##P##orgqr(cusolverDnHandle_t handle, int m, int n, int k, T* A, int lda, const T* tau,  \
                                        T* work, int lwork, int* info) {                                              \
    return run_orgqr("cusolverDn" #P "orgqr", handle, m, n, k, A, lda, tau, work, lwork, info);                       \
  }
EMULATION_ORGQR(S, float)
EMULATION_ORGQR(D, double)
#undef EMULATION_ORGQR
}
