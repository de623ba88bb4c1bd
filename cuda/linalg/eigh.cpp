// Eigenvalues and eigenvectors of symmetric matrices. The lower triangle of a row-major matrix is the upper one of what
// the libraries see. They give the vectors by columns, which are rows to us: one transpose.
#include <array>
#include <limits>
#include <memory>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/eigh_choice.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/scale.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// `count` packed n x n matrices that become their eigenvectors, where those are wanted.
struct Job {
  DType type{};
  cusolverEigMode_t vectors{};
  std::int64_t n = 0, count = 0;
  void* a = nullptr;
  void* w = nullptr;
  int* info = nullptr;
};

void eigh_each(CudaLane& lane, const Job& job) {
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType type = data_type(job.type);
  const std::int64_t n = job.n;
  const SolverWorkspace work(lane, "cusolverDnXsyevd_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXsyevd_bufferSize(handle, params, job.vectors, CUBLAS_FILL_MODE_UPPER, n, type, job.a, n,
                                                type, job.w, type, device, host);
  });
  for (std::int64_t i = 0; i < job.count; ++i) {
    check(cusolver.cusolverDnXsyevd(handle, params, job.vectors, CUBLAS_FILL_MODE_UPPER, n, type,
                                    at(job.type, job.a, i * n * n), n, type, at(job.type, job.w, i * n), type,
                                    work.device(), work.device_bytes(), work.host(), work.host_bytes(), job.info + i),
          "cusolverDnXsyevd");
  }
}

void eigh_batched(CudaLane& lane, const Job& job) {
#if TENSORLANE_SYEV_BATCHED
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  const cusolverDnParams_t params = lane.cusolver_params();
  const cudaDataType type = data_type(job.type);
  const std::int64_t n = job.n;
  const std::int64_t most = std::min(kMostAtOnce, std::numeric_limits<int>::max() / (n * n));  // the routine's limit
  in_parts(job.count, most, [&](std::int64_t first, std::int64_t count) {
    void* a = at(job.type, job.a, first * n * n);
    void* w = at(job.type, job.w, first * n);
    const SolverWorkspace work(lane, "cusolverDnXsyevBatched_bufferSize", [&](std::size_t* device, std::size_t* host) {
      return cusolver.cusolverDnXsyevBatched_bufferSize(handle, params, job.vectors, CUBLAS_FILL_MODE_UPPER, n, type, a,
                                                        n, type, w, type, device, host, count);
    });
    check(cusolver.cusolverDnXsyevBatched(handle, params, job.vectors, CUBLAS_FILL_MODE_UPPER, n, type, a, n, type, w,
                                          type, work.device(), work.device_bytes(), work.host(), work.host_bytes(),
                                          job.info + first, count),
          "cusolverDnXsyevBatched");
  });
#else
  eigh_each(lane, job);  // not reached: choose_eigh() is told that there is no such routine
#endif
}

void eigh_jacobi(CudaLane& lane, const Job& job) {
  const Cusolver& cusolver = lane.cusolver();
  const cusolverDnHandle_t handle = lane.cusolver_handle();
  syevjInfo_t created = nullptr;
  check(cusolver.cusolverDnCreateSyevjInfo(&created), "cusolverDnCreateSyevjInfo");
  const std::unique_ptr<std::remove_pointer_t<syevjInfo_t>, cusolverStatus_t (*)(syevjInfo_t)> options(
      created, cusolver.cusolverDnDestroySyevjInfo);
  const int n = to_int(job.n, "eigh");
  with_type(job.type, [&](auto type) {
    using T = decltype(type);
    const auto query =
        pick<T>(cusolver.cusolverDnSsyevjBatched_bufferSize, cusolver.cusolverDnDsyevjBatched_bufferSize);
    const auto syevj = pick<T>(cusolver.cusolverDnSsyevjBatched, cusolver.cusolverDnDsyevjBatched);
    in_parts(job.count, kMostAtOnce, [&](std::int64_t first, std::int64_t some) {
      T* a = static_cast<T*>(job.a) + first * job.n * job.n;
      T* w = static_cast<T*>(job.w) + first * job.n;
      const auto count = static_cast<int>(some);
      int elements = 0;
      check(query(handle, job.vectors, CUBLAS_FILL_MODE_UPPER, n, a, n, w, &elements, options.get(), count),
            "cusolverDnsyevjBatched_bufferSize");
      const Temporary work = lane.temporary(bytes_of(job.type, elements));
      check(syevj(handle, job.vectors, CUBLAS_FILL_MODE_UPPER, n, a, n, w, work.as<T>(), elements, job.info + first,
                  options.get(), count),
            "cusolverDnsyevjBatched");
    });
  });
}

bool library_has_batched(CudaLane& lane) {
#if TENSORLANE_SYEV_BATCHED
  return lane.cusolver().cusolverDnXsyevBatched != nullptr;
#else
  static_cast<void>(lane);
  return false;
#endif
}

void run(CudaLane& lane, const Job& job, Ran ran) {
  switch (choose_eigh(job.count, job.n, library_has_batched(lane))) {
    case EighMethod::Each:
      say_ran(ran, "syevd");
      return eigh_each(lane, job);
    case EighMethod::Batched:
      say_ran(ran, "syevBatched");
      return eigh_batched(lane, job);
    case EighMethod::Jacobi:
      say_ran(ran, "syevjBatched");
      return eigh_jacobi(lane, job);
  }
}

}  // namespace

void eigh(CudaLane& lane, const EighArgs& args) {
  const std::int64_t n = args.n;
  if (args.batch == 0 || n == 0) return;
  const DType type = args.type;
  const std::int64_t elements = n * n;
  const std::size_t bytes = bytes_of(type, elements);
  StatusWords not_finite(lane, args.batch);
  StatusWords info(lane, args.batch);
  StatusWords beyond(lane, args.batch);
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{BatchOperand{&args.w, bytes_of(type, n)}, BatchOperand{&args.v, args.vectors ? bytes : 0}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    const cudaStream_t stream = lane.stream();
    const Temporary work = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    const Temporary magnitudes = lane.temporary(sizeof(int) * static_cast<std::size_t>(chunk.count));
    {
      // Only the lower triangle counts, also when looking for NaNs.
      const Temporary lower = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
      copy_triangle(stream, type, Triangle::Lower, chunk.inputs[0], n, elements, lower.as(), chunk.count, n, n);
      copy_finite(stream, type, lower.as(), work.as(), chunk.count, elements, not_finite.at(chunk.first));
    }
    scale_to_unit(stream, type, work.as(), chunk.count, elements, magnitudes.as<int>());
    run(lane,
        {type, args.vectors ? CUSOLVER_EIG_MODE_VECTOR : CUSOLVER_EIG_MODE_NOVECTOR, n, chunk.count, work.as(),
         chunk.outputs[0], info.at(chunk.first)},
        args.ran);
    scale_back(stream, type, chunk.outputs[0], chunk.count, n, magnitudes.as<int>());
    find_not_finite(stream, type, chunk.outputs[0], chunk.count, n, beyond.at(chunk.first));
    if (args.vectors) transpose(stream, size_of(type), work.as(), chunk.outputs[1], chunk.count, n, n);
  });
  not_finite.check(Code::NotFinite, "eigh: the input has a NaN or an infinity");
  check_info(info, Code::NotConverged, "eigh: the iteration did not converge");
  check_beyond(beyond, type, "eigh: there are eigenvalues");
}

}  // namespace tensorlane::cuda
