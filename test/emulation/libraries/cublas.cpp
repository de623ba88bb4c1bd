// The emulated cuBLAS: column-major, pivots 1-based, matrices of a batch by an array of addresses in the device's
// memory.
#include <cublas_v2.h>

#include "libraries/cublas_status.h"
#include "libraries/handle.h"
#include "libraries/lu.h"

using namespace emulation::libraries;

struct cublasContext : Handle {};

namespace {

constexpr std::size_t kScribbled = 64 * 1024;

cublasStatus_t with(const char* name, cublasHandle_t handle, const auto& body) {
  return call<cublasStatus_t>(name, [&] {
    const InUse in_use(handle);
    body();
  });
}

// Work may use the workspace that was set.
void submit_work(cublasHandle_t handle, std::function<void()> work) {
  submit(handle->stream, [work = std::move(work), workspace = emulation::on_device(handle->workspace),
                          bytes = std::min(handle->workspace_bytes, kScribbled)] {
    scribble(workspace, bytes);
    work();
  });
}

// The matrix that an array in the device's memory names. An address that is none is the end of the device.
template <typename T>
T* matrix_of(int device, T* const* array, std::int64_t index, std::int64_t elements) {
  T* const given = array[index];
  if (elements > 0 && !emulation::is_device_memory(given, static_cast<std::size_t>(elements) * sizeof(T))) {
    complain("cuBLAS", "an address in an array of a batch is not of the device's memory");
    emulation::fail_device(device, cudaErrorIllegalAddress);
    return nullptr;
  }
  return emulation::on_device(given);
}

std::int64_t extent(std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  return rows == 0 || columns == 0 ? 0 : (columns - 1) * ld + rows;
}

void check_batch(int n, int lda, int batch) {
  require(n >= 0 && batch >= 0, "n and batchSize of at least 0");
  require(lda >= std::max(1, n), "a leading dimension of at least max(1, n)");
}

template <typename T>
cublasStatus_t getrf_batched(const char* name, cublasHandle_t handle, int n, T* const a[], int lda, int* pivots,
                             int* info, int batch) {
  return with(name, handle, [&] {
    check_batch(n, lda, batch);
    if (batch == 0) return;
    check_vector(a, batch, "A");
    check_vector(info, batch, "info");
    if (pivots != nullptr) check_vector(pivots, std::int64_t{n} * batch, "P");
    submit_work(handle, [=, device = handle->device, a = emulation::on_device(a), pivots = emulation::on_device(pivots),
                         info = emulation::on_device(info)] {
      for (int i = 0; i < batch; ++i) {
        T* const matrix = matrix_of(device, a, i, extent(n, n, lda));
        if (matrix == nullptr && n > 0) return;
        Matrix<T> lu = load<T>(matrix, n, n, lda);
        std::vector<Int> found(static_cast<std::size_t>(n));
        info[i] = factor(lu, pivots != nullptr ? &found : nullptr);
        store(lu, matrix, lda);
        if (pivots != nullptr) store(found, pivots + std::int64_t{n} * i);
      }
    });
  });
}

template <typename T>
cublasStatus_t getrs_batched(const char* name, cublasHandle_t handle, cublasOperation_t trans, int n, int nrhs,
                             const T* const a[], int lda, const int* pivots, T* const b[], int ldb, int* info,
                             int batch) {
  return with(name, handle, [&] {
    check_host(info, "info, which getrsBatched takes on the host,");
    check_batch(n, lda, batch);
    require(trans == CUBLAS_OP_N || trans == CUBLAS_OP_T || trans == CUBLAS_OP_C, "an operation N, T or C");
    require(nrhs >= 0 && ldb >= std::max(1, n), "nrhs of at least 0 and ldb of at least max(1, n)");
    *info = 0;
    if (batch == 0) return;
    check_vector(a, batch, "Aarray");
    check_vector(b, batch, "Barray");
    if (pivots != nullptr) check_vector(pivots, std::int64_t{n} * batch, "devIpiv");
    submit_work(handle, [=, device = handle->device, a = emulation::on_device(a), b = emulation::on_device(b),
                         pivots = emulation::on_device(pivots)] {
      for (int i = 0; i < batch; ++i) {
        const T* const matrix = matrix_of(device, a, i, extent(n, n, lda));
        T* const right = matrix_of(device, b, i, extent(n, nrhs, ldb));
        if (matrix == nullptr || right == nullptr) return;
        std::vector<Int> own;
        if (pivots != nullptr) own.assign(pivots + std::int64_t{n} * i, pivots + std::int64_t{n} * (i + 1));
        Matrix<T> x = load<T>(right, n, nrhs, ldb);
        solve_with(load<T>(matrix, n, n, lda), own, trans != CUBLAS_OP_N, x);
        store(x, right, ldb);
      }
    });
  });
}

// b = factor op(a)^-1 b, or b op(a)^-1; of translated addresses.
template <typename T>
void trsm_in_place(cublasSideMode_t side, cublasFillMode_t uplo, cublasOperation_t trans, cublasDiagType_t diag, int m,
                   int n, T factor, const T* a, int lda, T* b, int ldb) {
  const int size = side == CUBLAS_SIDE_LEFT ? m : n;
  Matrix<T> x = load<T>(b, m, n, ldb);
  trsm(side == CUBLAS_SIDE_LEFT ? CblasLeft : CblasRight, uplo == CUBLAS_FILL_MODE_LOWER ? CblasLower : CblasUpper,
       trans == CUBLAS_OP_N ? CblasNoTrans : CblasTrans, diag == CUBLAS_DIAG_UNIT ? CblasUnit : CblasNonUnit, factor,
       load<T>(a, size, size, lda), x);
  store(x, b, ldb);
}

template <typename T>
cublasStatus_t trsm_of(const char* name, cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                       cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T* alpha, const T* a,
                       int lda, T* b, int ldb) {
  return with(name, handle, [&] {
    require(uplo == CUBLAS_FILL_MODE_LOWER || uplo == CUBLAS_FILL_MODE_UPPER, "a triangle");
    check_host(alpha, "alpha");
    const int size = side == CUBLAS_SIDE_LEFT ? m : n;
    check_matrix(b, m, n, ldb, "B");
    if (m == 0 || n == 0) return;
    check_matrix(a, size, size, lda, "A");
    submit_work(handle, [=, factor = *alpha, a = emulation::on_device(a), b = emulation::on_device(b)] {
      trsm_in_place(side, uplo, trans, diag, m, n, factor, a, lda, b, ldb);
    });
  });
}

template <typename T>
cublasStatus_t trsm_batched(const char* name, cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                            cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T* alpha,
                            const T* const a[], int lda, T* const b[], int ldb, int batch) {
  return with(name, handle, [&] {
    require(uplo == CUBLAS_FILL_MODE_LOWER || uplo == CUBLAS_FILL_MODE_UPPER, "a triangle");
    check_host(alpha, "alpha");
    const int size = side == CUBLAS_SIDE_LEFT ? m : n;
    require(m >= 0 && n >= 0 && batch >= 0, "sizes of at least 0");
    require(lda >= std::max(1, size) && ldb >= std::max(1, m), "leading dimensions of at least the rows");
    if (batch == 0 || m == 0 || n == 0) return;
    check_vector(a, batch, "A");
    check_vector(b, batch, "B");
    submit_work(handle, [=, device = handle->device, factor = *alpha, a = emulation::on_device(a),
                         b = emulation::on_device(b)] {
      for (int i = 0; i < batch; ++i) {
        const T* const matrix = matrix_of(device, a, i, extent(size, size, lda));
        T* const right = matrix_of(device, b, i, extent(m, n, ldb));
        if (matrix == nullptr || right == nullptr) return;
        trsm_in_place(side, uplo, trans, diag, m, n, factor, matrix, lda, right, ldb);
      }
    });
  });
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  return call<cublasStatus_t>("cublasCreate_v2", [&] {
    require(handle != nullptr, "a place for the handle");
    auto created = std::make_unique<cublasContext>();
    bind_to_device(*created);
    *handle = created.release();
  });
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return call<cublasStatus_t>("cublasDestroy_v2", [&] {
    {
      const InUse in_use(handle);
    }
    handle->magic = 0;
    delete handle;
  });
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t streamId) {
  return with("cublasSetStream_v2", handle, [&] {
    handle->stream = streamId;
    handle->workspace = nullptr;  // as in the real one, which goes back to its own
    handle->workspace_bytes = 0;
  });
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t workspaceSizeInBytes) {
  return with("cublasSetWorkspace_v2", handle, [&] {
    check_device(workspace, static_cast<std::int64_t>(workspaceSizeInBytes), 256, "workspace");
    handle->workspace = workspace;
    handle->workspace_bytes = workspaceSizeInBytes;
  });
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int* version) {
  (void)handle;
  return call<cublasStatus_t>("cublasGetVersion_v2", [&] {
    require(version != nullptr, "a place for the version");
    *version = CUBLAS_VERSION;
  });
}

const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "the library was not initialized";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "the resource allocation failed";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an invalid value was used as an argument";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "the function failed to launch on the GPU";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality is not supported";
    default:
      return "an internal operation failed";
  }
}

