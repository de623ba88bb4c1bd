// Row-major without a transpose: the buffers of a, b and c are, by columns, their transposes, and c^T = b^T a^T.
//
// Asking cuBLASLt for its best algorithm takes longer than a small product, so what it said is remembered by the lane,
// which is this thread.
#include "cuda/linalg/multiply.h"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "cuda/linalg/common.h"

namespace tensorlane::cuda {
namespace {

// The algorithm depends on these, and on how the pointers are aligned.
using Key = std::array<std::int64_t, 14>;

// How many bytes an address is a multiple of, as far as that matters.
std::int64_t alignment(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | 256U;
  return static_cast<std::int64_t>(bits & (~bits + 1));
}

Key key_of(cublasLtHandle_t handle, const Product& product) {
  return {static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(handle)),
          static_cast<std::int64_t>(product.type),
          product.tf32,
          product.m,
          product.k,
          product.n,
          product.count,
          product.a_step,
          product.b_step,
          alignment(product.a),
          alignment(product.b),
          alignment(product.c),
          product.a_transposed,
          product.b_transposed};
}

// A description that cuBLASLt holds, and how it is given back.
template <typename T>
using Description = std::unique_ptr<std::remove_pointer_t<T>, cublasStatus_t (*)(T)>;

using Layout = Description<cublasLtMatrixLayout_t>;

Layout layout_of(const CublasLt& api, cudaDataType type, std::int64_t rows, std::int64_t columns, std::int64_t count,
                 std::int64_t step) {
  cublasLtMatrixLayout_t created = nullptr;
  check(api.cublasLtMatrixLayoutCreate(&created, type, static_cast<std::uint64_t>(rows),
                                       static_cast<std::uint64_t>(columns), rows),
        "cublasLtMatrixLayoutCreate");
  Layout layout(created, api.cublasLtMatrixLayoutDestroy);
  const int batch = to_int(count, "matmul");
  check(api.cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof(batch)),
        "cublasLtMatrixLayoutSetAttribute");
  check(api.cublasLtMatrixLayoutSetAttribute(created, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &step, sizeof(step)),
        "cublasLtMatrixLayoutSetAttribute");
  return layout;
}

// How a row-major matrix of ours lies, rows x columns, or its transpose: by columns it is the transpose of what lies there.
Layout operand_of(const CublasLt& api, const Product& product, bool transposed, std::int64_t rows, std::int64_t columns,
                  std::int64_t step) {
  if (transposed) std::swap(rows, columns);
  return layout_of(api, data_type(product.type), columns, rows, product.count, step);
}

// A product as cuBLASLt sees it: its A is our b, and its B our a.
struct Problem {
  Problem(const CublasLt& api, const Product& product)
      : operation(nullptr, api.cublasLtMatmulDescDestroy),
        a(operand_of(api, product, product.b_transposed, product.k, product.n, product.b_step)),
        b(operand_of(api, product, product.a_transposed, product.m, product.k, product.a_step)),
        c(layout_of(api, data_type(product.type), product.n, product.m, product.count, product.m * product.n)) {
    const cublasComputeType_t compute = product.type == DType::Float64 ? CUBLAS_COMPUTE_64F
                                        : product.tf32                 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                       : CUBLAS_COMPUTE_32F;
    cublasLtMatmulDesc_t created = nullptr;
    check(api.cublasLtMatmulDescCreate(&created, compute, data_type(product.type)), "cublasLtMatmulDescCreate");
    operation.reset(created);
    transpose_where(api, CUBLASLT_MATMUL_DESC_TRANSA, product.b_transposed);
    transpose_where(api, CUBLASLT_MATMUL_DESC_TRANSB, product.a_transposed);
  }

  Description<cublasLtMatmulDesc_t> operation;
  Layout a, b, c;

 private:
  void transpose_where(const CublasLt& api, cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    if (!transposed) return;
    const cublasOperation_t as = CUBLAS_OP_T;
    check(api.cublasLtMatmulDescSetAttribute(operation.get(), attribute, &as, sizeof(as)),
          "cublasLtMatmulDescSetAttribute");
  }
};

cublasLtMatmulAlgo_t ask(const CublasLt& api, cublasLtHandle_t handle, const Product& product, const Problem& problem,
                         std::size_t workspace_bytes) {
  cublasLtMatmulPreference_t created = nullptr;
  check(api.cublasLtMatmulPreferenceCreate(&created), "cublasLtMatmulPreferenceCreate");
  const Description<cublasLtMatmulPreference_t> preference(created, api.cublasLtMatmulPreferenceDestroy);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    check(api.cublasLtMatmulPreferenceSetAttribute(created, attribute, &value, sizeof(value)),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace_bytes));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(alignment(product.b)));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(alignment(product.a)));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(alignment(product.c)));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(alignment(product.c)));

  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  check(api.cublasLtMatmulAlgoGetHeuristic(handle, problem.operation.get(), problem.a.get(), problem.b.get(),
                                           problem.c.get(), problem.c.get(), created, 1, &found, &count),
        "cublasLtMatmulAlgoGetHeuristic");
  if (count == 0 || found.state != CUBLAS_STATUS_SUCCESS) {
    throw Error(Code::NotSupported, "matmul: cuBLASLt has no algorithm for " + std::to_string(product.m) + " x " +
                                        std::to_string(product.k) + " times " + std::to_string(product.k) + " x " +
                                        std::to_string(product.n) + ", " + std::to_string(product.count) +
                                        " in a batch");
  }
  return found.algo;
}

// The map is cleared when it has grown past use: whoever multiplies so many different shapes does not come back to
// them.
cublasLtMatmulAlgo_t algorithm_for(const CublasLt& api, cublasLtHandle_t handle, const Product& product,
                                   const Problem& problem, std::size_t workspace_bytes) {
  constexpr std::size_t kMost = 1024;
  thread_local std::map<Key, cublasLtMatmulAlgo_t> known;
  const Key key = key_of(handle, product);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  const cublasLtMatmulAlgo_t algorithm = ask(api, handle, product, problem, workspace_bytes);
  if (known.size() >= kMost) known.clear();
  known.emplace(key, algorithm);
  return algorithm;
}

}  // namespace

void multiply(CudaLane& lane, const Product& product) {
  const CublasLt& api = lane.cublas_lt();
  const cublasLtHandle_t handle = lane.cublas_lt_handle();
  const std::span<std::byte> workspace = lane.blas_workspace();
  const Problem problem(api, product);
  const cublasLtMatmulAlgo_t algorithm = algorithm_for(api, handle, product, problem, workspace.size());
  with_type(product.type, [&](auto type) {
    using T = decltype(type);
    const T one = 1;
    const T zero = 0;
    check(api.cublasLtMatmul(handle, problem.operation.get(), &one, product.b, problem.a.get(), product.a,
                             problem.b.get(), &zero, product.c, problem.c.get(), product.c, problem.c.get(), &algorithm,
                             workspace.data(), workspace.size(), lane.stream()),
          "cublasLtMatmul");
  });
}

}  // namespace tensorlane::cuda
