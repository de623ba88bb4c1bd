// cuSOLVER's gesvdaStridedBatched: from the eigenvalues of A^T A, so it is fast for batches of tall matrices, and loses
// half of the digits. It wants at least as many rows as columns, as it sees the matrix: a wide or square one of ours.
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/svd_job.h"

namespace tensorlane::cuda {
namespace {

template <typename T>
void run(CudaLane& lane, const SvdJob& job) {
  const Cusolver& cusolver = lane.cusolver();
  const auto query =
      pick<T>(cusolver.cusolverDnSgesvdaStridedBatched_bufferSize, cusolver.cusolverDnDgesvdaStridedBatched_bufferSize);
  const auto gesvda = pick<T>(cusolver.cusolverDnSgesvdaStridedBatched, cusolver.cusolverDnDgesvdaStridedBatched);
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverEigMode_t vectors = job.vectors() ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
  const int rows = to_int(job.n, "svd");
  const int columns = to_int(job.m, "svd");  // the rank, too: all of it
  const auto count = static_cast<int>(job.count);
  const std::int64_t step_u = job.n * job.m;
  const std::int64_t step_v = job.m * job.m;
  Temporary no_u;
  if (!job.vectors()) no_u = lane.temporary(job.bytes(job.count * step_u));
  const Temporary v = lane.temporary(job.bytes(job.count * step_v));
  const T* a = static_cast<const T*>(job.a);
  T* s = static_cast<T*>(job.s);
  T* u = job.vectors() ? static_cast<T*>(job.vt) : no_u.as<T>();
  int elements = 0;
  check(query(handle, vectors, columns, rows, columns, a, rows, step_u, s, columns, u, rows, step_u, v.as<T>(), columns,
              step_v, &elements, count),
        "cusolverDngesvdaStridedBatched_bufferSize");
  const Temporary work = lane.temporary(job.bytes(elements));
  check(gesvda(handle, vectors, columns, rows, columns, a, rows, step_u, s, columns, u, rows, step_u, v.as<T>(),
               columns, step_v, work.as<T>(), elements, job.info, nullptr, count),
        "cusolverDngesvdaStridedBatched");
  if (job.vectors()) transpose(lane.stream(), sizeof(T), v.as(), job.u, job.count, job.m, job.m);
}

}  // namespace

void svd_gesvda(CudaLane& lane, const SvdJob& job) {
  if (job.m > job.n) {
    svd_transposed(lane, job, svd_gesvda);
    return;
  }
  in_parts(job.count, kMostAtOnce, [&](std::int64_t first, std::int64_t count) {
    with_type(job.type, [&](auto type) { run<decltype(type)>(lane, job.part(first, count)); });
  });
}

}  // namespace tensorlane::cuda