#define EMULATION_CUBLAS(P, T)                                                                                         \
  cublasStatus_t cublas##P##getrfBatched(cublasHandle_t handle, int n, T* const A[], int lda, int* pivots, int* info,  \
                                         int batchSize) {                                                              \
    return getrf_batched("cublas" #P "getrfBatched", handle, n, A, lda, pivots, info, batchSize);                      \
  }                                                                                                                    \
  cublasStatus_t cublas##P##getrsBatched(cublasHandle_t handle, cublasOperation_t trans, int n, int nrhs,              \
                                         const T* const A[], int lda, const int* pivots, T* const B[], int ldb,        \
                                         int* info, int batchSize) {                                                   \
    return getrs_batched("cublas" #P "getrsBatched", handle, trans, n, nrhs, A, lda, pivots, B, ldb, info, batchSize); \
  }                                                                                                                    \
  cublasStatus_t cublas##P##trsm_v2(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,               \
                                    cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T* alpha,      \
                                    const T* A, int lda, T* B, int ldb) {                                              \
    return trsm_of("cublas" #P "trsm_v2", handle, side, uplo, trans, diag, m, n, alpha, A, lda, B, ldb);               \
  }                                                                                                                    \
  cublasStatus_t cublas##P##trsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,           \
                                        cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const T* alpha,  \
                                        const T* const A[], int lda, T* const B[], int ldb, int batchCount) {          \
    return trsm_batched("cublas" #P "trsmBatched", handle, side, uplo, trans, diag, m, n, alpha, A, lda, B, ldb,       \
                        batchCount);                                                                                   \
  }
EMULATION_CUBLAS(S, float)
EMULATION_CUBLAS(D, double)
#undef EMULATION_CUBLAS
}
