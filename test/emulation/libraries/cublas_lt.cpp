// The emulated cuBLASLt: one algorithm, which is right for every layout that is asked for here, and as strict about
// workspace and alignment as the preferences with which it was found.
#include <cublasLt.h>

#include <array>

#include "libraries/cublas_status.h"
#include "libraries/handle.h"
#include "libraries/lapack.h"
#include "libraries/lt_objects.h"

using namespace emulation::libraries;

struct cublasLtContext : Handle {};

namespace {

constexpr std::size_t kWorkspace = 4096;  // of the algorithm, where the preference allows it
constexpr std::uint64_t kAlgorithm = 0xA16;

// TF32 keeps 10 bits of the fraction; ties to even.
float to_tf32(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7F800000U) != 0x7F800000U) bits = (bits + 0x0FFFU + ((bits >> 13U) & 1U)) & ~0x1FFFU;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <typename T>
Matrix<T> load_layout(const T* from, const LtLayout& layout) {
  if (layout.order == CUBLASLT_ORDER_ROW) return transposed(load<T>(from, layout.columns, layout.rows, layout.ld));
  return load<T>(from, layout.rows, layout.columns, layout.ld);
}

struct Sizes {
  std::int64_t m = 0, n = 0, k = 0;
};

Sizes check_operation(const LtOperation& operation, const LtLayout& a, const LtLayout& b, const LtLayout& c,
                      const LtLayout& d) {
  for (const LtLayout* layout : {&a, &b, &c, &d}) {
    check(*layout);
    require(layout->type == d.type, "four matrices of one type");
    require(layout->batch == d.batch, "the same batch count in every layout");
  }
  if (d.type != CUDA_R_32F && d.type != CUDA_R_64F)
    throw Refusal(Outcome::NotSupported, "the emulation multiplies 32F and 64F only");
  const bool single = operation.compute == CUBLAS_COMPUTE_32F || operation.compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
                      operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const bool is_double = operation.compute == CUBLAS_COMPUTE_64F || operation.compute == CUBLAS_COMPUTE_64F_PEDANTIC;
  if (!(single && d.type == CUDA_R_32F) && !(is_double && d.type == CUDA_R_64F))
    throw Refusal(Outcome::NotSupported, "the compute type does not go with the matrices' type");
  if (operation.scale != d.type) throw Refusal(Outcome::NotSupported, "the scale type is not the matrices' type");
  if (operation.pointer_mode != CUBLASLT_POINTER_MODE_HOST)
    throw Refusal(Outcome::NotSupported, "alpha and beta have to be on the host");
  const bool ta = operation.transpose_a != CUBLAS_OP_N, tb = operation.transpose_b != CUBLAS_OP_N;
  const Sizes sizes{d.rows, d.columns, ta ? a.rows : a.columns};
  require((ta ? a.columns : a.rows) == sizes.m && (tb ? b.rows : b.columns) == sizes.n &&
              (tb ? b.columns : b.rows) == sizes.k && c.rows == sizes.m && c.columns == sizes.n,
          "layouts whose sizes go together");
  return sizes;
}

template <typename T>
void multiply_batch(const LtOperation& operation, const Sizes& sizes, T alpha, const T* a, const LtLayout& la,
                    const T* b, const LtLayout& lb, T beta, const T* c, const LtLayout& lc, T* d, const LtLayout& ld) {
  for (std::int64_t i = 0; i < ld.batch; ++i) {
    Matrix<T> result(sizes.m, sizes.n);
    if (sizes.k > 0 && alpha != T{0}) {
      Matrix<T> left = load_layout<T>(a + i * la.stride, la);
      Matrix<T> right = load_layout<T>(b + i * lb.stride, lb);
      if constexpr (sizeof(T) == 4) {
        if (operation.compute == CUBLAS_COMPUTE_32F_FAST_TF32) {
          for (Matrix<T>* matrix : {&left, &right})
            for (T& value : matrix->data) value = to_tf32(value);
        }
      }
      result = multiply(left, operation.transpose_a != CUBLAS_OP_N, right, operation.transpose_b != CUBLAS_OP_N);
    }
    for (T& value : result.data) value *= alpha;
    if (beta != T{0}) {
      const Matrix<T> old = load_layout<T>(c + i * lc.stride, lc);
      for (std::size_t e = 0; e < result.data.size(); ++e) result.data[e] += beta * old.data[e];
    }
    if (ld.order == CUBLASLT_ORDER_ROW) result = transposed(result);
    store(result, d + i * ld.stride, ld.ld);
  }
}

void check_matrix_of(const void* pointer, const LtLayout& layout, std::size_t alignment, const char* name) {
  check_device(pointer, layout.bytes(), alignment, name);
}

