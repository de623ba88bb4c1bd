// gesvdj and gesvdjBatched: any shape, V and not V^T, info = min(m, n) + 1 where the sweeps did not suffice.
#include "libraries/jacobi.h"
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

constexpr int kLargestBatched = 32;

int gesvdj_work(int m, int n) { return 4 * (m + n) + 72; }
int gesvdj_batched_work(int m, int n, int batch) { return (m + n + 1) * batch + 40; }

template <typename T>
std::vector<T> narrowed(const std::vector<double>& values) {
  std::vector<T> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), [](double value) { return static_cast<T>(value); });
  return result;
}

template <typename T>
struct Places {
  T *a, *s, *u, *v;
  int lda, ldu, ldv;
};

template <typename T>
JacobiOutcome decompose(const Places<T>& at, int m, int n, bool vectors, bool full, const JacobiSettings& settings,
                        int* info) {
  JacobiSvd svd = jacobi_svd(convert<double>(load<T>(at.a, m, n, at.lda)), full && vectors,
                             static_cast<double>(std::numeric_limits<T>::epsilon()), settings);
  spoil(at.a, m, n, at.lda);
  store(narrowed<T>(svd.s), at.s);
  if (vectors) {
    store(convert<T>(svd.u), at.u, at.ldu);
    store(convert<T>(svd.v), at.v, at.ldv);
  }
  *info = svd.outcome.converged ? 0 : std::min(m, n) + 1;
  return svd.outcome;
}

template <typename T>
void check_gesvdj(cusolverEigMode_t jobz, int econ, int m, int n, const Places<T>& at, const int* info) {
  const int least = std::min(m, n);
  check_matrix(at.a, m, n, at.lda, "A");
  check_vector(at.s, least, "S");
  check_vector(info, 1, "info");
  if (jobz == CUSOLVER_EIG_MODE_NOVECTOR) return;
  check_matrix(at.u, m, econ != 0 ? least : m, at.ldu, "U");
  check_matrix(at.v, n, econ != 0 ? least : n, at.ldv, "V");
}

template <typename T>
cusolverStatus_t gesvdj(const char* name, cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n,
                        const Places<T>& given, T* work, int lwork, int* info, gesvdjInfo_t params) {
  return solver_call(name, handle, [&] {
    require(params != nullptr, "a gesvdjInfo");
    check_gesvdj(jobz, econ, m, n, given, info);
    const int needed = gesvdj_work(m, n);
    check_work(work, lwork, needed);
    const Places<T> at{emulation::on_device(given.a),
                       emulation::on_device(given.s),
                       emulation::on_device(given.u),
                       emulation::on_device(given.v),
                       given.lda,
                       given.ldu,
                       given.ldv};
    params->batched = false;
    submit(handle->stream, [=, settings = params->settings, last = params->last, work = emulation::on_device(work),
                            info = emulation::on_device(info)] {
      scribble(work, static_cast<std::size_t>(needed) * sizeof(T));
      JacobiSettings sorted = settings;
      sorted.sort = true;  // the option is for the batched one
      *last = decompose(at, m, n, jobz == CUSOLVER_EIG_MODE_VECTOR, econ == 0, sorted, info);
    });
  });
}

template <typename T>
cusolverStatus_t gesvdj_batched(const char* name, cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n,
                                const Places<T>& given, T* work, int lwork, int* info, gesvdjInfo_t params, int batch) {
  return solver_call(name, handle, [&] {
    require(params != nullptr, "a gesvdjInfo");
    require(m <= kLargestBatched && n <= kLargestBatched, "m and n of at most 32");
    const int least = std::min(m, n);
    check_matrix(given.a, m, n, given.lda, "A", batch, std::int64_t{given.lda} * n);
    check_vector(given.s, std::int64_t{least} * batch, "S");
    // Full ones, and needed for the values alone as well.
    check_matrix(given.u, m, m, given.ldu, "U", batch, std::int64_t{given.ldu} * m);
    check_matrix(given.v, n, n, given.ldv, "V", batch, std::int64_t{given.ldv} * n);
    check_vector(info, batch, "info");
    const int needed = gesvdj_batched_work(m, n, batch);
    check_work(work, lwork, needed);
    const Places<T> first{emulation::on_device(given.a),
                          emulation::on_device(given.s),
                          emulation::on_device(given.u),
                          emulation::on_device(given.v),
                          given.lda,
                          given.ldu,
                          given.ldv};
    params->batched = true;
    submit(handle->stream,
           [=, settings = params->settings, work = emulation::on_device(work), info = emulation::on_device(info)] {
             scribble(work, static_cast<std::size_t>(needed) * sizeof(T));
             for (std::int64_t i = 0; i < batch; ++i) {
               Places<T> at = first;
               at.a += i * at.lda * n;
               at.s += i * least;
               at.u += i * at.ldu * m;
               at.v += i * at.ldv * n;
               if (jobz == CUSOLVER_EIG_MODE_NOVECTOR) {
                 spoil(at.u, m, m, at.ldu);
                 spoil(at.v, n, n, at.ldv);
               }
               decompose(at, m, n, jobz == CUSOLVER_EIG_MODE_VECTOR, true, settings, info + i);
             }
           });
  });
}

}  // namespace

extern "C" {

#define EMULATION_GESVDJ(P, T)                                                                                         \
  cusolverStatus_t cusolverDn##P##gesvdj_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t, int, int m, int n,   \
                                                    const T*, int lda, const T*, const T*, int, const T*, int,         \
                                                    int* lwork, gesvdjInfo_t params) {                                 \
    return solver_call("cusolverDn" #P "gesvdj_bufferSize", handle, [&] {                                              \
      require(params != nullptr, "a gesvdjInfo");                                                                      \
      require(m >= 0 && n >= 0 && lda >= std::max(1, m), "sizes of at least 0 and lda of at least max(1, m)");         \
      give(gesvdj_work(m, n), lwork);                                                                                  \
    });                                                                                                                \
  }                                                                                                                    \
  cusolverStatus_t cusolverDn##P##gesvdj(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int econ, int m, int n,    \
                                         T* A, int lda, T* S, T* U, int ldu, T* V, int ldv, T* work, int lwork,        \
                                         int* info, gesvdjInfo_t params) {                                             \
    return gesvdj<T>("cusolverDn" #P "gesvdj", handle, jobz, econ, m, n, {A, S, U, V, lda, ldu, ldv}, work, lwork,     \
                     info, params);                                                                                    \
  }                                                                                                                    \
  cusolverStatus_t cusolverDn##P##gesvdjBatched_bufferSize(cusolverDnHandle_t handle, cusolverEigMode_t, int m, int n, \
                                                           const T*, int lda, const T*, const T*, int, const T*, int,  \
                                                           int* lwork, gesvdjInfo_t params, int batchSize) {           \
    return solver_call("cusolverDn" #P "gesvdjBatched_bufferSize", handle, [&] {                                       \
      require(params != nullptr, "a gesvdjInfo");                                                                      \
      require(m >= 0 && n >= 0 && lda >= std::max(1, m), "sizes of at least 0 and lda of at least max(1, m)");         \
      require(m <= kLargestBatched && n <= kLargestBatched && batchSize >= 0, "m and n of at most 32");                \
      give(gesvdj_batched_work(m, n, batchSize), lwork);                                                               \
    });                                                                                                                \
  }                                                                                                                    \
  cusolverStatus_t cusolverDn##P##gesvdjBatched(cusolverDnHandle_t handle, cusolverEigMode_t jobz, int m, int n, T* A, \
                                                int lda, T* S, T* U, int ldu, T* V, int ldv, T* work, int lwork,       \
                                                int* info, gesvdjInfo_t params, int batchSize) {                       \
    return gesvdj_batched<T>("cusolverDn" #P "gesvdjBatched", handle, jobz, m, n, {A, S, U, V, lda, ldu, ldv}, work,   \
                             lwork, info, params, batchSize);                                                          \
  }
EMULATION_GESVDJ(S, float)
EMULATION_GESVDJ(D, double)
#undef EMULATION_GESVDJ
}
