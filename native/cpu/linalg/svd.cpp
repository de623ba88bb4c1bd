// The singular value decomposition by divide and conquer (LAPACK's gesdd).
//
// Row-major without a transpose: the buffer of a row-major m x n matrix A is that of the column-major n x m matrix A^T,
// and A^T = U' S V'^T means A = V' S U'^T. So gesdd's "VT" buffer, read row-major, is our u, and its "U" buffer is our
// vt.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

void check_driver(const SvdArgs& args) {
  if (args.driver != SvdDriver::Auto) {
    throw Error(Code::Argument, std::string("svd: driver '").append(word_of(args.driver)) +
                                    "' is cuSOLVER's; the CPU device takes 'auto'");
  }
  if (args.rank != 0) {
    throw Error(Code::Argument, "svd: rank " + std::to_string(args.rank) +
                                    " was asked for, which belongs to cuSOLVER's driver 'gesvdr'; the CPU device "
                                    "computes all singular values and takes no rank");
  }
}

template <typename T>
void svd_batch(Lane& lane, const SvdArgs& args) {
  const std::int64_t m = args.m;
  const std::int64_t n = args.n;
  const std::int64_t k = std::min(m, n);
  const bool vectors = args.mode != SvdMode::Values;
  const std::int64_t u_columns = args.mode == SvdMode::Full ? m : k;
  const std::int64_t vt_rows = args.mode == SvdMode::Full ? n : k;
  auto* u = elements<T>(args.u);
  auto* s = elements<T>(args.s);
  auto* vt = elements<T>(args.vt);

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
  check_lapack_size("svd", m, n);

  const char job = args.mode == SvdMode::Full ? 'A' : (vectors ? 'S' : 'N');
  const Int rows = static_cast<Int>(n);  // as LAPACK sees it: A^T
  const Int columns = static_cast<Int>(m);
  const Int ldvt = static_cast<Int>(vectors ? u_columns : 1);
  constexpr const char* kAdvice = "use mode 'values' or split the matrix";
  // gesdd computes what it needs in 32 bits, and would wrap round where it is larger.
  if (vectors) check_work_size("svd", 3 * k * k + 4 * k, m, n, kAdvice);
  Int info = 0;
  T optimal{};
  lapack::gesdd(job, rows, columns, nullptr, rows, nullptr, nullptr, rows, nullptr, ldvt, &optimal, -1, nullptr, &info);
  check_info("svd: gesdd", info);
  const std::int64_t lwork = work_size(optimal);
  check_work_size("svd", lwork, m, n, kAdvice);
  const auto arrays = take_arrays<T, T, Int>(lane.workspace(), m * n, lwork, 8 * k);
  T* copy = std::get<0>(arrays);
  T* work = std::get<1>(arrays);
  Int* iwork = std::get<2>(arrays);

  std::vector<std::int64_t> not_converged;
  const auto* a = elements<const T>(args.a);
  for_each_finite(
      "svd", args.batch,
      [&](std::int64_t i) { return copy_finite(a + i * m * n, copy, static_cast<std::size_t>(m * n)); },
      [&](std::int64_t i) {
        lapack::gesdd(job, rows, columns, copy, rows, s + i * k, vectors ? vt + i * vt_rows * n : nullptr, rows,
                      vectors ? u + i * m * u_columns : nullptr, ldvt, work, static_cast<Int>(lwork), iwork, &info);
        check_info("svd: gesdd", info);
        if (info > 0) not_converged.push_back(i);
      });
  throw_for(not_converged, args.batch, Code::NotConverged, "svd: the iteration did not converge");
}

}  // namespace

void svd(Lane& lane, const SvdArgs& args) {
  check_driver(args);
  with_blas_by_columns(args.type, args.m, args.n, [&](auto element) { svd_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
