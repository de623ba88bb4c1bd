#include "libraries/opened.h"

using namespace emulation_tests;

namespace {

constexpr std::size_t kRows = 9, kColumns = 6;

struct Svd {
  explicit Svd(std::vector<double> values, std::size_t rows = kRows, std::size_t columns = kColumns)
      : matrix(std::move(values)), m(rows), n(columns), a(matrix), s(std::min(m, n)), u(m * m), v(n * n), info(1) {}

  std::vector<double> matrix;
  std::size_t m, n;
  Stream stream;
  Solver solver{stream};
  Memory<double> a, s, u, v;
  Memory<int> info;

  [[nodiscard]] int rows() const { return static_cast<int>(m); }
  [[nodiscard]] int columns() const { return static_cast<int>(n); }

  cusolverStatus_t gesvd() {
    std::size_t device = 0, host = 0;
    const cusolverStatus_t sized = SOLVER(cusolverDnXgesvd_bufferSize)(
        solver.handle, solver.params, 'S', 'S', rows(), columns(), CUDA_R_64F, a, rows(), CUDA_R_64F, s, CUDA_R_64F, u,
        rows(), CUDA_R_64F, v, columns(), CUDA_R_64F, &device, &host);
    if (sized != CUSOLVER_STATUS_SUCCESS) return sized;
    const Memory<char> work(device);
    std::vector<char> host_work(host);
    return SOLVER(cusolverDnXgesvd)(solver.handle, solver.params, 'S', 'S', rows(), columns(), CUDA_R_64F, a, rows(),
                                    CUDA_R_64F, s, CUDA_R_64F, u, rows(), CUDA_R_64F, v, columns(), CUDA_R_64F, work,
                                    device, host_work.data(), host, info);
  }
  void gesvdj(int econ) {
    int elements = 0;
    SOLVER_OK(SOLVER(cusolverDnDgesvdj_bufferSize)(solver.handle, CUSOLVER_EIG_MODE_VECTOR, econ, rows(), columns(), a,
                                                   rows(), s, u, rows(), v, columns(), &elements, solver.jacobi));
    const Memory<double> work(static_cast<std::size_t>(elements));
    SOLVER_OK(SOLVER(cusolverDnDgesvdj)(solver.handle, CUSOLVER_EIG_MODE_VECTOR, econ, rows(), columns(), a, rows(), s,
                                        u, rows(), v, columns(), work, elements, info, solver.jacobi));
    stream.wait();
  }
  [[nodiscard]] double error(bool vt) const {
    return svd_error(matrix, m, n, u.values(), s.values(), v.values(), vt, n);
  }
};

}  // namespace

TEST_CASE("gesvd gives V^T, wants m >= n, and fails on a NaN") {
  const Clean clean;
  Svd tall(random_values(kRows * kColumns));
  SOLVER_OK(tall.gesvd());
  CHECK_LT(tall.error(true), 1e-13);
  Svd wide(random_values(kRows * kColumns), kColumns, kRows);
  CHECK_EQ(wide.gesvd(), CUSOLVER_STATUS_INVALID_VALUE);
  std::vector<double> with_nan = random_values(kRows * kColumns);
  with_nan[7] = std::nan("");
  Svd broken(with_nan);
  CHECK_EQ(broken.gesvd(), CUSOLVER_STATUS_EXECUTION_FAILED);
  CHECK_EQ(emulation::sticky(), cudaSuccess);
  // It waits, so a failure of the device while it runs is its own.
  Svd lost(random_values(kRows * kColumns));
  emulation::plan_fault("cusolverDnXgesvd", 1, cudaErrorIllegalAddress, emulation::Effect::AtExecution);
  CHECK_EQ(lost.gesvd(), CUSOLVER_STATUS_EXECUTION_FAILED);
  emulation::reset_errors();
}

