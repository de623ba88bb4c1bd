// cuSOLVER's gesvdj and gesvdjBatched: Jacobi's method, all of it on the GPU. They take any shape and give V, not V^T.
#include <memory>

#include "cuda/kernels/transpose.h"
#include "cuda/linalg/svd_job.h"

namespace tensorlane::cuda {
namespace {

// The options of one run.
class JacobiOptions {
 public:
  JacobiOptions(const Cusolver& cusolver, int max_sweeps) : info_(nullptr, cusolver.cusolverDnDestroyGesvdjInfo) {
    gesvdjInfo_t created = nullptr;
    check(cusolver.cusolverDnCreateGesvdjInfo(&created), "cusolverDnCreateGesvdjInfo");
    info_.reset(created);
    if (max_sweeps == 0) return;
    check(cusolver.cusolverDnXgesvdjSetMaxSweeps(created, max_sweeps), "cusolverDnXgesvdjSetMaxSweeps");
  }

  [[nodiscard]] gesvdjInfo_t get() const noexcept { return info_.get(); }

 private:
  std::unique_ptr<std::remove_pointer_t<gesvdjInfo_t>, cusolverStatus_t (*)(gesvdjInfo_t)> info_;
};

template <typename T>
void run_each(CudaLane& lane, const SvdJob& job) {
  const Cusolver& cusolver = lane.cusolver();
  const auto query = pick<T>(cusolver.cusolverDnSgesvdj_bufferSize, cusolver.cusolverDnDgesvdj_bufferSize);
  const auto gesvdj = pick<T>(cusolver.cusolverDnSgesvdj, cusolver.cusolverDnDgesvdj);
  const JacobiOptions options(cusolver, job.max_sweeps);
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverEigMode_t vectors = job.vectors() ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
  const int economy = job.mode == SvdMode::Full ? 0 : 1;
  const int rows = to_int(job.n, "svd");
  const int columns = to_int(job.m, "svd");
  Temporary no_u;
  if (!job.vectors()) no_u = lane.temporary(job.bytes(job.vt_rows() * job.n));
  const Temporary v = lane.temporary(job.bytes(job.m * job.u_columns()));
  const auto u = [&](std::int64_t i) { return static_cast<T*>(job.vectors() ? job.vt_at(i) : no_u.as()); };
  int elements = 0;
  check(query(handle, vectors, economy, rows, columns, static_cast<T*>(job.a), rows, static_cast<T*>(job.s), u(0), rows,
              v.as<T>(), columns, &elements, options.get()),
        "cusolverDngesvdj_bufferSize");
  const Temporary work = lane.temporary(job.bytes(elements));
  for (std::int64_t i = 0; i < job.count; ++i) {
    check(gesvdj(handle, vectors, economy, rows, columns, static_cast<T*>(job.a_at(i)), rows,
                 static_cast<T*>(job.s_at(i)), u(i), rows, v.as<T>(), columns, work.as<T>(), elements, job.info + i,
                 options.get()),
          "cusolverDngesvdj");
    if (job.vectors()) transpose(lane.stream(), sizeof(T), v.as(), job.u_at(i), 1, job.u_columns(), job.m);
  }
}

// It knows no thin mode: u and v come as n x n and m x m, packed, and of each the first columns, by columns, are
// wanted.
template <typename T>
void run_batch_of(CudaLane& lane, const SvdJob& job, const JacobiOptions& options) {
  const Cusolver& cusolver = lane.cusolver();
  const auto query =
      pick<T>(cusolver.cusolverDnSgesvdjBatched_bufferSize, cusolver.cusolverDnDgesvdjBatched_bufferSize);
  const auto gesvdj = pick<T>(cusolver.cusolverDnSgesvdjBatched, cusolver.cusolverDnDgesvdjBatched);
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverEigMode_t vectors = job.vectors() ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR;
  const auto rows = static_cast<int>(job.n);
  const auto columns = static_cast<int>(job.m);
  const auto count = static_cast<int>(job.count);
  const bool own_u = !job.vectors() || job.vt_rows() != job.n;
  Temporary square_u;
  if (own_u) square_u = lane.temporary(job.bytes(job.count * job.n * job.n));
  const Temporary square_v = lane.temporary(job.bytes(job.count * job.m * job.m));
  T* a = static_cast<T*>(job.a);
  T* s = static_cast<T*>(job.s);
  T* u = own_u ? square_u.as<T>() : static_cast<T*>(job.vt);
  T* v = square_v.as<T>();
  int elements = 0;
  check(query(handle, vectors, rows, columns, a, rows, s, u, rows, v, columns, &elements, options.get(), count),
        "cusolverDngesvdjBatched_bufferSize");
  const Temporary work = lane.temporary(job.bytes(elements));
  check(gesvdj(handle, vectors, rows, columns, a, rows, s, u, rows, v, columns, work.as<T>(), elements, job.info,
               options.get(), count),
        "cusolverDngesvdjBatched");
  if (!job.vectors()) return;
  transpose(lane.stream(), sizeof(T), v, job.m * job.m, job.u, job.m * job.u_columns(), job.count, job.u_columns(),
            job.m);
  if (!own_u) return;
  const std::size_t wanted = job.bytes(job.vt_rows() * job.n);
  check(cudaMemcpy2DAsync(job.vt, wanted, u, job.bytes(job.n * job.n), wanted, static_cast<std::size_t>(job.count),
                          cudaMemcpyDeviceToDevice, lane.stream()),
        "cudaMemcpy2DAsync");
}

}  // namespace

void svd_gesvdj(CudaLane& lane, const SvdJob& job) {
  with_type(job.type, [&](auto type) { run_each<decltype(type)>(lane, job); });
}

void svd_gesvdj_batched(CudaLane& lane, const SvdJob& job) {
  const JacobiOptions options(lane.cusolver(), job.max_sweeps);
  in_parts(job.count, kMostAtOnce, [&](std::int64_t first, std::int64_t count) {
    with_type(job.type, [&](auto type) { run_batch_of<decltype(type)>(lane, job.part(first, count), options); });
  });
}

}  // namespace tensorlane::cuda
