// The inverse by LU factorisation with partial pivoting (LAPACK's getrf and getri).
//
// The buffer of the row-major A is the column-major A^T, and the inverse of that is the transpose of A's: the inverse
// of the buffer, taken as it is, is the buffer of the inverse. It is done in the result's own memory.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/linalg/equilibration.h"
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
  const auto count = static_cast<std::size_t>(n * n);
  bool safe = true;
  // Whether it is not singular.
  const auto invert = [&](T* one) {
    lapack::getrf(size, one, pivots, &info);
    check_info("inv: getrf", info);
    if (info > 0) return false;
    safe = has_safe_pivots(one, n);
    lapack::getri(size, one, pivots, work, static_cast<Int>(lwork), &info);
    check_info("inv: getri", info);
    return info == 0;
  };
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "inv", args.batch, [&](std::int64_t i) { return copy_finite(a + i * n * n, inverse + i * n * n, count); },
      [&](std::int64_t i) {
        T* one = inverse + i * n * n;
        if (!invert(one)) {
          singular.push_back(i);
          return;
        }
        if (safe && all_finite(one, count)) return;
        if (!copy_finite(a + i * n * n, one, count)) {  // written to meanwhile
          not_finite.push_back(i);
          return;
        }
        const Equilibration scaled(one, n);
        if (!invert(one)) {
          singular.push_back(i);
          return;
        }
        for (std::int64_t row = 0; row < n; ++row) {
          for (std::int64_t column = 0; column < n; ++column) {
            T& element = one[row * n + column];
            element = std::ldexp(element, -(scaled.column(row) + scaled.row(column)));
          }
        }
        if (!all_finite(one, count)) beyond.push_back(i);
      });
  throw_for(not_finite, args.batch, Code::NotFinite, "inv: the input has a NaN or an infinity");
  throw_for(singular, args.batch, Code::Singular, "inv: the matrix is singular");
  throw_beyond(beyond, args.batch, args.type, "inv: the inverse has elements");
}

}  // namespace

void inv(Lane& lane, const InvArgs& args) {
  with_blas(args.type, [&](auto element) { inv_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
