// Linear systems by the LU factors of their matrices: rows are exchanged as the pivots say, and the two triangles solved one after
// the other; of the transpose the other way round.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "cpu/linalg/substitution.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

template <typename T>
void exchange_rows(const std::int32_t* pivots, std::int64_t n, std::int64_t nrhs, bool backwards, T* x) {
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t i = backwards ? n - 1 - step : step;
    if (pivots[i] != i) std::swap_ranges(x + i * nrhs, x + (i + 1) * nrhs, x + pivots[i] * nrhs);
  }
}

template <typename T>
void solve_batch(const LuSolveArgs& args) {
  const std::int64_t n = args.n;
  const auto matrix = [&](std::int64_t i) { return elements<const T>(args.a) + i * n * n; };
  // A copy: the operand may be memory that its owner changes after it was looked at.
  const auto* given = elements<const std::int32_t>(args.pivots);
  const std::vector<std::int32_t> pivots(given, given + args.pivots.bytes / sizeof(std::int32_t));
  const auto pivots_of = [&](std::int64_t i) { return pivots.data() + i * n; };
  const auto look = [&](std::int64_t i) {
    if (!all_finite(matrix(i), static_cast<std::size_t>(n * n))) return MatrixState::NotFinite;
    const auto is_row = [&](std::int32_t pivot) { return pivot >= 0 && pivot < n; };
    if (!std::all_of(pivots_of(i), pivots_of(i) + n, is_row)) return MatrixState::WrongPivot;
    return has_zero_on_diagonal(matrix(i), n) ? MatrixState::Singular : MatrixState::Right;
  };
  solve_systems<T>("luSolve", args, look, [&](std::int64_t i, T* x, bool by_division) {
    const auto solve = by_division ? substitute_by_division<T> : substitute<T>;
    const Triangle first{!args.transposed, args.transposed, !args.transposed};
    const Triangle second{args.transposed, args.transposed, args.transposed};
    if (!args.transposed) exchange_rows(pivots_of(i), n, args.nrhs, false, x);
    solve(first, n, args.nrhs, matrix(i), x);
    solve(second, n, args.nrhs, matrix(i), x);
    if (args.transposed) exchange_rows(pivots_of(i), n, args.nrhs, true, x);
  });
}

}  // namespace

void lu_solve(Lane& /*lane*/, const LuSolveArgs& args) {
  with_blas_field(args.type, [&](auto element) { solve_batch<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu
