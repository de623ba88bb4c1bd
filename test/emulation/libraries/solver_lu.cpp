// getrf and getrs (pivots of 64 bits, 1-based), potrf and potrfBatched.
#include "libraries/lu.h"
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

WorkspaceBytes getrf_bytes(std::int64_t m, std::int64_t n, std::size_t element) {
  return workspace_bytes(m + 32 * n, element, 0);
}

WorkspaceBytes potrf_bytes(std::int64_t n, std::size_t element) { return workspace_bytes(64 * n, element, 0); }

// Only the triangle is read and written.
template <typename T>
int factor_triangle(T* a, std::int64_t n, std::int64_t lda, cublasFillMode_t uplo) {
  const bool lower = uplo == CUBLAS_FILL_MODE_LOWER;
  const auto inside = [&](std::int64_t i, std::int64_t j) { return lower ? i >= j : i <= j; };
  if (n == 0) return 0;
  Matrix<T> matrix(n, n);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < n; ++i)
      if (inside(i, j)) matrix(i, j) = a[j * lda + i];
  const int info = potrf(letter(uplo), matrix);
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < n; ++i)
      if (inside(i, j)) a[j * lda + i] = matrix(i, j);
  return info;
}

template <typename T>
cusolverStatus_t potrf_batched(const char* name, cusolverDnHandle_t handle, cublasFillMode_t uplo, int n,
                               T* const array[], int lda, int* info, int batch) {
  return solver_call(name, handle, [&] {
    require_triangle(uplo);
    require(n >= 0 && batch >= 0 && lda >= std::max(1, n), "sizes of at least 0 and lda of at least max(1, n)");
    if (batch == 0) return;
    check_vector(array, batch, "Aarray");
    check_vector(info, batch, "infoArray");
    submit(handle->stream,
           [=, device = handle->device, array = emulation::on_device(array), info = emulation::on_device(info)] {
             for (int i = 0; i < batch; ++i) {
               T* const matrix = array[i];
               const std::int64_t elements = n == 0 ? 0 : std::int64_t{n - 1} * lda + n;
               if (n > 0 && !emulation::is_device_memory(matrix, static_cast<std::size_t>(elements) * sizeof(T))) {
                 complain(name, "an address in Aarray is not of the device's memory");
                 emulation::fail_device(device, cudaErrorIllegalAddress);
                 return;
               }
               info[i] = factor_triangle(emulation::on_device(matrix), n, lda, uplo);
             }
           });
  });
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXgetrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m,
                                             std::int64_t n, cudaDataType dataTypeA, const void*, std::int64_t lda,
                                             cudaDataType computeType, std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXgetrf_bufferSize", handle, [&] {
    require_params(params);
    require(m >= 0 && n >= 0 && lda >= std::max<std::int64_t>(1, m),
            "sizes of at least 0 and lda of at least max(1, m)");
    with_type({dataTypeA, computeType}, [&](auto zero) {
      give(getrf_bytes(m, n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost);
    });
  });
}