TEST_CASE("gesvdj takes any shape, gives V, and its bases are orthonormal, also where the rank is small") {
  const Clean clean;
  for (const auto& [m, n] :
       {std::pair{kRows, kColumns}, std::pair{kColumns, kRows}, std::pair{std::size_t{1}, kRows}}) {
    Svd svd(random_values(m * n), m, n);
    svd.gesvdj(0);
    CHECK_EQ(svd.info.values()[0], 0);
    CHECK_LT(svd.error(false), 1e-13);
    CHECK_LT(orthogonality(svd.u.values(), m, m), 1e-13);
    CHECK_LT(orthogonality(svd.v.values(), n, n), 1e-13);
  }
  Svd zero(std::vector<double>(kRows * kColumns), kRows, kColumns);
  zero.gesvdj(0);
  CHECK_EQ(zero.s.values(), std::vector<double>(kColumns));
  CHECK_LT(orthogonality(zero.u.values(), kRows, kRows), 1e-13);
}

TEST_CASE("One sweep does not suffice, and info says so") {
  const Clean clean;
  Svd svd(random_values(kRows * kColumns));
  SOLVER_OK(SOLVER(cusolverDnXgesvdjSetMaxSweeps)(svd.solver.jacobi, 1));
  svd.gesvdj(1);
  CHECK_EQ(svd.info.values()[0], static_cast<int>(kColumns) + 1);
  int sweeps = 0;
  SOLVER_OK(SOLVER(cusolverDnXgesvdjGetSweeps)(svd.solver.handle, svd.solver.jacobi, &sweeps));
  CHECK_EQ(sweeps, 1);
}

TEST_CASE("gesvdjBatched takes up to 32 rows and columns, and needs U and V for values alone") {
  const Clean clean;
  Svd svd(random_values(kRows * kColumns));
  int elements = 0;
  const auto size = [&](int m) {
    return SOLVER(cusolverDnDgesvdjBatched_bufferSize)(svd.solver.handle, CUSOLVER_EIG_MODE_VECTOR, m, svd.columns(),
                                                       svd.a, m, svd.s, svd.u, m, svd.v, svd.columns(), &elements,
                                                       svd.solver.jacobi, 1);
  };
  CHECK_EQ(size(33), CUSOLVER_STATUS_INVALID_VALUE);
  SOLVER_OK(size(svd.rows()));
  const Memory<double> work(static_cast<std::size_t>(elements));
  const auto run = [&](cusolverEigMode_t mode, double* u) {
    return SOLVER(cusolverDnDgesvdjBatched)(svd.solver.handle, mode, svd.rows(), svd.columns(), svd.a, svd.rows(),
                                            svd.s, u, svd.rows(), svd.v, svd.columns(), work, elements, svd.info,
                                            svd.solver.jacobi, 1);
  };
  CHECK_EQ(run(CUSOLVER_EIG_MODE_NOVECTOR, nullptr), CUSOLVER_STATUS_INVALID_VALUE);
  SOLVER_OK(run(CUSOLVER_EIG_MODE_VECTOR, svd.u));
  svd.stream.wait();
  CHECK_LT(svd.error(false), 1e-13);
}

TEST_CASE("gesvdaStridedBatched leaves A alone, gives V, and loses half of the digits") {
  const Clean clean;
  Svd svd(random_values(kRows * kColumns));
  int elements = 0;
  const long long sa = kRows * kColumns, sv = kColumns * kColumns;
  SOLVER_OK(SOLVER(cusolverDnDgesvdaStridedBatched_bufferSize)(
      svd.solver.handle, CUSOLVER_EIG_MODE_VECTOR, svd.columns(), svd.rows(), svd.columns(), svd.a, svd.rows(), sa,
      svd.s, svd.columns(), svd.u, svd.rows(), sa, svd.v, svd.columns(), sv, &elements, 1));
  const Memory<double> work(static_cast<std::size_t>(elements));
  double norm = 1;
  SOLVER_OK(SOLVER(cusolverDnDgesvdaStridedBatched)(
      svd.solver.handle, CUSOLVER_EIG_MODE_VECTOR, svd.columns(), svd.rows(), svd.columns(), svd.a, svd.rows(), sa,
      svd.s, svd.columns(), svd.u, svd.rows(), sa, svd.v, svd.columns(), sv, work, elements, svd.info, &norm, 1));
  CHECK_LT(svd.error(false), 1e-12);
  CHECK_LT(norm, 1e-12);
  CHECK_EQ(svd.a.values(), svd.matrix);
}

