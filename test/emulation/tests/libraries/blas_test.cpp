#include <thread>

#include "libraries/opened.h"

using namespace emulation_tests;

namespace {

constexpr int kSize = 5;
constexpr int kBatch = 3;

double residual(const std::vector<double>& a, const std::vector<double>& x, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t m = 0; m < kBatch; ++m)
    for (std::size_t i = 0; i < kSize; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < kSize; ++k) sum += a[m * kSize * kSize + k * kSize + i] * x[m * kSize + k];
      largest = std::max(largest, std::fabs(sum - b[m * kSize + i]));
    }
  return largest;
}

}  // namespace

TEST_CASE("cuBLAS factors and solves a batch") {
  const Clean clean;
  const Stream stream;
  const Blas blas(stream);
  const std::vector<double> a = random_values(kSize * kSize * kBatch), b = random_values(kSize * kBatch, 2);
  const Memory<double> lu(a), x(b);
  std::vector<double*> matrices, rights;
  for (std::size_t i = 0; i < kBatch; ++i) {
    matrices.push_back(lu + i * kSize * kSize);
    rights.push_back(x + i * kSize);
  }
  const Memory<double*> at(matrices), right_at(rights);
  const Memory<int> pivots(kSize * kBatch), info(kBatch);
  BLAS_OK(BLAS(cublasDgetrfBatched)(blas.handle, kSize, at, kSize, pivots, info, kBatch));
  int host_info = 1;
  BLAS_OK(BLAS(cublasDgetrsBatched)(blas.handle, CUBLAS_OP_N, kSize, 1, at, kSize, pivots, right_at, kSize, &host_info,
                                    kBatch));
  CHECK_EQ(host_info, 0);
  stream.wait();
  CHECK_LT(residual(a, x.values(), b), 1e-12);
  CHECK_EQ(info.values(), std::vector<int>(kBatch, 0));

  // info of getrs is on the host.
  CHECK_EQ(
      BLAS(cublasDgetrsBatched)(blas.handle, CUBLAS_OP_N, kSize, 1, at, kSize, pivots, right_at, kSize, info, kBatch),
      CUBLAS_STATUS_INVALID_VALUE);
  // Addresses of the host where the device's are expected.
  CHECK_EQ(BLAS(cublasDgetrfBatched)(blas.handle, kSize, matrices.data(), kSize, pivots, info, kBatch),
           CUBLAS_STATUS_INVALID_VALUE);
}

TEST_CASE("A singular matrix of a batch is named by info, and a wrong address in the array is the device's end") {
  const Clean clean;
  const Stream stream;
  const Blas blas(stream);
  const Memory<float> matrix(std::vector<float>{1, 2, 2, 4});
  const Memory<float*> at(std::vector<float*>{matrix});
  const Memory<int> info(1), pivots(2);
  BLAS_OK(BLAS(cublasSgetrfBatched)(blas.handle, 2, at, 2, pivots, info, 1));
  stream.wait();
  CHECK_EQ(info.values(), std::vector<int>{2});
  CHECK_EQ(pivots.values(), std::vector<int>{2, 2});

  std::vector<float> host(4);
  const Memory<float*> wrong(std::vector<float*>{host.data()});
  BLAS_OK(BLAS(cublasSgetrfBatched)(blas.handle, 2, wrong, 2, pivots, info, 1));
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  CHECK_EQ(BLAS(cublasSetStream_v2)(blas.handle, stream), CUBLAS_STATUS_EXECUTION_FAILED);
  emulation::reset_errors();
}

TEST_CASE("trsm solves from either side") {
  const Clean clean;
  const Stream stream;
  const Blas blas(stream);
  const Memory<double> a(std::vector<double>{2, 1, 0, 4}), b(std::vector<double>{2, 9, 4, 2});
  const double alpha = 2;
  BLAS_OK(BLAS(cublasDtrsm_v2)(blas.handle, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT,
                               2, 2, &alpha, a, 2, b, 2));
  stream.wait();
  CHECK_EQ(b.values(), std::vector<double>{2, 4, 4, 0});
}

