#include <array>

#include "libraries/opened.h"

using namespace emulation_tests;

namespace {

struct Layout {
  Layout(cudaDataType type, std::uint64_t rows, std::uint64_t columns, std::int64_t ld, cublasLtOrder_t order,
         std::int32_t batch = 1, std::int64_t stride = 0) {
    BLAS_OK(LT(cublasLtMatrixLayoutCreate)(&layout, type, rows, columns, ld));
    const std::int32_t value = order;
    BLAS_OK(LT(cublasLtMatrixLayoutSetAttribute)(layout, CUBLASLT_MATRIX_LAYOUT_ORDER, &value, sizeof value));
    BLAS_OK(LT(cublasLtMatrixLayoutSetAttribute)(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof batch));
    BLAS_OK(LT(cublasLtMatrixLayoutSetAttribute)(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                                                 sizeof stride));
  }
  ~Layout() { LT(cublasLtMatrixLayoutDestroy)(layout); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
  cublasLtMatrixLayout_t layout = nullptr;
};

struct Multiplier {
  Multiplier(cublasComputeType_t compute, cudaDataType scale) {
    BLAS_OK(LT(cublasLtCreate)(&handle));
    BLAS_OK(LT(cublasLtMatmulDescCreate)(&operation, compute, scale));
    BLAS_OK(LT(cublasLtMatmulPreferenceCreate)(&preference));
  }
  ~Multiplier() {
    LT(cublasLtMatmulPreferenceDestroy)(preference);
    LT(cublasLtMatmulDescDestroy)(operation);
    LT(cublasLtDestroy)(handle);
  }
  Multiplier(const Multiplier&) = delete;
  Multiplier& operator=(const Multiplier&) = delete;

  void transpose_a() const {
    const std::int32_t value = CUBLAS_OP_T;
    BLAS_OK(LT(cublasLtMatmulDescSetAttribute)(operation, CUBLASLT_MATMUL_DESC_TRANSA, &value, sizeof value));
  }
  [[nodiscard]] cublasLtMatmulHeuristicResult_t find(const Layout& a, const Layout& b, const Layout& c) const {
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    BLAS_OK(LT(cublasLtMatmulAlgoGetHeuristic)(handle, operation, a.layout, b.layout, c.layout, c.layout, preference, 1,
                                               &found, &count));
    CHECK_EQ(count, 1);
    return found;
  }

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
};

}  // namespace

TEST_CASE("cuBLASLt multiplies batches by rows, by columns, transposed and strided") {
  const Clean clean;
  const Stream stream;
  constexpr std::size_t m = 3, n = 2, k = 4, batch = 2;
  const std::vector<double> a = random_values(batch * k * m), b = random_values(k * n, 3);
  // A by columns, transposed (k x m, ld k); B by rows with room, repeated; D by rows.
  std::vector<double> padded(k * 5, std::nan(""));
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < n; ++j) padded[i * 5 + j] = b[i * n + j];
  const Memory<double> left(a), right(padded), old(random_values(batch * m * n, 4)), result(batch * m * n);
  const Multiplier multiplier(CUBLAS_COMPUTE_64F, CUDA_R_64F);
  multiplier.transpose_a();
  const Layout la(CUDA_R_64F, k, m, k, CUBLASLT_ORDER_COL, batch, k * m);
  const Layout lb(CUDA_R_64F, k, n, 5, CUBLASLT_ORDER_ROW, batch, 0);
  const Layout lc(CUDA_R_64F, m, n, n, CUBLASLT_ORDER_ROW, batch, m * n);
  const double alpha = 2, beta = 0.5;
  const cublasLtMatmulHeuristicResult_t found = multiplier.find(la, lb, lc);
  CHECK_EQ(found.workspaceSize, 0);
  BLAS_OK(LT(cublasLtMatmul)(multiplier.handle, multiplier.operation, &alpha, left, la.layout, right, lb.layout, &beta,
                             old, lc.layout, result, lc.layout, &found.algo, nullptr, 0, stream));
  stream.wait();
  const std::vector<double> got = result.values(), before = old.values();
  for (std::size_t e = 0; e < got.size(); ++e) {
    const std::size_t at = e / (m * n), i = e % (m * n) / n, j = e % n;
    double sum = 0;
    for (std::size_t q = 0; q < k; ++q) sum += a[at * k * m + i * k + q] * b[q * n + j];
    CHECK(got[e] == doctest::Approx(2 * sum + 0.5 * before[e]));
  }
}

TEST_CASE("cuBLASLt uses TF32 only when it is asked to") {
  const Clean clean;
  const Stream stream;
  const float fine = 1.0F + 1.0F / 4096;  // more than the 10 bits of TF32
  const Memory<float> a(std::vector<float>{fine}), b(std::vector<float>{1}), d(1);
  const Layout layout(CUDA_R_32F, 1, 1, 1, CUBLASLT_ORDER_COL);
  const float alpha = 1, beta = 0;
  for (const cublasComputeType_t compute : {CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32}) {
    const Multiplier multiplier(compute, CUDA_R_32F);
    BLAS_OK(LT(cublasLtMatmul)(multiplier.handle, multiplier.operation, &alpha, a, layout.layout, b, layout.layout,
                               &beta, d, layout.layout, d, layout.layout, nullptr, nullptr, 0, stream));
    stream.wait();
    CHECK_EQ(d.values()[0], compute == CUBLAS_COMPUTE_32F ? fine : 1.0F);
  }
}

TEST_CASE("An algorithm counts for the workspace and the alignment that it was found for") {
  const Clean clean;
  const Stream stream;
  const Memory<float> memory(4096);
  const Layout layout(CUDA_R_32F, 2, 2, 2, CUBLASLT_ORDER_COL);
  const Multiplier multiplier(CUBLAS_COMPUTE_32F, CUDA_R_32F);
  const std::uint64_t most = 1 << 20;
  BLAS_OK(LT(cublasLtMatmulPreferenceSetAttribute)(multiplier.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &most, sizeof most));
  const cublasLtMatmulHeuristicResult_t found = multiplier.find(layout, layout, layout);
  REQUIRE_GT(found.workspaceSize, 0);
  const float alpha = 1, beta = 0;
  const auto multiply = [&](std::size_t offset, void* workspace, std::size_t bytes) {
    return LT(cublasLtMatmul)(multiplier.handle, multiplier.operation, &alpha, memory + offset, layout.layout,
                              memory + 64, layout.layout, &beta, memory + 128, layout.layout, memory + 128,
                              layout.layout, &found.algo, workspace, bytes, stream);
  };
  CHECK_EQ(multiply(0, memory + 1024, found.workspaceSize), CUBLAS_STATUS_SUCCESS);
  CHECK_EQ(multiply(0, memory + 1024, found.workspaceSize - 1), CUBLAS_STATUS_INVALID_VALUE);
  CHECK_EQ(multiply(0, nullptr, found.workspaceSize), CUBLAS_STATUS_INVALID_VALUE);
  CHECK_EQ(multiply(1, memory + 1024, found.workspaceSize), CUBLAS_STATUS_INVALID_VALUE);
}
