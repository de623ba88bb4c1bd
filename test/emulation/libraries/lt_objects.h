// cuBLASLt's descriptions of matrices, operations and preferences.
#pragma once

#include <cublasLt.h>

#include <array>
#include <cstdint>

namespace emulation::libraries {

struct LtLayout {
  cudaDataType type = CUDA_R_32F;
  std::int64_t rows = 0, columns = 0, ld = 0;
  std::int64_t stride = 0;
  std::int32_t batch = 1;
  std::int32_t order = CUBLASLT_ORDER_COL;

  // From its first element to its last.
  [[nodiscard]] std::int64_t bytes() const;
};

struct LtOperation {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType scale = CUDA_R_32F;
  std::int32_t pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t transpose_a = CUBLAS_OP_N;
  std::int32_t transpose_b = CUBLAS_OP_N;
};

struct LtPreference {
  std::uint64_t max_workspace = 0;
  std::array<std::uint32_t, 4> alignments{256, 256, 256, 256};  // of A, B, C, D, as the real one assumes them
};

// Errors of all of them: a Refusal.
LtLayout layout_of(cublasLtMatrixLayout_t layout);
LtOperation operation_of(cublasLtMatmulDesc_t description);
LtPreference preference_of(cublasLtMatmulPreference_t preference);
void check(const LtLayout& layout);

}  // namespace emulation::libraries
