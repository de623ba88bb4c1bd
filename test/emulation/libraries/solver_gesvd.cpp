// gesvd: m >= n only, gives V^T, waits for the device, and fails when it meets what is no number.
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

WorkspaceBytes gesvd_bytes(std::int64_t m, std::int64_t n, std::size_t element) {
  return workspace_bytes(m * n + 8 * n, element, 16);
}

void check_jobs(char jobu, char jobvt, std::int64_t m, std::int64_t n, std::int64_t lda) {
  const std::string jobs = "ASON";
  require(jobs.find(jobu) != std::string::npos && jobs.find(jobvt) != std::string::npos, "jobs A, S, O or N");
  require(jobu != 'O' || jobvt != 'O', "not O for both jobs");
  require(n >= 0 && m >= n, "m >= n");
  require(lda >= std::max<std::int64_t>(1, m), "lda of at least max(1, m)");
}

// 0 where nothing is written.
std::int64_t columns_of_u(char job, std::int64_t m, std::int64_t n) { return job == 'A' ? m : job == 'S' ? n : 0; }

template <typename T>
struct Places {
  T *a, *s, *u, *vt;
  std::int64_t lda, ldu, ldvt;
};

// False where the matrix has an element that is no number.
template <typename T>
bool decompose(const Places<T>& at, char jobu, char jobvt, std::int64_t m, std::int64_t n, int* info) {
  Matrix<T> a = load<T>(at.a, m, n, at.lda);
  if (!all_finite(a.data)) {
    spoil(at.a, m, n, at.lda);
    return false;
  }
  std::vector<T> s(static_cast<std::size_t>(n));
  Matrix<T> u(m, columns_of_u(jobu, m, n));
  Matrix<T> vt(jobvt == 'A' || jobvt == 'S' ? n : 0, jobvt == 'A' || jobvt == 'S' ? n : 0);
  *info = 0;
  if (n > 0) {
    *info = gesvd(jobu, jobvt, a, s, u, vt);
    if (!emulation::config().gesvd_converges) *info = 1;
  } else {
    for (std::int64_t i = 0; i < u.columns; ++i) u(i, i) = 1;
  }
  store(s, at.s);
  if (u.columns > 0) store(u, at.u, at.ldu);
  if (vt.columns > 0) store(vt, at.vt, at.ldvt);
  if (jobu == 'O' || jobvt == 'O')
    store(a, at.a, at.lda);
  else
    spoil(at.a, m, n, at.lda);
  return true;
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXgesvd_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                             signed char jobvt, std::int64_t m, std::int64_t n, cudaDataType dataTypeA,
                                             const void*, std::int64_t lda, cudaDataType dataTypeS, const void*,
                                             cudaDataType dataTypeU, const void*, std::int64_t, cudaDataType dataTypeVT,
                                             const void*, std::int64_t, cudaDataType computeType,
                                             std::size_t* workspaceInBytesOnDevice,
                                             std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXgesvd_bufferSize", handle, [&] {
    require_params(params);
    check_jobs(static_cast<char>(jobu), static_cast<char>(jobvt), m, n, lda);
    with_type({dataTypeA, dataTypeS, dataTypeU, dataTypeVT, computeType}, [&](auto zero) {
      give(gesvd_bytes(m, n, sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost);
    });
  });
}

cusolverStatus_t cusolverDnXgesvd(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                  signed char jobvt, std::int64_t m, std::int64_t n, cudaDataType dataTypeA, void* A,
                                  std::int64_t lda, cudaDataType dataTypeS, void* S, cudaDataType dataTypeU, void* U,
                                  std::int64_t ldu, cudaDataType dataTypeVT, void* VT, std::int64_t ldvt,
                                  cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                  void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* info) {
  return solver_call("cusolverDnXgesvd", handle, [&] {
    require_params(params);
    const char job_u = static_cast<char>(jobu), job_vt = static_cast<char>(jobvt);
    check_jobs(job_u, job_vt, m, n, lda);
    with_type({dataTypeA, dataTypeS, dataTypeU, dataTypeVT, computeType}, [&](auto zero) {
      using T = decltype(zero);
      const Places<T> given{
          static_cast<T*>(A), static_cast<T*>(S), static_cast<T*>(U), static_cast<T*>(VT), lda, ldu, ldvt};
      check_matrix(given.a, m, n, lda, "A");
      check_vector(given.s, n, "S");
      const std::int64_t columns = columns_of_u(job_u, m, n);
      if (columns > 0) check_matrix(given.u, m, columns, ldu, "U");
      if (job_vt == 'A' || job_vt == 'S') check_matrix(given.vt, n, n, ldvt, "VT");
      check_vector(info, 1, "info");
      const WorkspaceBytes needed = gesvd_bytes(m, n, sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      const Places<T> at{emulation::on_device(given.a),
                         emulation::on_device(given.s),
                         emulation::on_device(given.u),
                         emulation::on_device(given.vt),
                         lda,
                         ldu,
                         ldvt};
      auto finite = std::make_shared<bool>(true);
      submit_and_wait(handle->stream,
                      [=, work = emulation::on_device(bufferOnDevice), info = emulation::on_device(info)] {
                        scribble(work, needed.device);
                        *finite = decompose(at, job_u, job_vt, m, n, info);
                      });
      if (!*finite) throw Refusal(Outcome::ExecutionFailed, "the matrix has an element that is no number");
    });
  });
}
}
