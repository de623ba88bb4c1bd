// cuSOLVER's gesvd: QR iteration on the bidiagonal form, partly on the CPU. The most robust of them. It wants at least
// as many rows as columns, as it sees the matrix: a wide or square one of ours.
#include "cuda/linalg/svd_job.h"

namespace tensorlane::cuda {

void svd_gesvd(CudaLane& lane, const SvdJob& job) {
  if (job.m > job.n) {
    svd_transposed(lane, job, svd_gesvd);
    return;
  }
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType type = data_type(job.type);
  const std::int64_t rows = job.n;
  const std::int64_t columns = job.m;
  const signed char wanted = job.mode == SvdMode::Full ? 'A' : (job.vectors() ? 'S' : 'N');
  Temporary no_u;
  Temporary no_vt;
  if (!job.vectors()) {
    no_u = lane.temporary(job.bytes(rows * columns));
    no_vt = lane.temporary(job.bytes(columns * columns));
  }
  const auto u = [&](std::int64_t i) { return job.vectors() ? job.vt_at(i) : no_u.as(); };
  const auto vt = [&](std::int64_t i) { return job.vectors() ? job.u_at(i) : no_vt.as(); };
  const SolverWorkspace work(lane, "cusolverDnXgesvd_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXgesvd_bufferSize(handle, params, wanted, wanted, rows, columns, type, job.a, rows, type,
                                                job.s, type, u(0), rows, type, vt(0), columns, type, device, host);
  });
  for (std::int64_t i = 0; i < job.count; ++i) {
    check(cusolver.cusolverDnXgesvd(handle, params, wanted, wanted, rows, columns, type, job.a_at(i), rows, type,
                                    job.s_at(i), type, u(i), rows, type, vt(i), columns, type, work.device(),
                                    work.device_bytes(), work.host(), work.host_bytes(), job.info + i),
          "cusolverDnXgesvd");
  }
}

}  // namespace tensorlane::cuda
