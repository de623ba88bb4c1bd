// The emulated libraries, opened as cuda/ opens them, and what their tests share.
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cusolverDn.h>
#include <dlfcn.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "runtime/support.h"

namespace emulation_tests {

inline void* opened(const std::string& file) {
  const std::string path = std::string(EMULATION_TEST_CHILDREN) + "/emulated-cuda/lib/" + file;
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const std::string why = library == nullptr ? dlerror() : "";
  REQUIRE_MESSAGE(library != nullptr, why);
  return library;
}

template <typename Function>
Function function_of(const char* library, const char* name) {
  void* const symbol = dlsym(opened(library), name);
  const std::string missing = std::string(library) + " has no " + name;
  REQUIRE_MESSAGE(symbol != nullptr, missing);
  return reinterpret_cast<Function>(symbol);
}

#define BLAS(name) (::emulation_tests::function_of<decltype(&::name)>("libcublas.so.13", #name))
#define LT(name) (::emulation_tests::function_of<decltype(&::name)>("libcublasLt.so.13", #name))
#define SOLVER(name) (::emulation_tests::function_of<decltype(&::name)>("libcusolver.so.12", #name))
#define BLAS_OK(call) REQUIRE_EQ(call, CUBLAS_STATUS_SUCCESS)
#define SOLVER_OK(call) REQUIRE_EQ(call, CUSOLVER_STATUS_SUCCESS)

struct Blas {
  explicit Blas(cudaStream_t stream) {
    BLAS_OK(BLAS(cublasCreate_v2)(&handle));
    BLAS_OK(BLAS(cublasSetStream_v2)(handle, stream));
  }
  ~Blas() { BLAS(cublasDestroy_v2)(handle); }
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;
  cublasHandle_t handle = nullptr;
};

struct Solver {
  explicit Solver(cudaStream_t stream) {
    SOLVER_OK(SOLVER(cusolverDnCreate)(&handle));
    SOLVER_OK(SOLVER(cusolverDnSetStream)(handle, stream));
    SOLVER_OK(SOLVER(cusolverDnCreateParams)(&params));
    SOLVER_OK(SOLVER(cusolverDnCreateGesvdjInfo)(&jacobi));
  }
  ~Solver() {
    SOLVER(cusolverDnDestroyGesvdjInfo)(jacobi);
    SOLVER(cusolverDnDestroyParams)(params);
    SOLVER(cusolverDnDestroy)(handle);
  }
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;
  cusolverDnHandle_t handle = nullptr;
  cusolverDnParams_t params = nullptr;
  gesvdjInfo_t jacobi = nullptr;
};

inline std::vector<double> random_values(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> values(-1, 1);
  std::vector<double> result(count);
  for (double& value : result) value = values(random);
  return result;
}

// Column-major: the largest difference between a and u diag(s) v^T, where v has n rows (or, `given_vt`, is v^T).
inline double svd_error(const std::vector<double>& a, std::size_t m, std::size_t n, const std::vector<double>& u,
                        const std::vector<double>& s, const std::vector<double>& v, bool given_vt, std::size_t ldv) {
  double largest = 0;
  const std::size_t count = std::min(m, n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < count; ++k) sum += u[k * m + i] * s[k] * (given_vt ? v[j * ldv + k] : v[k * ldv + j]);
      largest = std::max(largest, std::fabs(sum - a[j * m + i]));
    }
  }
  return largest;
}

// The largest difference between the first `columns` columns and orthonormal ones.
inline double orthogonality(const std::vector<double>& a, std::size_t rows, std::size_t columns) {
  double largest = 0;
  for (std::size_t p = 0; p < columns; ++p) {
    for (std::size_t q = 0; q < columns; ++q) {
      double sum = 0;
      for (std::size_t i = 0; i < rows; ++i) sum += a[p * rows + i] * a[q * rows + i];
      largest = std::max(largest, std::fabs(sum - (p == q ? 1 : 0)));
    }
  }
  return largest;
}

}  // namespace emulation_tests