cusolverStatus_t cusolverDnXgetrf(cusolverDnHandle_t handle, cusolverDnParams_t params, std::int64_t m, std::int64_t n,
                                  cudaDataType dataTypeA, void* A, std::int64_t lda, std::int64_t* ipiv,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info) {
  return solver_call("cusolverDnXgetrf", handle, [&] {
    require_params(params);
    with_type({dataTypeA, computeType}, [&](auto zero) {
      using T = decltype(zero);
      T* const given = static_cast<T*>(A);
      check_matrix(given, m, n, lda, "A");
      if (ipiv != nullptr) check_vector(ipiv, std::min(m, n), "ipiv");
      check_vector(info, 1, "info");
      const WorkspaceBytes needed = getrf_bytes(m, n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      submit(handle->stream, [=, a = emulation::on_device(given), pivots = emulation::on_device(ipiv),
                              work = emulation::on_device(bufferOnDevice), info = emulation::on_device(info)] {
        scribble(work, needed.device);
        Matrix<T> lu = load<T>(a, m, n, lda);
        std::vector<Int> found(static_cast<std::size_t>(std::min(m, n)));
        *info = factor(lu, pivots != nullptr ? &found : nullptr);
        store(lu, a, lda);
        if (pivots != nullptr) store(std::vector<std::int64_t>(found.begin(), found.end()), pivots);
      });
    });
  });
}

cusolverStatus_t cusolverDnXgetrs(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasOperation_t trans,
                                  std::int64_t n, std::int64_t nrhs, cudaDataType dataTypeA, const void* A,
                                  std::int64_t lda, const std::int64_t* ipiv, cudaDataType dataTypeB, void* B,
                                  std::int64_t ldb, int* info) {
  return solver_call("cusolverDnXgetrs", handle, [&] {
    require_params(params);
    require(trans == CUBLAS_OP_N || trans == CUBLAS_OP_T || trans == CUBLAS_OP_C, "an operation N, T or C");
    with_type({dataTypeA, dataTypeB}, [&](auto zero) {
      using T = decltype(zero);
      const T* const given = static_cast<const T*>(A);
      T* const right = static_cast<T*>(B);
      check_matrix(given, n, n, lda, "A");
      check_matrix(right, n, nrhs, ldb, "B");
      if (ipiv != nullptr) check_vector(ipiv, n, "ipiv");
      check_vector(info, 1, "info");
      submit(handle->stream, [=, a = emulation::on_device(given), b = emulation::on_device(right),
                              pivots = emulation::on_device(ipiv), info = emulation::on_device(info)] {
        std::vector<Int> own;
        for (std::int64_t i = 0; pivots != nullptr && i < n; ++i) own.push_back(static_cast<Int>(pivots[i]));
        Matrix<T> x = load<T>(b, n, nrhs, ldb);
        solve_with(load<T>(a, n, n, lda), own, trans != CUBLAS_OP_N, x);
        store(x, b, ldb);
        *info = 0;
      });
    });
  });
}

cusolverStatus_t cusolverDnXpotrf_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params,
                                             cublasFillMode_t uplo, std::int64_t n, cudaDataType dataTypeA, const void*,
                                             std::int64_t lda, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXpotrf_bufferSize", handle, [&] {
    require_params(params);
    require_triangle(uplo);
    require(n >= 0 && lda >= std::max<std::int64_t>(1, n), "n of at least 0 and lda of at least max(1, n)");
    with_type({dataTypeA, computeType},
              [&](auto zero) { give(potrf_bytes(n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost); });
  });
}

cusolverStatus_t cusolverDnXpotrf(cusolverDnHandle_t handle, cusolverDnParams_t params, cublasFillMode_t uplo,
                                  std::int64_t n, cudaDataType dataTypeA, void* A, std::int64_t lda,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info) {
  return solver_call("cusolverDnXpotrf", handle, [&] {
    require_params(params);
    require_triangle(uplo);
    with_type({dataTypeA, computeType}, [&](auto zero) {
      using T = decltype(zero);
      T* const given = static_cast<T*>(A);
      check_matrix(given, n, n, lda, "A");
      check_vector(info, 1, "info");
      const WorkspaceBytes needed = potrf_bytes(n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      submit(handle->stream, [=, a = emulation::on_device(given), work = emulation::on_device(bufferOnDevice),
                              info = emulation::on_device(info)] {
        scribble(work, needed.device);
        *info = factor_triangle(a, n, lda, uplo);
      });
    });
  });
}

cusolverStatus_t cusolverDnSpotrfBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, float* Aarray[],
                                         int lda, int* infoArray, int batchSize) {
  return potrf_batched("cusolverDnSpotrfBatched", handle, uplo, n, Aarray, lda, infoArray, batchSize);
}

cusolverStatus_t cusolverDnDpotrfBatched(cusolverDnHandle_t handle, cublasFillMode_t uplo, int n, double* Aarray[],
                                         int lda, int* infoArray, int batchSize) {
  return potrf_batched("cusolverDnDpotrfBatched", handle, uplo, n, Aarray, lda, infoArray, batchSize);
}
}