TEST_CASE("gesvdp gives V, and says by how much it moved singular values near zero") {
  const Clean clean;
  for (const bool singular : {false, true}) {
    std::vector<double> values = random_values(kRows * kColumns);
    if (singular) std::copy_n(values.begin(), kRows, values.begin() + kRows);  // two equal columns
    Svd svd(values);
    std::size_t device = 0, host = 0;
    const auto n = static_cast<std::int64_t>(kColumns), m = static_cast<std::int64_t>(kRows);
    SOLVER_OK(SOLVER(cusolverDnXgesvdp_bufferSize)(svd.solver.handle, svd.solver.params, CUSOLVER_EIG_MODE_VECTOR, 1, m,
                                                   n, CUDA_R_64F, svd.a, m, CUDA_R_64F, svd.s, CUDA_R_64F, svd.u, m,
                                                   CUDA_R_64F, svd.v, n, CUDA_R_64F, &device, &host));
    const Memory<char> work(device);
    std::vector<char> host_work(host);
    double moved = -1;
    SOLVER_OK(SOLVER(cusolverDnXgesvdp)(svd.solver.handle, svd.solver.params, CUSOLVER_EIG_MODE_VECTOR, 1, m, n,
                                        CUDA_R_64F, svd.a, m, CUDA_R_64F, svd.s, CUDA_R_64F, svd.u, m, CUDA_R_64F,
                                        svd.v, n, CUDA_R_64F, work, device, host_work.data(), host, svd.info, &moved));
    CHECK_LT(svd.error(false), 1e-12);
    CHECK_EQ(moved > 0, singular);
  }
}

TEST_CASE("gesvdr finds the largest singular values of a matrix of small rank") {
  const Clean clean;
  constexpr std::size_t m = 40, n = 30, rank = 3;
  const std::vector<double> left = random_values(m * rank), right = random_values(rank * n, 5);
  std::vector<double> values(m * n);
  for (std::size_t j = 0; j < n; ++j)
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t k = 0; k < rank; ++k) values[j * m + i] += left[k * m + i] * right[j * rank + k];
  Svd svd(values, m, n);
  const auto attempt = [&](std::int64_t k, std::int64_t p) {
    std::size_t device = 0, host = 0;
    const cusolverStatus_t sized = SOLVER(cusolverDnXgesvdr_bufferSize)(
        svd.solver.handle, svd.solver.params, 'S', 'S', m, n, k, p, 2, CUDA_R_64F, svd.a, m, CUDA_R_64F, svd.s,
        CUDA_R_64F, svd.u, m, CUDA_R_64F, svd.v, n, CUDA_R_64F, &device, &host);
    if (sized != CUSOLVER_STATUS_SUCCESS) return sized;
    const Memory<char> work(device);
    std::vector<char> host_work(host);
    return SOLVER(cusolverDnXgesvdr)(svd.solver.handle, svd.solver.params, 'S', 'S', m, n, k, p, 2, CUDA_R_64F, svd.a,
                                     m, CUDA_R_64F, svd.s, CUDA_R_64F, svd.u, m, CUDA_R_64F, svd.v, n, CUDA_R_64F, work,
                                     device, host_work.data(), host, svd.info);
  };
  CHECK_EQ(attempt(10, 20), CUSOLVER_STATUS_INVALID_VALUE);
  SOLVER_OK(attempt(rank, 6));
  std::vector<double> s = svd.s.values(), u = svd.u.values(), v = svd.v.values();
  std::fill(s.begin() + rank, s.end(), 0.0);
  std::fill(u.begin() + m * rank, u.end(), 0.0);
  std::fill(v.begin() + n * rank, v.end(), 0.0);
  CHECK_LT(svd_error(values, m, n, u, s, v, false, n), 1e-12);
}