template <typename T>
void submit_matmul(const LtOperation& operation, const Sizes& sizes, const void* alpha, const void* a,
                   const LtLayout& la, const void* b, const LtLayout& lb, const void* beta, const void* c,
                   const LtLayout& lc, void* d, const LtLayout& ld, void* workspace, std::size_t bytes,
                   cudaStream_t stream) {
  submit(stream,
         [=, one = *static_cast<const T*>(alpha), other = *static_cast<const T*>(beta),
          a = static_cast<const T*>(emulation::on_device(a)), b = static_cast<const T*>(emulation::on_device(b)),
          c = static_cast<const T*>(emulation::on_device(c)), d = static_cast<T*>(emulation::on_device(d)),
          workspace = emulation::on_device(workspace)] {
           scribble(workspace, bytes);
           multiply_batch<T>(operation, sizes, one, a, la, b, lb, other, c, lc, d, ld);
         });
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* lightHandle) {
  return call<cublasStatus_t>("cublasLtCreate", [&] {
    require(lightHandle != nullptr, "a place for the handle");
    *lightHandle = new cublasLtContext;
  });
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lightHandle) {
  return call<cublasStatus_t>("cublasLtDestroy", [&] {
    {
      const InUse in_use(lightHandle);
    }
    lightHandle->magic = 0;
    delete lightHandle;
  });
}

std::size_t cublasLtGetVersion(void) { return CUBLAS_VERSION; }

cublasStatus_t cublasLtMatmul(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t computeDesc, const void* alpha,
                              const void* A, cublasLtMatrixLayout_t Adesc, const void* B, cublasLtMatrixLayout_t Bdesc,
                              const void* beta, const void* C, cublasLtMatrixLayout_t Cdesc, void* D,
                              cublasLtMatrixLayout_t Ddesc, const cublasLtMatmulAlgo_t* algo, void* workspace,
                              std::size_t workspaceSizeInBytes, cudaStream_t stream) {
  return call<cublasStatus_t>("cublasLtMatmul", [&] {
    const InUse in_use(lightHandle);
    const LtOperation operation = operation_of(computeDesc);
    const LtLayout a = layout_of(Adesc), b = layout_of(Bdesc), c = layout_of(Cdesc), d = layout_of(Ddesc);
    const Sizes sizes = check_operation(operation, a, b, c, d);
    check_host(alpha, "alpha");
    check_host(beta, "beta");
    const bool is_double = d.type == CUDA_R_64F;
    const bool reads_c =
        is_double ? *static_cast<const double*>(beta) != 0.0 : *static_cast<const float*>(beta) != 0.0F;

    // An algorithm that was not found by the heuristic is looked for inside, for the addresses at hand.
    const std::size_t element = is_double ? 8 : 4;
    std::array<std::size_t, 4> alignments{element, element, element, element};
    std::size_t needed = 0;
    if (algo != nullptr) {
      require(algo->data[0] == kAlgorithm, "an algorithm that the heuristic found");
      needed = algo->data[1];
      for (std::size_t i = 0; i < 4; ++i) alignments[i] = std::max<std::size_t>(element, algo->data[2 + i]);
    }
    require(workspaceSizeInBytes >= needed, "as much workspace as the algorithm needs");
    check_device(workspace, static_cast<std::int64_t>(workspaceSizeInBytes), 256, "the workspace");
    if (sizes.m == 0 || sizes.n == 0 || d.batch == 0) return;
    check_matrix_of(A, a, alignments[0], "A");
    check_matrix_of(B, b, alignments[1], "B");
    if (reads_c) check_matrix_of(C, c, alignments[2], "C");
    check_matrix_of(D, d, alignments[3], "D");
    require(d.batch == 1 || d.stride != 0, "a stride between the results of a batch");
    if (is_double)
      submit_matmul<double>(operation, sizes, alpha, A, a, B, b, beta, C, c, D, d, workspace, needed, stream);
    else
      submit_matmul<float>(operation, sizes, alpha, A, a, B, b, beta, C, c, D, d, workspace, needed, stream);
  });
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t lightHandle, cublasLtMatmulDesc_t operationDesc,
                                              cublasLtMatrixLayout_t Adesc, cublasLtMatrixLayout_t Bdesc,
                                              cublasLtMatrixLayout_t Cdesc, cublasLtMatrixLayout_t Ddesc,
                                              cublasLtMatmulPreference_t preference, int requestedAlgoCount,
                                              cublasLtMatmulHeuristicResult_t heuristicResultsArray[],
                                              int* returnAlgoCount) {
  return call<cublasStatus_t>("cublasLtMatmulAlgoGetHeuristic", [&] {
    const InUse in_use(lightHandle);
    require(requestedAlgoCount >= 1 && heuristicResultsArray != nullptr && returnAlgoCount != nullptr,
            "room for at least one result");
    *returnAlgoCount = 0;
    const LtPreference preferred = preference_of(preference);
    check_operation(operation_of(operationDesc), layout_of(Adesc), layout_of(Bdesc), layout_of(Cdesc),
                    layout_of(Ddesc));
    cublasLtMatmulHeuristicResult_t& result = heuristicResultsArray[0];
    result = {};
    result.workspaceSize = preferred.max_workspace >= kWorkspace ? kWorkspace : 0;
    result.algo.data[0] = kAlgorithm;
    result.algo.data[1] = result.workspaceSize;
    for (std::size_t i = 0; i < 4; ++i) result.algo.data[2 + i] = preferred.alignments[i];
    result.state = CUBLAS_STATUS_SUCCESS;
    result.wavesCount = 1.0F;
    *returnAlgoCount = 1;
  });
}
}
