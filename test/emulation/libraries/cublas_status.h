// cuBLAS's and cuBLASLt's statuses.
#pragma once

#include <cublas_v2.h>

#include "libraries/call.h"

namespace emulation::libraries {

template <>
inline cublasStatus_t status_of<cublasStatus_t>(Outcome outcome) {
  switch (outcome) {
    case Outcome::Success:
      return CUBLAS_STATUS_SUCCESS;
    case Outcome::NotInitialized:
      return CUBLAS_STATUS_NOT_INITIALIZED;
    case Outcome::OutOfMemory:
      return CUBLAS_STATUS_ALLOC_FAILED;
    case Outcome::InvalidValue:
      return CUBLAS_STATUS_INVALID_VALUE;
    case Outcome::ExecutionFailed:
      return CUBLAS_STATUS_EXECUTION_FAILED;
    case Outcome::NotSupported:
      return CUBLAS_STATUS_NOT_SUPPORTED;
    case Outcome::InternalError:
      return CUBLAS_STATUS_INTERNAL_ERROR;
  }
  return CUBLAS_STATUS_INTERNAL_ERROR;
}

}  // namespace emulation::libraries
