#include "cuda/linalg/lu.h"

#include <algorithm>

#include "cuda/kernels/matrix.h"
#include "cuda/linalg/common.h"

namespace tensorlane::cuda {

Temporary pointers_to(CudaLane& lane, DType type, void* base, std::int64_t step, std::int64_t count) {
  Temporary pointers = lane.temporary(static_cast<std::size_t>(count) * sizeof(void*));
  fill_pointers(lane.stream(), base, bytes_of(type, step), count, pointers.as<void*>());
  return pointers;
}

LuFactors::LuFactors(CudaLane& lane, DType type, std::int64_t m, std::int64_t n, std::int64_t count, void* a, int* info)
    : lane_(lane), type_(type), m_(m), n_(n), count_(count), a_(a), batched_(m == n && goes_batched(n, count)) {
  pivots_ = lane.temporary(static_cast<std::size_t>(std::min(m, n) * count) * pivot_bytes());
  if (batched_) {
    factorise_batch(info);
  } else {
    factorise_each(info);
  }
}

void LuFactors::factorise_batch(int* info) {
  pointers_ = pointers_to(lane_, type_, a_, n_ * n_, count_);
  const int n = to_int(n_, "lu");
  with_type(type_, [&](auto type) {
    using T = decltype(type);
    const Cublas& cublas = lane_.cublas();
    const auto getrf = pick<T>(cublas.cublasSgetrfBatched, cublas.cublasDgetrfBatched);
    in_parts(count_, kMostAtOnce, [&](std::int64_t first, std::int64_t count) {
      check(getrf(lane_.cublas_handle(), n, pointers_.as<T*>() + first, n, pivots_.as<int>() + first * n_, info + first,
                  static_cast<int>(count)),
            "cublasgetrfBatched");
    });
  });
}

void LuFactors::factorise_each(int* info) {
  const Cusolver& cusolver = lane_.cusolver();
  const cusolverDnHandle_t handle = lane_.cusolver_handle();
  const cusolverDnParams_t params = lane_.cusolver_params();
  const cudaDataType type = data_type(type_);
  const SolverWorkspace work(lane_, "cusolverDnXgetrf_bufferSize", [&](std::size_t* device, std::size_t* host) {
    return cusolver.cusolverDnXgetrf_bufferSize(handle, params, m_, n_, type, a_, m_, type, device, host);
  });
  for (std::int64_t i = 0; i < count_; ++i) {
    check(cusolver.cusolverDnXgetrf(handle, params, m_, n_, type, at(type_, a_, i * m_ * n_), m_,
                                    pivots_.as<std::int64_t>() + i * std::min(m_, n_), type, work.device(),
                                    work.device_bytes(), work.host(), work.host_bytes(), info + i),
          "cusolverDnXgetrf");
  }
}

void LuFactors::solve(std::int64_t first, std::int64_t count, std::int64_t columns, void* b) const {
  if (batched_) {
    const Temporary right = pointers_to(lane_, type_, b, n_ * columns, count);
    const int n = to_int(n_, "solve");
    const int nrhs = to_int(columns, "solve");
    with_type(type_, [&](auto type) {
      using T = decltype(type);
      const Cublas& cublas = lane_.cublas();
      const auto getrs = pick<T>(cublas.cublasSgetrsBatched, cublas.cublasDgetrsBatched);
      in_parts(count, kMostAtOnce, [&](std::int64_t part, std::int64_t size) {
        int info = 0;  // on the host: says only whether the arguments were understood
        check(getrs(lane_.cublas_handle(), CUBLAS_OP_N, n, nrhs, pointers_.as<const T*>() + first + part, n,
                    pivots_.as<int>() + (first + part) * n_, right.as<T*>() + part, n, &info, static_cast<int>(size)),
              "cublasgetrsBatched");
        if (info != 0) {
          throw Error(Code::Internal, "cublasgetrsBatched rejected argument " + std::to_string(-info));
        }
      });
    });
    return;
  }
  const Cusolver& cusolver = lane_.cusolver();
  const cudaDataType type = data_type(type_);
  const Temporary info = lane_.temporary(sizeof(int));  // says only whether the arguments were understood
  for (std::int64_t i = 0; i < count; ++i) {
    check(cusolver.cusolverDnXgetrs(lane_.cusolver_handle(), lane_.cusolver_params(), CUBLAS_OP_N, n_, columns, type,
                                    at(type_, a_, (first + i) * n_ * n_), n_,
                                    pivots_.as<std::int64_t>() + (first + i) * n_, type, at(type_, b, i * n_ * columns),
                                    n_, info.as<int>()),
          "cusolverDnXgetrs");
  }
}

void LuFactors::invert(void* inverses) const {
  set_identity(lane_.stream(), type_, inverses, count_, n_, n_);
  solve(0, count_, n_, inverses);
}

}  // namespace tensorlane::cuda
