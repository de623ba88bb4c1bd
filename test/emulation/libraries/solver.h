// What the entry points of the emulated cuSOLVER share: its status, its handle, element types and workspace.
#pragma once

#include <cusolverDn.h>

#include "libraries/handle.h"
#include "libraries/lapack.h"

struct cusolverDnContext : emulation::libraries::Handle {};

namespace emulation::libraries {

template <>
inline cusolverStatus_t status_of<cusolverStatus_t>(Outcome outcome) {
  switch (outcome) {
    case Outcome::Success:
      return CUSOLVER_STATUS_SUCCESS;
    case Outcome::NotInitialized:
      return CUSOLVER_STATUS_NOT_INITIALIZED;
    case Outcome::OutOfMemory:
      return CUSOLVER_STATUS_ALLOC_FAILED;
    case Outcome::InvalidValue:
      return CUSOLVER_STATUS_INVALID_VALUE;
    case Outcome::ExecutionFailed:
      return CUSOLVER_STATUS_EXECUTION_FAILED;
    case Outcome::NotSupported:
      return CUSOLVER_STATUS_NOT_SUPPORTED;
    case Outcome::InternalError:
      return CUSOLVER_STATUS_INTERNAL_ERROR;
  }
  return CUSOLVER_STATUS_INTERNAL_ERROR;
}

template <typename Body>
cusolverStatus_t solver_call(const char* name, cusolverDnHandle_t handle, const Body& body) {
  return call<cusolverStatus_t>(name, [&] {
    const InUse in_use(handle);
    body();
  });
}

inline void require_params(cusolverDnParams_t params) { require(params != nullptr, "cusolverDnParams, not null"); }

inline void require_triangle(cublasFillMode_t uplo) {
  require(uplo == CUBLAS_FILL_MODE_LOWER || uplo == CUBLAS_FILL_MODE_UPPER, "a triangle");
}

inline char letter(cublasFillMode_t uplo) { return uplo == CUBLAS_FILL_MODE_LOWER ? 'L' : 'U'; }

// Calls body(T{}) for the type that all of `types` are.
template <typename Body>
void with_type(std::initializer_list<cudaDataType> types, const Body& body) {
  const cudaDataType type = *types.begin();
  for (const cudaDataType other : types) require(other == type, "one type for the matrices and the computation");
  if (type == CUDA_R_32F)
    body(float{});
  else if (type == CUDA_R_64F)
    body(double{});
  else
    throw Refusal(Outcome::NotSupported, "the emulation computes in 32F and 64F only");
}

// The workspace of the routines that take bytes, on the device and on the host. The sizes are ours: different for each
// routine, never what a caller could guess, and for some of them nothing on the host.
struct WorkspaceBytes {
  std::size_t device = 0;
  std::size_t host = 0;
};

struct Workspace {
  void* device = nullptr;
  std::size_t device_bytes = 0;
  void* host = nullptr;
  std::size_t host_bytes = 0;

  // The host's is written at once, the device's by the work that is given it.
  void check(const WorkspaceBytes& needed) const {
    require(device_bytes >= needed.device, "as much workspace on the device as _bufferSize says");
    require(host_bytes >= needed.host, "as much workspace on the host as _bufferSize says");
    check_device(device, static_cast<std::int64_t>(needed.device), 16, "the workspace on the device");
    if (needed.host == 0) return;
    check_host(host, "the workspace on the host");
    scribble(host, needed.host);
  }
};

inline WorkspaceBytes workspace_bytes(std::int64_t elements, std::size_t element, std::size_t host) {
  return {static_cast<std::size_t>(elements) * element + 512, host};
}

inline void give(const WorkspaceBytes& bytes, std::size_t* device, std::size_t* host) {
  require(device != nullptr && host != nullptr, "places for the workspace's sizes");
  *device = bytes.device;
  *host = bytes.host;
}

// The workspace of the routines that take elements, all on the device.
template <typename T>
void check_work(const T* work, int given, int needed) {
  require(given >= needed, "as much workspace as _bufferSize says");
  check_vector(work, needed, "the workspace");
}

inline void give(int elements, int* lwork) {
  require(lwork != nullptr, "a place for the workspace's size");
  *lwork = elements;
}

}  // namespace emulation::libraries
