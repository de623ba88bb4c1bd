// The inverse by LU factorisation with partial pivoting (LAPACK's getrf and getri).
//
// The buffer of the row-major A is the column-major A^T, and the inverse of that is the transpose of A's: the inverse
// of the buffer, taken as it is, is the buffer of the inverse. It is done in the result's own memory.
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
void inv_batch(Lane& lane, const InvArgs& args) {
  const std::int64_t n = args.n;
  if (n == 0 || args.batch == 0) return;
  check_lapack_size("inv", n, n);
  const auto size = static_cast<Int>(n);
  T optimal{};
  Int info = 0;
  lapack::getri(size, static_cast<T*>(nullptr), nullptr, &optimal, -1, &info);
  check_info("inv: getri", info);
  const std::int64_t lwork = work_size(optimal);
  check_work_size("inv", lwork, n, n, "split the matrix");
  const auto arrays = take_arrays<T, Int>(lane.workspace(), lwork, n);
  T* work = std::get<0>(arrays);
  Int* pivots = std::get<1>(arrays);

  const auto* a = elements<const T>(args.a);
  auto* inverse = elements<T>(args.inverse);
  std::vector<std::int64_t> singular;
  for_each_finite(
      "inv", args.batch,
      [&](std::int64_t i) { return copy_finite(a + i * n * n, inverse + i * n * n, static_cast<std::size_t>(n * n)); },
      [&](std::int64_t i) {
        T* one = inverse + i * n * n;
        lapack::getrf(size, one, pivots, &info);
        check_info("inv: getrf", info);
        if (info == 0) {
          lapack::getri(size, one, pivots, work, static_cast<Int>(lwork), &info);
          check_info("inv: getri", info);
        }
        if (info > 0) singular.push_back(i);
      });
  throw_for(singular, args.batch, Code::Singular, "inv: the matrix is singular");
}

}  // namespace

void inv(Lane& lane, const InvArgs& args) {
  with_blas(args.type, [&](auto element) { inv_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
