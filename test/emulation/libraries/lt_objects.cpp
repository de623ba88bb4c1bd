#include "libraries/lt_objects.h"

#include <cstring>
#include <memory>

#include "libraries/cublas_status.h"

namespace emulation::libraries {

namespace {

// The opaque structures, whose size is the real one's, hold ours.
template <typename T, typename Opaque>
T read(const Opaque* opaque) {
  static_assert(sizeof(T) <= sizeof(Opaque) && std::is_trivially_copyable_v<T>);
  require(opaque != nullptr, "a description, not null");
  T value;
  std::memcpy(static_cast<void*>(&value), opaque->data, sizeof(T));
  return value;
}

template <typename T, typename Opaque>
void write(Opaque* opaque, const T& value) {
  std::memcpy(opaque->data, &value, sizeof(T));
}

template <typename Opaque, typename T>
void create(Opaque** place, const T& value) {
  require(place != nullptr, "a place for the description");
  auto created = std::make_unique<Opaque>();
  write(created.get(), value);
  *place = created.release();
}

template <typename T>
void assign(T& to, const void* from, std::size_t bytes) {
  require(from != nullptr && bytes == sizeof(T), "an attribute of the size that it has");
  std::memcpy(&to, from, bytes);
}

}  // namespace

LtLayout layout_of(cublasLtMatrixLayout_t layout) { return read<LtLayout>(layout); }
LtOperation operation_of(cublasLtMatmulDesc_t description) { return read<LtOperation>(description); }
LtPreference preference_of(cublasLtMatmulPreference_t preference) { return read<LtPreference>(preference); }

void check(const LtLayout& layout) {
  const bool by_rows = layout.order == CUBLASLT_ORDER_ROW;
  require(by_rows || layout.order == CUBLASLT_ORDER_COL, "an order by rows or by columns");
  require(layout.rows >= 0 && layout.columns >= 0 && layout.batch >= 1,
          "sizes of at least 0 and a batch of at least 1");
  require(layout.ld >= (by_rows ? layout.columns : layout.rows), "a leading dimension that holds a row or column");
}

std::int64_t LtLayout::bytes() const {
  if (rows == 0 || columns == 0) return 0;
  const std::int64_t one = order == CUBLASLT_ORDER_ROW ? (rows - 1) * ld + columns : (columns - 1) * ld + rows;
  return ((batch - 1) * stride + one) * (type == CUDA_R_64F ? 8 : 4);
}

}  // namespace emulation::libraries

using namespace emulation::libraries;

extern "C" {

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* matmulDesc, cublasComputeType_t computeType,
                                        cudaDataType_t scaleType) {
  return call<cublasStatus_t>("cublasLtMatmulDescCreate", [&] {
    LtOperation operation;
    operation.compute = computeType;
    operation.scale = scaleType;
    create(matmulDesc, operation);
  });
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t matmulDesc) {
  return call<cublasStatus_t>("cublasLtMatmulDescDestroy", [&] { delete matmulDesc; });
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t matmulDesc, cublasLtMatmulDescAttributes_t attr,
                                              const void* buf, std::size_t sizeInBytes) {
  return call<cublasStatus_t>("cublasLtMatmulDescSetAttribute", [&] {
    LtOperation operation = operation_of(matmulDesc);
    if (attr == CUBLASLT_MATMUL_DESC_TRANSA)
      assign(operation.transpose_a, buf, sizeInBytes);
    else if (attr == CUBLASLT_MATMUL_DESC_TRANSB)
      assign(operation.transpose_b, buf, sizeInBytes);
    else if (attr == CUBLASLT_MATMUL_DESC_POINTER_MODE)
      assign(operation.pointer_mode, buf, sizeInBytes);
    else
      throw Refusal(Outcome::NotSupported, "the emulation does not have this attribute");
    write(matmulDesc, operation);
  });
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* matLayout, cudaDataType type, std::uint64_t rows,
                                          std::uint64_t cols, std::int64_t ld) {
  return call<cublasStatus_t>("cublasLtMatrixLayoutCreate", [&] {
    LtLayout layout;
    layout.type = type;
    layout.rows = static_cast<std::int64_t>(rows);
    layout.columns = static_cast<std::int64_t>(cols);
    layout.ld = ld;
    create(matLayout, layout);
  });
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t matLayout) {
  return call<cublasStatus_t>("cublasLtMatrixLayoutDestroy", [&] { delete matLayout; });
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t matLayout, cublasLtMatrixLayoutAttribute_t attr,
                                                const void* buf, std::size_t sizeInBytes) {
  return call<cublasStatus_t>("cublasLtMatrixLayoutSetAttribute", [&] {
    LtLayout layout = layout_of(matLayout);
    if (attr == CUBLASLT_MATRIX_LAYOUT_ORDER)
      assign(layout.order, buf, sizeInBytes);
    else if (attr == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
      assign(layout.batch, buf, sizeInBytes);
    else if (attr == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET)
      assign(layout.stride, buf, sizeInBytes);
    else if (attr == CUBLASLT_MATRIX_LAYOUT_LD)
      assign(layout.ld, buf, sizeInBytes);
    else
      throw Refusal(Outcome::NotSupported, "the emulation does not have this attribute");
    write(matLayout, layout);
  });
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* pref) {
  return call<cublasStatus_t>("cublasLtMatmulPreferenceCreate", [&] { create(pref, LtPreference{}); });
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t pref) {
  return call<cublasStatus_t>("cublasLtMatmulPreferenceDestroy", [&] { delete pref; });
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t pref,
                                                    cublasLtMatmulPreferenceAttributes_t attr, const void* buf,
                                                    std::size_t sizeInBytes) {
  return call<cublasStatus_t>("cublasLtMatmulPreferenceSetAttribute", [&] {
    LtPreference preference = preference_of(pref);
    if (attr == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
      assign(preference.max_workspace, buf, sizeInBytes);
    else if (attr >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES && attr <= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES)
      assign(preference.alignments[static_cast<std::size_t>(attr - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)], buf,
             sizeInBytes);
    else
      throw Refusal(Outcome::NotSupported, "the emulation does not have this attribute");
    write(pref, preference);
  });
}
}
