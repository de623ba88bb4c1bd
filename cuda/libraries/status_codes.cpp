// What the status codes of cuBLAS and cuSOLVER mean, as typed errors. (The words that a batched routine writes on the
// device, one for each matrix, are runtime/status_words.h.)
#include <string>

#include "core/error.h"
#include "cuda/libraries/cublas.h"
#include "cuda/libraries/cusolver.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {
namespace {

// The device's own error, where it has one, says more than the library's.
[[noreturn]] void fail(Code code, const char* what, const std::string& status) {
  check_device_after(what);
  std::string text = std::string(what) + ": " + status;
  if (code == Code::OutOfMemory) text += " (out of memory on the device). Use smaller batches or fewer lanes";
  throw Error(code, text);
}

const char* name_of(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return nullptr;
  }
}

const char* name_of(cusolverStatus_t status) {
  switch (status) {
    case CUSOLVER_STATUS_NOT_INITIALIZED:
      return "CUSOLVER_STATUS_NOT_INITIALIZED";
    case CUSOLVER_STATUS_ALLOC_FAILED:
      return "CUSOLVER_STATUS_ALLOC_FAILED";
    case CUSOLVER_STATUS_INVALID_VALUE:
      return "CUSOLVER_STATUS_INVALID_VALUE";
    case CUSOLVER_STATUS_ARCH_MISMATCH:
      return "CUSOLVER_STATUS_ARCH_MISMATCH";
    case CUSOLVER_STATUS_MAPPING_ERROR:
      return "CUSOLVER_STATUS_MAPPING_ERROR";
    case CUSOLVER_STATUS_EXECUTION_FAILED:
      return "CUSOLVER_STATUS_EXECUTION_FAILED";
    case CUSOLVER_STATUS_INTERNAL_ERROR:
      return "CUSOLVER_STATUS_INTERNAL_ERROR";
    case CUSOLVER_STATUS_NOT_SUPPORTED:
      return "CUSOLVER_STATUS_NOT_SUPPORTED";
    default:
      return nullptr;
  }
}

template <typename Status>
std::string text_of(Status status, const char* library) {
  const char* name = name_of(status);
  return name != nullptr ? name : library + std::string(" status ") + std::to_string(static_cast<int>(status));
}

}  // namespace

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  Code code = Code::Internal;
  if (status == CUBLAS_STATUS_ALLOC_FAILED) code = Code::OutOfMemory;
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_ARCH_MISMATCH) code = Code::NotSupported;
  fail(code, what, text_of(status, "cuBLAS"));
}

void check(cusolverStatus_t status, const char* what) {
  if (status == CUSOLVER_STATUS_SUCCESS) return;
  Code code = Code::Internal;
  if (status == CUSOLVER_STATUS_ALLOC_FAILED) code = Code::OutOfMemory;
  if (status == CUSOLVER_STATUS_NOT_SUPPORTED || status == CUSOLVER_STATUS_ARCH_MISMATCH) code = Code::NotSupported;
  fail(code, what, text_of(status, "cuSOLVER"));
}

}  // namespace tensorlane::cuda
