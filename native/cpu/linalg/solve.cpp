// Linear systems by LU factorisation with partial pivoting (LAPACK's getrf and getrs).
//
// The buffer of the row-major A is the column-major A^T, so A^T is what is factorised and getrs solves with its
// transpose. The right-hand sides must be columns: one vector already is, several are transposed in and out.
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
void solve_batch(Lane& lane, const SolveArgs& args) {
  const std::int64_t n = args.n;
  const std::int64_t nrhs = args.nrhs;
  if (n == 0 || nrhs == 0) return;
  check_lapack_size("solve", n, nrhs);
  const auto a_elements = static_cast<std::size_t>(n * n);
  const auto b_elements = static_cast<std::size_t>(n * nrhs);
  const auto arrays = take_arrays<T, T, T, Int>(lane.workspace(), a_elements, b_elements, b_elements, n);
  T* lu = std::get<0>(arrays);
  T* rows = std::get<1>(arrays);
  T* columns = std::get<2>(arrays);
  Int* pivots = std::get<3>(arrays);
  const auto* a = elements<const T>(args.a);
  const auto* b = elements<const T>(args.b);

  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::int64_t batch = 0;
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                 [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
                   ++batch;
                   const bool finite_a = copy_finite(a + ai * n * n, lu, a_elements);
                   if (!copy_finite(b + bi * n * nrhs, rows, b_elements) || !finite_a) {
                     not_finite.push_back(i);
                     return;
                   }
                   Int info = 0;
                   lapack::getrf(static_cast<Int>(n), lu, pivots, &info);
                   check_info("solve: getrf", info);
                   if (info > 0) {
                     singular.push_back(i);
                     return;
                   }
                   T* x = elements<T>(args.x) + i * n * nrhs;
                   T* right = rows;
                   if (nrhs > 1) {
                     transpose(rows, n, nrhs, columns);
                     right = columns;
                   }
                   lapack::getrs('T', static_cast<Int>(n), static_cast<Int>(nrhs), lu, pivots, right, &info);
                   check_info("solve: getrs", info);
                   transpose(right, nrhs, n, x);
                 });
  throw_for(not_finite, batch, Code::NotFinite, "solve: the input has a NaN or an infinity");
  throw_for(singular, batch, Code::Singular, "solve: the matrix is singular");
}

}  // namespace

void solve(Lane& lane, const SolveArgs& args) {
  with_blas(args.type, [&](auto element) { solve_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
