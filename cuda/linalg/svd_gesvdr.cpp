// cuSOLVER's gesvdr: the largest singular values and their vectors, by a randomized method. It works in a subspace
// larger than what is wanted by an oversampling p: at least twice the rank and two iterations are advised, and rank + p
// must stay below both sizes.
#include <algorithm>

#include "cuda/kernels/transpose.h"
#include "cuda/linalg/svd_job.h"

namespace tensorlane::cuda {

void svd_gesvdr(CudaLane& lane, const SvdJob& job) {
  constexpr std::int64_t kIterations = 2;
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType type = data_type(job.type);
  const signed char wanted = job.vectors() ? 'S' : 'N';
  const std::int64_t rows = job.n;
  const std::int64_t columns = job.m;
  const std::int64_t rank = job.rank;
  const std::int64_t oversampling = std::min(2 * rank, job.k() - 1 - rank);
  // Its results are first columns of these.
  const Temporary u = lane.temporary(job.bytes(rows * (rank + oversampling)));
  const Temporary v = lane.temporary(job.bytes(columns * (rank + oversampling)));
  const Temporary s = lane.temporary(job.bytes(job.k()));
  const SolverWorkspace work(lane, "cusolverDnXgesvdr_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXgesvdr_bufferSize(handle, params, wanted, wanted, rows, columns, rank, oversampling,
                                                 kIterations, type, job.a, rows, type, s.as(), type, u.as(), rows, type,
                                                 v.as(), columns, type, device, host);
  });
  const auto take = [&](void* to, const void* from, std::int64_t elements) {
    check(cudaMemcpyAsync(to, from, job.bytes(elements), cudaMemcpyDeviceToDevice, lane.stream()), "cudaMemcpyAsync");
  };
  for (std::int64_t i = 0; i < job.count; ++i) {
    check(
        cusolver.cusolverDnXgesvdr(handle, params, wanted, wanted, rows, columns, rank, oversampling, kIterations, type,
                                   job.a_at(i), rows, type, s.as(), type, u.as(), rows, type, v.as(), columns, type,
                                   work.device(), work.device_bytes(), work.host(), work.host_bytes(), job.info + i),
        "cusolverDnXgesvdr");
    take(at(job.type, job.s, i * rank), s.as(), rank);
    if (!job.vectors()) continue;
    take(at(job.type, job.vt, i * rank * job.n), u.as(), rank * job.n);
    transpose(lane.stream(), size_of(job.type), v.as(), at(job.type, job.u, i * job.m * rank), 1, rank, job.m);
  }
}

}  // namespace tensorlane::cuda
