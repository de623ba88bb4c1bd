// Triangular systems, by BLAS's trsm.
#include <cstdint>

#include "cpu/linalg/substitution.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

// Of what is read of it alone.
template <typename T>
MatrixState look_at(const T* a, std::int64_t n, Triangle triangle) {
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t first = triangle.lower ? 0 : i + (triangle.unit ? 1 : 0);
    const std::int64_t last = triangle.lower ? i + (triangle.unit ? 0 : 1) : n;
    finite = all_finite(a + i * n + first, static_cast<std::size_t>(last - first)) && finite;
  }
  if (!finite) return MatrixState::NotFinite;
  return !triangle.unit && has_zero_on_diagonal(a, n) ? MatrixState::Singular : MatrixState::Right;
}

template <typename T>
void solve_batch(const SolveTriangularArgs& args) {
  const std::int64_t n = args.n;
  const Triangle triangle{args.lower, args.transposed, args.unit};
  const auto matrix = [&](std::int64_t i) { return elements<const T>(args.a) + i * n * n; };
  solve_systems<T>(
      "solveTriangular", args, [&](std::int64_t i) { return look_at(matrix(i), n, triangle); },
      [&](std::int64_t i, T* x, bool by_division) {
        const auto solve = by_division ? substitute_by_division<T> : substitute<T>;
        solve(triangle, n, args.nrhs, matrix(i), x);
      });
}

}  // namespace

void solve_triangular(Lane& /*lane*/, const SolveTriangularArgs& args) {
  with_blas_field(args.type, [&](auto element) { solve_batch<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu
