// gesvdr: the k largest singular values by random projection, k + p < min(m, n). Destroys A, waits for the device,
// gives V and not V^T, and has room in S for min(m, n) values of which k are meant.
#include <random>

#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

struct Sizes {
  std::int64_t m, n, k, p, iterations;

  void check(char jobu, char jobv, std::int64_t lda) const {
    require((jobu == 'S' || jobu == 'N') && (jobv == 'S' || jobv == 'N'), "jobs S or N");
    require(m >= 0 && n >= 0 && lda >= std::max<std::int64_t>(1, m),
            "sizes of at least 0 and lda of at least max(1, m)");
    require(k >= 1 && p >= 0 && iterations >= 0, "k of at least 1, p and niters of at least 0");
    require(k + p < std::min(m, n), "k + p smaller than m and n");
  }
  [[nodiscard]] WorkspaceBytes bytes(std::size_t element) const {
    return workspace_bytes((m + 2 * n) * (k + p), element, 80);
  }
};

template <typename T>
struct Places {
  T *a, *s, *u, *v;  // u and v null where they are not asked for
  std::int64_t lda, ldu, ldv;
};

template <typename T>
void orthonormalize(Matrix<T>& a) {
  std::vector<T> tau(static_cast<std::size_t>(std::min(a.rows, a.columns)));
  geqrf(a, tau);
  orgqr(a, tau);
}

template <typename T>
Matrix<T> first_columns(const Matrix<T>& a, std::int64_t count) {
  return load<T>(a.data.data(), a.rows, count, a.rows);
}

template <typename T>
void decompose(const Places<T>& at, const Sizes& sizes, int* info) {
  const Matrix<T> a = load<T>(at.a, sizes.m, sizes.n, at.lda);
  spoil(at.a, sizes.m, sizes.n, at.lda);
  const std::int64_t least = std::min(sizes.m, sizes.n), width = sizes.k + sizes.p;
  std::vector<T> s(static_cast<std::size_t>(width));
  Matrix<T> u(width, width), vt(width, sizes.n), q(sizes.n, width);
  *info = 0;
  if (all_finite(a.data)) {
    std::mt19937_64 random(20240229);
    std::normal_distribution<double> normal;
    for (T& value : q.data) value = static_cast<T>(normal(random));
    q = multiply(a, false, q, false);
    orthonormalize(q);
    for (std::int64_t i = 0; i < sizes.iterations; ++i) {
      Matrix<T> back = multiply(a, true, q, false);
      orthonormalize(back);
      q = multiply(a, false, back, false);
      orthonormalize(q);
    }
    Matrix<T> small = multiply(q, true, a, false);
    *info = gesvd('S', 'S', small, s, u, vt);
  } else {
    q = Matrix<T>(sizes.m, width);
    for (std::vector<T>* values : {&s, &u.data, &vt.data})
      std::fill(values->begin(), values->end(), std::numeric_limits<T>::quiet_NaN());
  }
  std::fill(s.begin() + sizes.k, s.end(), std::numeric_limits<T>::quiet_NaN());
  s.resize(static_cast<std::size_t>(least), std::numeric_limits<T>::quiet_NaN());
  store(s, at.s);
  if (at.u != nullptr) store(multiply(q, false, first_columns(u, sizes.k), false), at.u, at.ldu);
  if (at.v != nullptr) store(first_columns(transposed(vt), sizes.k), at.v, at.ldv);
}

}  // namespace

extern "C" {

cusolverStatus_t cusolverDnXgesvdr_bufferSize(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                              signed char jobv, std::int64_t m, std::int64_t n, std::int64_t k,
                                              std::int64_t p, std::int64_t niters, cudaDataType dataTypeA, const void*,
                                              std::int64_t lda, cudaDataType dataTypeSrand, const void*,
                                              cudaDataType dataTypeUrand, const void*, std::int64_t,
                                              cudaDataType dataTypeVrand, const void*, std::int64_t,
                                              cudaDataType computeType, std::size_t* workspaceInBytesOnDevice,
                                              std::size_t* workspaceInBytesOnHost) {
  return solver_call("cusolverDnXgesvdr_bufferSize", handle, [&] {
    require_params(params);
    const Sizes sizes{m, n, k, p, niters};
    sizes.check(static_cast<char>(jobu), static_cast<char>(jobv), lda);
    with_type({dataTypeA, dataTypeSrand, dataTypeUrand, dataTypeVrand, computeType},
              [&](auto zero) { give(sizes.bytes(sizeof(zero)), workspaceInBytesOnDevice, workspaceInBytesOnHost); });
  });
}

cusolverStatus_t cusolverDnXgesvdr(cusolverDnHandle_t handle, cusolverDnParams_t params, signed char jobu,
                                   signed char jobv, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t p,
                                   std::int64_t niters, cudaDataType dataTypeA, void* A, std::int64_t lda,
                                   cudaDataType dataTypeSrand, void* Srand, cudaDataType dataTypeUrand, void* Urand,
                                   std::int64_t ldUrand, cudaDataType dataTypeVrand, void* Vrand, std::int64_t ldVrand,
                                   cudaDataType computeType, void* bufferOnDevice, std::size_t workspaceInBytesOnDevice,
                                   void* bufferOnHost, std::size_t workspaceInBytesOnHost, int* d_info) {
  return solver_call("cusolverDnXgesvdr", handle, [&] {
    require_params(params);
    const Sizes sizes{m, n, k, p, niters};
    sizes.check(static_cast<char>(jobu), static_cast<char>(jobv), lda);
    with_type({dataTypeA, dataTypeSrand, dataTypeUrand, dataTypeVrand, computeType}, [&](auto zero) {
      using T = decltype(zero);
      check_matrix(static_cast<T*>(A), m, n, lda, "A");
      check_vector(static_cast<T*>(Srand), std::min(m, n), "Srand");
      if (jobu == 'S') check_matrix(static_cast<T*>(Urand), m, k, ldUrand, "Urand");
      if (jobv == 'S') check_matrix(static_cast<T*>(Vrand), n, k, ldVrand, "Vrand");
      check_vector(d_info, 1, "d_info");
      const WorkspaceBytes needed = sizes.bytes(sizeof(T));
      Workspace{bufferOnDevice, workspaceInBytesOnDevice, bufferOnHost, workspaceInBytesOnHost}.check(needed);
      const Places<T> at{static_cast<T*>(emulation::on_device(A)),
                         static_cast<T*>(emulation::on_device(Srand)),
                         jobu == 'S' ? static_cast<T*>(emulation::on_device(Urand)) : nullptr,
                         jobv == 'S' ? static_cast<T*>(emulation::on_device(Vrand)) : nullptr,
                         lda,
                         ldUrand,
                         ldVrand};
      submit_and_wait(handle->stream,
                      [=, work = emulation::on_device(bufferOnDevice), info = emulation::on_device(d_info)] {
                        scribble(work, needed.device);
                        decompose(at, sizes, info);
                      });
    });
  });
}
}
