#include "cuda/linalg/svd_job.h"

#include "cuda/kernels/transpose.h"

namespace tensorlane::cuda {

SvdJob SvdJob::part(std::int64_t first, std::int64_t some) const {
  SvdJob job = *this;
  job.count = some;
  job.a = a_at(first);
  job.u = u_at(first);
  job.s = s_at(first);
  job.vt = vt_at(first);
  job.info = info + first;
  return job;
}

void svd_transposed(CudaLane& lane, const SvdJob& job, void (*driver)(CudaLane&, const SvdJob&)) {
  const std::size_t element = size_of(job.type);
  const Temporary a = lane.temporary(job.bytes(job.count * job.m * job.n));
  transpose(lane.stream(), element, job.a, a.as(), job.count, job.m, job.n);
  Temporary u;
  Temporary vt;
  SvdJob turned = job;
  turned.m = job.n;
  turned.n = job.m;
  turned.a = a.as();
  if (job.vectors()) {
    u = lane.temporary(job.bytes(job.count * turned.m * turned.u_columns()));
    vt = lane.temporary(job.bytes(job.count * turned.vt_rows() * turned.n));
    turned.u = u.as();
    turned.vt = vt.as();
  }
  driver(lane, turned);
  if (!job.vectors()) return;
  // A = (u' s vt')^T = vt'^T s u'^T.
  transpose(lane.stream(), element, vt.as(), job.u, job.count, turned.vt_rows(), turned.n);
  transpose(lane.stream(), element, u.as(), job.vt, job.count, turned.m, turned.u_columns());
}

}  // namespace tensorlane::cuda