TEST_CASE("trsmBatched solves with each matrix of an array, and an address that is none is the device's end") {
  const Clean clean;
  const Stream stream;
  const Blas blas(stream);
  // By columns; the upper triangles of both are solved with from the right, without and with their diagonals.
  const Memory<double> a(std::vector<double>{2, 99, 1, 4}), b(std::vector<double>{2, 4, 5, 10});
  const Memory<double*> left(std::vector<double*>{a, a}), right(std::vector<double*>{b, b + 2});
  const double one = 1;
  const auto solve = [&](cublasDiagType_t diagonal, const Memory<double*>& of, int batch) {
    return BLAS(cublasDtrsmBatched)(blas.handle, CUBLAS_SIDE_RIGHT, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, diagonal, 1, 2,
                                    &one, of, 2, right, 1, batch);
  };
  BLAS_OK(solve(CUBLAS_DIAG_NON_UNIT, left, 2));
  stream.wait();
  CHECK_EQ(b.values(), std::vector<double>{1, 0.75, 2.5, 1.875});
  BLAS_OK(solve(CUBLAS_DIAG_UNIT, left, 1));
  stream.wait();
  CHECK_EQ(b.values(), std::vector<double>{1, -0.25, 2.5, 1.875});
  BLAS_OK(solve(CUBLAS_DIAG_UNIT, left, 0));

  std::vector<double> host(4);
  const Memory<double*> wrong(std::vector<double*>{host.data()});
  BLAS_OK(solve(CUBLAS_DIAG_UNIT, wrong, 1));
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  emulation::reset_errors();
}

TEST_CASE("cuBLAS fails as it is told to") {
  const Clean clean;
  const Stream stream;
  const Blas blas(stream);
  cublasHandle_t other = nullptr;
  emulation::plan_fault("cublasCreate_v2", 1, cudaErrorMemoryAllocation);
  CHECK_EQ(BLAS(cublasCreate_v2)(&other), CUBLAS_STATUS_ALLOC_FAILED);
  emulation::plan_fault("cublasSetStream_v2", 1, cudaErrorIllegalAddress);
  CHECK_EQ(BLAS(cublasSetStream_v2)(blas.handle, stream), CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK_EQ(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
  emulation::reset_errors();
}

TEST_CASE("cuBLAS refuses a stream that was destroyed, a workspace that is not aligned, and a leading dimension") {
  const Clean clean;
  cudaStream_t gone = nullptr;
  OK(cudaStreamCreateWithFlags(&gone, cudaStreamNonBlocking));
  const Blas blas(gone);
  const Memory<float> matrix(4096);
  CHECK_EQ(BLAS(cublasSetWorkspace_v2)(blas.handle, matrix + 1, 1024), CUBLAS_STATUS_INVALID_VALUE);
  CHECK_EQ(BLAS(cublasSetWorkspace_v2)(blas.handle, nullptr, 1024), CUBLAS_STATUS_INVALID_VALUE);
  BLAS_OK(BLAS(cublasSetWorkspace_v2)(blas.handle, matrix, 16384));
  const float alpha = 1;
  const auto solve = [&](int ldb) {
    return BLAS(cublasStrsm_v2)(blas.handle, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_UNIT, 2,
                                2, &alpha, matrix, 2, matrix + 16, ldb);
  };
  CHECK_EQ(solve(1), CUBLAS_STATUS_INVALID_VALUE);
  OK(cudaStreamDestroy(gone));
  CHECK_EQ(solve(2), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_CASE("A handle in use by one thread is refused to another") {
  const Clean clean;
  const Stream stream;
  const Solver solver(stream);
  // gesvd waits for its stream, which waits for this.
  std::atomic<bool> go{false};
  OK(cudaLaunchHostFunc(stream, [](void* flag) { static_cast<std::atomic<bool>*>(flag)->wait(false); }, &go));
  const Memory<double> a(std::vector<double>{4}), w(1);
  const Memory<int> info(1);
  std::size_t device = 0, host = 0;
  SOLVER_OK(SOLVER(cusolverDnXsyevd_bufferSize)(solver.handle, solver.params, CUSOLVER_EIG_MODE_NOVECTOR,
                                                CUBLAS_FILL_MODE_LOWER, 1, CUDA_R_64F, a, 1, CUDA_R_64F, w, CUDA_R_64F,
                                                &device, &host));
  const Memory<char> work(device);
  std::vector<char> host_work(host);
  std::thread first([&] {
    CHECK_EQ(SOLVER(cusolverDnXsyevd)(solver.handle, solver.params, CUSOLVER_EIG_MODE_NOVECTOR, CUBLAS_FILL_MODE_LOWER,
                                      1, CUDA_R_64F, a, 1, CUDA_R_64F, w, CUDA_R_64F, work, device, host_work.data(),
                                      host, info),
             CUSOLVER_STATUS_SUCCESS);
  });
  while (emulation::calls("cusolverDnXsyevd") == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  cusolverStatus_t refused = CUSOLVER_STATUS_SUCCESS;
  refused = SOLVER(cusolverDnSetStream)(solver.handle, stream);
  go = true;
  go.notify_all();
  first.join();
  CHECK_EQ(refused, CUSOLVER_STATUS_EXECUTION_FAILED);
  CHECK_EQ(w.values(), std::vector<double>{4});
}
