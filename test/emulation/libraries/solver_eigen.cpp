// Symmetric eigenvalue problems: syevd, syevjBatched and XsyevBatched. Values ascend; the vectors take the matrix's
// place.
#include "libraries/jacobi.h"
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

WorkspaceBytes syevd_bytes(std::int64_t n, std::size_t element) { return workspace_bytes(n * n + 6 * n, element, 64); }
WorkspaceBytes syev_batched_bytes(std::int64_t n, std::int64_t batch, std::size_t element) {
  return workspace_bytes((n + 3) * batch, element, 32);
}
int syevj_work(int n, int batch) { return (2 * n + 1) * batch + 24; }

// What is no number has no eigenvalues.
template <typename T>
int solve_symmetric(T* a, std::int64_t n, std::int64_t lda, T* w, cusolverEigMode_t jobz, cublasFillMode_t uplo) {
  if (n == 0) return 0;
  const bool vectors = jobz == CUSOLVER_EIG_MODE_VECTOR;
  Matrix<T> matrix(n, n);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < n; ++i)
      if (uplo == CUBLAS_FILL_MODE_LOWER ? i >= j : i <= j) matrix(i, j) = a[j * lda + i];
  std::vector<T> values(static_cast<std::size_t>(n), std::numeric_limits<T>::quiet_NaN());
  int info = 0;
  const bool finite = all_finite(matrix.data);
  if (finite) info = syevd(vectors ? 'V' : 'N', letter(uplo), matrix, values);
  if (vectors && finite)
    store(matrix, a, lda);
  else
    spoil(a, n, n, lda);
  store(values, w);
  return info;
}

void check_symmetric(cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n, std::int64_t lda) {
  require(jobz == CUSOLVER_EIG_MODE_NOVECTOR || jobz == CUSOLVER_EIG_MODE_VECTOR, "a job");
  require_triangle(uplo);
  require(n >= 0 && lda >= std::max<std::int64_t>(1, n), "n of at least 0 and lda of at least max(1, n)");
}

void check_syev_batched(cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n, std::int64_t lda,
                        std::int64_t batch) {
  check_symmetric(jobz, uplo, n, lda);
  require(batch >= 0, "a batch of at least 0");
  require(batch == 0 || n == 0 || lda <= std::numeric_limits<std::int32_t>::max() / n / batch,
          "n * lda * batch of at most 2^31 - 1");
}

template <typename T>
cusolverStatus_t syevj_batched(const char* name, cusolverDnHandle_t handle, cusolverEigMode_t jobz,
                               cublasFillMode_t uplo, int n, T* a, int lda, T* w, T* work, int lwork, int* info,
                               syevjInfo_t params, int batch) {
  return solver_call(name, handle, [&] {
    require(params != nullptr, "a syevjInfo");
    check_symmetric(jobz, uplo, n, lda);
    check_matrix(a, n, n, lda, "A", batch, std::int64_t{lda} * n);
    check_vector(w, std::int64_t{n} * batch, "W");
    check_vector(info, batch, "info");
    const int needed = syevj_work(n, batch);
    check_work(work, lwork, needed);
    submit(handle->stream,
           [=, a = emulation::on_device(a), w = emulation::on_device(w), work = emulation::on_device(work),
            info = emulation::on_device(info), sweeps = params->settings.max_sweeps] {
             scribble(work, static_cast<std::size_t>(needed) * sizeof(T));
             for (std::int64_t i = 0; i < batch; ++i) {
               info[i] = solve_symmetric(a + i * lda * n, n, lda, w + i * n, jobz, uplo);
               if (sweeps == 0 && n > 1) info[i] = n + 1;
             }
           });
  });
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXsyevd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n,
                                             cudaDataType dataTypeA, const void*, std::int64_t lda,
                                             cudaDataType dataTypeW, const void*, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXsyevd_bufferSize", handle, [&] {
    require_params(params);
    check_symmetric(jobz, uplo, n, lda);
    with_type({dataTypeA, dataTypeW, computeType},
              [&](auto zero) { give(syevd_bytes(n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost); });
  });
}

