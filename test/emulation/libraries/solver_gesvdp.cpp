// gesvdp: any shape, V and not V^T, waits for the device. Singular values too small to be told from rounding come out
// larger than they are, and the routine says on the host by how much, as the real one does on matrices near singular.
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

WorkspaceBytes gesvdp_bytes(std::int64_t m, std::int64_t n, std::size_t element) {
  return workspace_bytes(2 * m * n + 4 * (m + n), element, 48);
}

template <typename T>
struct Places {
  T *a, *s, *u, *v;
  std::int64_t lda, ldu, ldv;
};

// Returns the perturbation.
template <typename T>
double decompose(const Places<T>& at, bool vectors, bool full, std::int64_t m, std::int64_t n, int* info) {
  const std::int64_t least = std::min(m, n);
  Matrix<T> a = load<T>(at.a, m, n, at.lda);
  const bool finite = all_finite(a.data);
  std::vector<T> s(static_cast<std::size_t>(least), std::numeric_limits<T>::quiet_NaN());
  Matrix<T> u, vt;
  if (vectors) {
    u = Matrix<T>(m, full ? m : least);
    vt = Matrix<T>(full ? n : least, n);
  }
  *info = 0;
  const char job = !vectors ? 'N' : full ? 'A' : 'S';
  if (finite && least > 0) *info = gesvd(job, job, a, s, u, vt);
  T perturbation = 0;
  if (finite && least > 0) {
    const T smallest = 4 * std::numeric_limits<T>::epsilon() * s.front();
    for (T& value : s) {
      if (value >= smallest) continue;
      value = smallest;
      perturbation = smallest;
    }
  }
  spoil(at.a, m, n, at.lda);
  store(s, at.s);
  if (vectors && finite) {
    store(u, at.u, at.ldu);
    store(transposed(vt), at.v, at.ldv);
  } else if (vectors) {
    spoil(at.u, m, u.columns, at.ldu);
    spoil(at.v, n, vt.rows, at.ldv);
  }
  return static_cast<double>(perturbation);
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXgesvdp_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t,
                                              int, std::int64_t m, std::int64_t n, cudaDataType dataTypeA, const void*,
                                              std::int64_t lda, cudaDataType dataTypeS, const void*,
                                              cudaDataType dataTypeU, const void*, std::int64_t, cudaDataType dataTypeV,
                                              const void*, std::int64_t, cudaDataType computeType,
                                              std::size_t* workspaceInBytesOnDevice,
                                              std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXgesvdp_bufferSize", handle, [&] {
    require_params(params);
    require(m >= 0 && n >= 0 && lda >= std::max<std::int64_t>(1, m),
            "sizes of at least 0 and lda of at least max(1, m)");
    with_type({dataTypeA, dataTypeS, dataTypeU, dataTypeV, computeType}, [&](auto zero) {
      give(gesvdp_bytes(m, n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost);
    });
  });
}

cusolverStatus_t cusolverDnXgesvdp(cusolverDnHandle_t handle, cusolverDnParams_t params, cusolverEigMode_t jobz,
                                   int econ, std::int64_t m, std::int64_t n, cudaDataType dataTypeA, void* A,
                                   std::int64_t lda, cudaDataType dataTypeS, void* S, cudaDataType dataTypeU, void* U,
                                   std::int64_t ldu, cudaDataType dataTypeV, void* V, std::int64_t ldv,
                                   cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                   void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* d_info,
                                   double* h_err_sigma) {
  return solver_call("cusolverDnXgesvdp", handle, [&] {
    require_params(params);
    check_host(h_err_sigma, "h_err_sigma");
    with_type({dataTypeA, dataTypeS, dataTypeU, dataTypeV, computeType}, [&](auto zero) {
      using T = decltype(zero);
      const bool vectors = jobz == CUSOLVER_EIG_MODE_VECTOR;
      const std::int64_t least = std::min(m, n);
      check_matrix(static_cast<T*>(A), m, n, lda, "A");
      check_vector(static_cast<T*>(S), least, "S");
      if (vectors) check_matrix(static_cast<T*>(U), m, econ != 0 ? least : m, ldu, "U");
      if (vectors) check_matrix(static_cast<T*>(V), n, econ != 0 ? least : n, ldv, "V");
      check_vector(d_info, 1, "d_info");
      const WorkspaceBytes needed = gesvdp_bytes(m, n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      const Places<T> at{static_cast<T*>(emulation::on_device(A)),
                         static_cast<T*>(emulation::on_device(S)),
                         static_cast<T*>(emulation::on_device(U)),
                         static_cast<T*>(emulation::on_device(V)),
                         lda,
                         ldu,
                         ldv};
      auto perturbation = std::make_shared<double>(0);
      submit_and_wait(handle->stream,
                      [=, work = emulation::on_device(bufferOnDevice), info = emulation::on_device(d_info)] {
                        scribble(work, needed.device);
                        *perturbation = decompose(at, vectors, econ == 0, m, n, info);
                      });
      *h_err_sigma = *perturbation;
    });
  });
}
}
