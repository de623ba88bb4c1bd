// cuSOLVER's gesvdp: by the polar decomposition, for large matrices. It may perturb tiny singular values, and says by
// how much. Before the library of CUDA 13.3 Update 1 it was wrong on rank-deficient matrices.
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/svd_job.h"

namespace tensorlane::cuda {

void svd_gesvdp(CudaLane& lane, const SvdJob& job, double* perturbations) {
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType type = data_type(job.type);
  const cusolverEigMode_t vectors = job.vectors() ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
  const int economy = job.mode == SvdMode::Full ? 0 : 1;
  const std::int64_t rows = job.n;
  const std::int64_t columns = job.m;
  Temporary no_u;
  if (!job.vectors()) no_u = lane.temporary(job.bytes(job.vt_rows() * job.n));
  const Temporary v = lane.temporary(job.bytes(job.m * job.u_columns()));
  const auto u = [&](std::int64_t i) { return job.vectors() ? job.vt_at(i) : no_u.as(); };
  const SolverWorkspace work(lane, "cusolverDnXgesvdp_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXgesvdp_bufferSize(handle, params, vectors, economy, rows, columns, type, job.a, rows,
                                                 type, job.s, type, u(0), rows, type, v.as(), columns, type, device,
                                                 host);
  });
  for (std::int64_t i = 0; i < job.count; ++i) {
    check(cusolver.cusolverDnXgesvdp(handle, params, vectors, economy, rows, columns, type, job.a_at(i), rows, type,
                                     job.s_at(i), type, u(i), rows, type, v.as(), columns, type, work.device(),
                                     work.device_bytes(), work.host(), work.host_bytes(), job.info + i,
                                     perturbations + i),
          "cusolverDnXgesvdp");
    if (job.vectors()) {
      transpose(lane.stream(), size_of(job.type), v.as(), job.u_at(i), 1, job.u_columns(), job.m);
    }
  }
}

}  // namespace tensorlane::cuda