cusolverStatus_t cusolverDnXsyevd(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                  cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA, void* A,
                                  std::int64_t lda, cudaDataType dataTypeW, void* W, cudaDataType computeType,
                                  void* bufferOnDevice, std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                  std::size_t workspaceInBytesOnHost, int* info) {
  return solver_call("cusolverDnXsyevd", handle, [&] {
    require_params(params);
    check_symmetric(jobz, uplo, n, lda);
    with_type({dataTypeA, dataTypeW, computeType}, [&](auto zero) {
      using T = decltype(zero);
      T* const given = static_cast<T*>(A);
      T* const values = static_cast<T*>(W);
      check_matrix(given, n, n, lda, "A");
      check_vector(values, n, "W");
      check_vector(info, 1, "info");
      const WorkspaceBytes needed = syevd_bytes(n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      submit_and_wait(handle->stream, [=, a = emulation::on_device(given), w = emulation::on_device(values),
                                       work = emulation::on_device(bufferOnDevice), info = emulation::on_device(info)] {
        scribble(work, needed.device);
        *info = solve_symmetric(a, n, lda, w, jobz, uplo);
      });
    });
  });
}

cusolverStatus_t cusolverDnXsyevBatched_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                                   cusolverEigMode_t jobz, cublasFillMode_t uplo, std::int64_t n,
                                                   cudaDataType dataTypeA, const void*, std::int64_t lda,
                                                   cudaDataType dataTypeW, const void*, cudaDataType computeType,
                                                   std::size_t* workspaceInBytesOnDevice,
                                                   std::size_t* workspaceInBytesOnHost, std::int64_t batchSize) {
  return solver_call("cusolverDnXsyevBatched_bufferSize", handle, [&] {
    require_params(params);
    check_syev_batched(jobz, uplo, n, lda, batchSize);
    with_type({dataTypeA, dataTypeW, computeType}, [&](auto zero) {
      give(syev_batched_bytes(n, batchSize, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost);
    });
  });
}

cusolverStatus_t cusolverDnXsyevBatched(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                        cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA, void* A,
                                        std::int64_t lda, cudaDataType dataTypeW, void* W, cudaDataType computeType,
                                        void* bufferOnDevice, std::size_t workspaceInBytesOnDevice, void* bufferOnHost,
                                        std::size_t workspaceInBytesOnHost, int* info, std::int64_t batchSize) {
  return solver_call("cusolverDnXsyevBatched", handle, [&] {
    require_params(params);
    check_syev_batched(jobz, uplo, n, lda, batchSize);
    with_type({dataTypeA, dataTypeW, computeType}, [&](auto zero) {
      using T = decltype(zero);
      T* const given = static_cast<T*>(A);
      T* const values = static_cast<T*>(W);
      check_matrix(given, n, n, lda, "A", batchSize, lda * n);
      check_vector(values, n * batchSize, "W");
      check_vector(info, batchSize, "info");
      const WorkspaceBytes needed = syev_batched_bytes(n, batchSize, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      submit(handle->stream, [=, a = emulation::on_device(given), w = emulation::on_device(values),
                              work = emulation::on_device(bufferOnDevice), info = emulation::on_device(info)] {
        scribble(work, needed.device);
        for (std::int64_t i = 0; i < batchSize; ++i)
          info[i] = solve_symmetric(a + i * lda * n, n, lda, w + i * n, jobz, uplo);
      });
    });
  });
}

#define EMULATION_SYEVJ(P, T)                                                                                         \
  cusolverStatus_t cusolverDn##P##syevjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t jobz,          \
                                                          cublasFillMode_t uplo, int n, const T*, int lda, const T*,  \
                                                          int* lwork, syevjInfo_t params, int batchSize) {            \
    return solver_call("cusolverDn" #P "syevjBatched_bufferSize", handle, [&] {                                       \
      require(params != nullptr, "a syevjInfo");                                                                      \
      check_symmetric(jobz, uplo, n, lda);                                                                            \
      give(syevj_work(n, batchSize), lwork);                                                                          \
    });                                                                                                               \
  }                                                                                                                   \
  cusolverStatus_t cusolverDn##P##syevjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz,                     \
                                               cublasFillMode_t uplo, int n, T* A, int lda, T* W, T* work, int lwork, \
                                               int* info, syevjInfo_t params, int batchSize) {                        \
    return syevj_batched("cusolverDn" #P "syevjBatched", handle, jobz, uplo, n, A, lda, W, work, lwork, info, params, \
                         batchSize);                                                                                  \
  }
EMULATION_SYEVJ(S, float)
EMULATION_SYEVJ(D, double)
#undef EMULATION_SYEVJ
}
