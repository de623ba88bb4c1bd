// The singular value decomposition by divide and conquer (LAPACK's gesdd).
//
// Row-major without a transpose: the buffer of a row-major m x n matrix A is that of the column-major n x m matrix A^T,
// and A^T = U' S V'^T means A = V' S U'^T. So gesdd's "VT" buffer, read row-major, is our u, and its "U" buffer is our
// vt.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/error.h"
#include "cpu/blas_share.h"
#include "cpu/cpu_device.h"
#include "cpu/finite.h"
#include "cpu/lapack.h"

namespace tensorlane {
namespace {

using lapack::Int;

void check_lapack_size(std::int64_t m, std::int64_t n) {
  constexpr std::int64_t kMax = std::numeric_limits<Int>::max();
  if (m <= kMax && n <= kMax) return;
  throw Error(Code::Shape, "svd: a matrix of " + std::to_string(m) + " x " + std::to_string(n) +
                               " is larger than the BLAS library can index (2^31 - 1)");
}

template <typename T>
void set_identity(T* matrix, std::int64_t size) {
  std::fill_n(matrix, size * size, T{0});
  for (std::int64_t i = 0; i < size; ++i) matrix[i * size + i] = T{1};
}

template <typename T>
void svd_batch(Lane& lane, const SvdArgs& args) {
  const std::int64_t m = args.m;
  const std::int64_t n = args.n;
  const std::int64_t k = std::min(m, n);
  const bool vectors = args.mode != SvdMode::Values;
  const std::int64_t u_columns = args.mode == SvdMode::Full ? m : k;
  const std::int64_t vt_rows = args.mode == SvdMode::Full ? n : k;
  auto* u = static_cast<T*>(args.u);
  auto* s = static_cast<T*>(args.s);
  auto* vt = static_cast<T*>(args.vt);

  if (k == 0) {
    // Nothing to decompose: in full mode any orthogonal matrix will do for the side that is not empty.
    if (args.mode == SvdMode::Full) {
      for (std::int64_t i = 0; i < args.batch; ++i) {
        set_identity(u + i * m * m, m);
        set_identity(vt + i * n * n, n);
      }
    }
    return;
  }
  check_lapack_size(m, n);

  const char job = args.mode == SvdMode::Full ? 'A' : (vectors ? 'S' : 'N');
  const Int rows = static_cast<Int>(n);  // as LAPACK sees it: A^T
  const Int columns = static_cast<Int>(m);
  const Int ldvt = static_cast<Int>(vectors ? u_columns : 1);
  Int info = 0;
  T optimal{};
  lapack::gesdd(job, rows, columns, nullptr, rows, nullptr, nullptr, rows, nullptr, ldvt, &optimal, -1, nullptr, &info);
  if (info != 0) throw Error(Code::Internal, "svd: gesdd refused its sizes, info " + std::to_string(info));

  // A float cannot hold every large integer, so its answer may be rounded down: one part in 2^23 more.
  const auto lwork = static_cast<std::int64_t>(static_cast<double>(optimal) * (1.0 + 1e-6)) + 1;
  if (lwork > std::numeric_limits<Int>::max()) {
    throw Error(Code::Shape, "svd: LAPACK cannot address the workspace for " + std::to_string(m) + " x " +
                                 std::to_string(n) + "; use mode 'values' or split the matrix");
  }
  const auto elements = static_cast<std::size_t>(m * n);
  const std::size_t a_bytes = (elements * sizeof(T) + 63) / 64 * 64;
  const std::size_t work_bytes = (static_cast<std::size_t>(lwork) * sizeof(T) + 63) / 64 * 64;
  std::byte* memory = lane.workspace().take(a_bytes + work_bytes + static_cast<std::size_t>(8 * k) * sizeof(Int));
  auto* copy = reinterpret_cast<T*>(memory);
  auto* work = reinterpret_cast<T*>(memory + a_bytes);
  auto* iwork = reinterpret_cast<Int*>(memory + a_bytes + work_bytes);

  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> not_converged;
  const T* a = static_cast<const T*>(args.a);
  for (std::int64_t i = 0; i < args.batch; ++i) {
    if (!copy_finite(a + i * m * n, copy, elements)) {
      not_finite.push_back(i);
      continue;
    }
    if (!not_finite.empty()) continue;  // the call fails anyway: only look for more
    lapack::gesdd(job, rows, columns, copy, rows, s + i * k, vectors ? vt + i * vt_rows * n : nullptr, rows,
                  vectors ? u + i * m * u_columns : nullptr, ldvt, work, static_cast<Int>(lwork), iwork, &info);
    if (info > 0) not_converged.push_back(i);
    if (info < 0) throw Error(Code::Internal, "svd: gesdd rejected argument " + std::to_string(-info));
  }
  throw_for(not_finite, args.batch, Code::NotFinite, "svd: the input has a NaN or an infinity");
  throw_for(not_converged, args.batch, Code::NotConverged, "svd: the iteration did not converge");
}

}  // namespace

void CpuDevice::svd(Lane& lane, const SvdArgs& args) {
  const BlasShare share;
  if (args.type == DType::Float32) {
    svd_batch<float>(lane, args);
  } else {
    svd_batch<double>(lane, args);
  }
}

}  // namespace tensorlane
