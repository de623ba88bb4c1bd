#include "libraries/opened.h"

using namespace emulation_tests;

TEST_CASE("getrf gives pivots of 64 bits, getrs solves, info names a zero pivot") {
  const Clean clean;
  const Stream stream;
  const Solver solver(stream);
  constexpr std::int64_t n = 6;
  const std::vector<double> a = random_values(n * n), b = random_values(n, 2);
  const Memory<double> lu(a), x(b);
  const Memory<std::int64_t> pivots(n);
  const Memory<int> info(1);
  std::size_t device = 0, host = 0;
  SOLVER_OK(SOLVER(cusolverDnXgetrf_bufferSize)(solver.handle, solver.params, n, n, CUDA_R_64F, lu, n, CUDA_R_64F,
                                                &device, &host));
  const Memory<char> work(device);
  const auto factor = [&](std::size_t bytes) {
    return SOLVER(cusolverDnXgetrf)(solver.handle, solver.params, n, n, CUDA_R_64F, lu, n, pivots, CUDA_R_64F, work,
                                    bytes, nullptr, 0, info);
  };
  CHECK_EQ(factor(device - 1), CUSOLVER_STATUS_INVALID_VALUE);
  SOLVER_OK(factor(device));
  SOLVER_OK(SOLVER(cusolverDnXgetrs)(solver.handle, solver.params, CUBLAS_OP_T, n, 1, CUDA_R_64F, lu, n, pivots,
                                     CUDA_R_64F, x, n, info));
  stream.wait();
  const std::vector<double> found = x.values();
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += a[i * n + k] * found[k];
    CHECK(sum == doctest::Approx(b[i]));
  }
  const std::vector<double> zeros(n * n);
  OK(cudaMemcpy(lu, zeros.data(), n * n * sizeof(double), cudaMemcpyHostToDevice));
  SOLVER_OK(factor(device));
  stream.wait();
  CHECK_EQ(info.values()[0], 1);
}

TEST_CASE("geqrf and orgqr give an orthonormal basis") {
  const Clean clean;
  const Stream stream;
  const Solver solver(stream);
  constexpr int m = 7, n = 4;
  const Memory<double> a(random_values(m * n)), tau(n);
  const Memory<int> info(1);
  std::size_t device = 0, host = 0;
  SOLVER_OK(SOLVER(cusolverDnXgeqrf_bufferSize)(solver.handle, solver.params, m, n, CUDA_R_64F, a, m, CUDA_R_64F, tau,
                                                CUDA_R_64F, &device, &host));
  const Memory<char> work(device);
  SOLVER_OK(SOLVER(cusolverDnXgeqrf)(solver.handle, solver.params, m, n, CUDA_R_64F, a, m, CUDA_R_64F, tau, CUDA_R_64F,
                                     work, device, nullptr, 0, info));
  int elements = 0;
  SOLVER_OK(SOLVER(cusolverDnDorgqr_bufferSize)(solver.handle, m, n, n, a, m, tau, &elements));
  const Memory<double> more(static_cast<std::size_t>(elements));
  SOLVER_OK(SOLVER(cusolverDnDorgqr)(solver.handle, m, n, n, a, m, tau, more, elements, info));
  stream.wait();
  CHECK_LT(orthogonality(a.values(), m, n), 1e-14);
}

TEST_CASE("potrf writes its triangle only, and info names the minor that is not positive") {
  const Clean clean;
  const Stream stream;
  const Solver solver(stream);
  const Memory<float> good(std::vector<float>{4, 2, -7, 5}), bad(std::vector<float>{1, 2, 0, 1});
  const Memory<float*> at(std::vector<float*>{good, bad});
  const Memory<int> info(2);
  SOLVER_OK(SOLVER(cusolverDnSpotrfBatched)(solver.handle, CUBLAS_FILL_MODE_LOWER, 2, at, 2, info, 2));
  stream.wait();
  CHECK_EQ(good.values(), std::vector<float>{2, 1, -7, 2});
  CHECK_EQ(info.values(), std::vector<int>{0, 2});
}

TEST_CASE("Eigenvalues ascend, one by one and in batches") {
  const Clean clean;
  const Stream stream;
  const Solver solver(stream);
  const std::vector<double> matrices{2, 1, 1, 2, 5, 0, 0, 3};
  const Memory<double> a(matrices), w(4);
  const Memory<int> info(2);
  std::size_t device = 0, host = 0;
  const auto size = [&](std::int64_t n, std::int64_t batch) {
    return SOLVER(cusolverDnXsyevBatched_bufferSize)(solver.handle, solver.params, CUSOLVER_EIG_MODE_VECTOR,
                                                     CUBLAS_FILL_MODE_LOWER, n, CUDA_R_64F, a, n, CUDA_R_64F, w,
                                                     CUDA_R_64F, &device, &host, batch);
  };
  CHECK_EQ(size(1 << 10, 1 << 11), CUSOLVER_STATUS_INVALID_VALUE);
  SOLVER_OK(size(2, 2));
  const Memory<char> work(device);
  std::vector<char> host_work(host);
  SOLVER_OK(SOLVER(cusolverDnXsyevBatched)(solver.handle, solver.params, CUSOLVER_EIG_MODE_VECTOR,
                                           CUBLAS_FILL_MODE_LOWER, 2, CUDA_R_64F, a, 2, CUDA_R_64F, w, CUDA_R_64F, work,
                                           device, host_work.data(), host, info, 2));
  stream.wait();
  const std::vector<double> values = w.values(), expected{1, 3, 3, 5};
  for (std::size_t i = 0; i < 4; ++i) CHECK(values[i] == doctest::Approx(expected[i]));
  CHECK_LT(orthogonality(a.values(), 2, 2), 1e-14);
}
