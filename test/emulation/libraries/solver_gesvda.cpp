// gesvdaStridedBatched: m >= n, by the eigenvalues of A^T A in the matrix's own precision, which loses half of the
// digits. A is left as it is. V and not V^T.
#include "libraries/solver.h"

using namespace emulation::libraries;

namespace {

int gesvda_work(int m, int n, int batch) { return (n * n + m + 2) * std::max(batch, 1) + 56; }

template <typename T>
struct Places {
  const T* a;
  T *s, *u, *v;
};

struct Shape {
  int rank, m, n, lda, ldu, ldv;
  long long stride_a, stride_s, stride_u, stride_v;

  void check(int batch) const {
    require(n >= 0 && m >= n, "m >= n");
    require(rank >= 0 && rank <= n, "a rank of at most n");
    require(lda >= std::max(1, m) && batch >= 0, "lda of at least max(1, m) and a batch of at least 0");
  }
};

// Returns the norm of what the factors leave of the matrix.
template <typename T>
double decompose(const Places<T>& at, const Shape& shape, bool vectors, int* info) {
  const Matrix<T> a = load<T>(at.a, shape.m, shape.n, shape.lda);
  Matrix<T> v = multiply(a, true, a, false);
  std::vector<T> squares(static_cast<std::size_t>(shape.n), std::numeric_limits<T>::quiet_NaN());
  *info = shape.n > 0 && all_finite(v.data) ? syevd('V', 'L', v, squares) : 0;
  std::vector<T> s(static_cast<std::size_t>(shape.rank));
  Matrix<T> right(shape.n, shape.rank);
  for (int j = 0; j < shape.rank; ++j) {
    const int from = shape.n - 1 - j;
    const T square = squares[static_cast<std::size_t>(from)];
    s[static_cast<std::size_t>(j)] = square < 0 ? T{0} : std::sqrt(square);
    for (int i = 0; i < shape.n; ++i) right(i, j) = v(i, from);
  }
  store(s, at.s);
  if (!vectors) return 0;
  Matrix<T> left = multiply(a, false, right, false);
  double residual = 0;
  for (int j = 0; j < shape.rank; ++j)
    for (int i = 0; i < shape.m; ++i)
      left(i, j) /= s[static_cast<std::size_t>(j)] == 0 ? T{1} : s[static_cast<std::size_t>(j)];
  store(left, at.u, shape.ldu);
  store(right, at.v, shape.ldv);
  for (int j = 0; j < shape.rank; ++j)
    for (int i = 0; i < shape.m; ++i) left(i, j) *= s[static_cast<std::size_t>(j)];
  const Matrix<T> product = multiply(left, false, right, true);
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    const double difference = static_cast<double>(a.data[i]) - static_cast<double>(product.data[i]);
    residual += difference * difference;
  }
  return std::sqrt(residual);
}

template <typename T>
cusolverStatus_t gesvda(const char* name, cusolverDnHandle_t handle, cusolverEigMode_t jobz, const Shape& shape,
                        const Places<T>& given, T* work, int lwork, int* info, double* norms, int batch) {
  return solver_call(name, handle, [&] {
    shape.check(batch);
    const bool vectors = jobz == CUSOLVER_EIG_MODE_VECTOR;
    check_matrix(given.a, shape.m, shape.n, shape.lda, "A", batch, shape.stride_a);
    check_matrix(given.s, shape.rank, 1, std::max(1, shape.rank), "S", batch, shape.stride_s);
    if (vectors) check_matrix(given.u, shape.m, shape.rank, shape.ldu, "U", batch, shape.stride_u);
    if (vectors) check_matrix(given.v, shape.n, shape.rank, shape.ldv, "V", batch, shape.stride_v);
    check_vector(info, batch, "info");
    if (norms != nullptr) check_host(norms, "h_R_nrmF");
    const int needed = gesvda_work(shape.m, shape.n, batch);
    check_work(work, lwork, needed);
    const Places<T> first{emulation::on_device(given.a), emulation::on_device(given.s), emulation::on_device(given.u),
                          emulation::on_device(given.v)};
    auto found = std::make_shared<std::vector<double>>(static_cast<std::size_t>(batch));
    const auto run = [=, work = emulation::on_device(work), info = emulation::on_device(info)] {
      scribble(work, static_cast<std::size_t>(needed) * sizeof(T));
      for (std::int64_t i = 0; i < batch; ++i) {
        const Places<T> at{first.a + i * shape.stride_a, first.s + i * shape.stride_s,
                           vectors ? first.u + i * shape.stride_u : nullptr,
                           vectors ? first.v + i * shape.stride_v : nullptr};
        (*found)[static_cast<std::size_t>(i)] = decompose(at, shape, vectors, info + i);
      }
    };
    // The norms go to the host, and so have to be waited for.
    if (norms == nullptr) {
      submit(handle->stream, run);
    } else {
      submit_and_wait(handle->stream, run);
      std::copy(found->begin(), found->end(), norms);
    }
  });
}

}  // namespace

extern "C" {

#define EMULATION_GESVDA(P, T)                                                                                        \
  cusolverStatus_t cusolverDn##P##gesvdaStridedBatched_bufferSize(                                                    \
      cusolverDnHandle_t handle, cusolverEigMode_t, int rank, int m, int n, const T*, int lda, long long int strideA, \
      const T*, long long int strideS, const T*, int ldu, long long int strideU, const T*, int ldv,                   \
      long long int strideV, int* lwork, int batchSize) {                                                             \
    return solver_call("cusolverDn" #P "gesvdaStridedBatched_bufferSize", handle, [&] {                               \
      Shape{rank, m, n, lda, ldu, ldv, strideA, strideS, strideU, strideV}.check(batchSize);                          \
      give(gesvda_work(m, n, batchSize), lwork);                                                                      \
    });                                                                                                               \
  }                                                                                                                   \
  cusolverStatus_t cusolverDn##P##gesvdaStridedBatched(                                                               \
      cusolverDnHandle_t handle, cusolverEigMode_t jobz, int rank, int m, int n, const T* d_A, int lda,               \
      long long int strideA, T* d_S, long long int strideS, T* d_U, int ldu, long long int strideU, T* d_V, int ldv,  \
      long long int strideV, T* d_work, int lwork, int* d_info, double* h_R_nrmF, int batchSize) {                    \
    return gesvda<T>("cusolverDn" #P "gesvdaStridedBatched", handle, jobz,                                            \
                     {rank, m, n, lda, ldu, ldv, strideA, strideS, strideU, strideV}, {d_A, d_S, d_U, d_V}, d_work,   \
                     lwork, d_info, h_R_nrmF, batchSize);                                                             \
  }
EMULATION_GESVDA(S, float)
EMULATION_GESVDA(D, double)
#undef EMULATION_GESVDA
}
