// Triangular systems. What lies outside of the triangle, and its diagonal where that is of ones, is not looked at.
#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/kernels/pivots.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/substitution.h"

namespace tensorlane::cuda {
namespace {

void look_at(CudaLane& lane, const SolveTriangularArgs& args, const void* a, std::int64_t count,
             const MatrixWords& words) {
  const std::int64_t n = args.n;
  // Without its diagonal it is the triangle of a matrix that begins a row further down, or a column further to the right.
  const std::int64_t size = args.unit ? n - 1 : n;
  const std::int64_t first = args.unit ? (args.lower ? n : 1) : 0;
  if (size > 0) {
    const Temporary triangle = lane.temporary(bytes_of(args.type, size * size * count));
    copy_triangle(lane.stream(), args.type, args.lower ? Triangle::Lower : Triangle::Upper, at(args.type, a, first), n,
                  n * n, triangle.as(), count, size, size);
    find_not_finite(lane.stream(), args.type, triangle.as(), count, size * size, words.not_finite);
  }
  if (!args.unit) find_zero_on_diagonal(lane.stream(), args.type, a, count, n, words.singular);
}

}  // namespace

void solve_triangular(CudaLane& lane, const SolveTriangularArgs& args) {
  run_substitution(lane, {"solveTriangular", args, nullptr,
                          [&](const Matrices& matrices, std::int64_t count, const MatrixWords& words) {
                            look_at(lane, args, matrices.a, count, words);
                          },
                          [&](const Matrices& matrices, std::int64_t step, std::int64_t count, void* x) {
                            substitute(lane, args.type, {args.lower, args.transposed, args.unit}, args.n, args.nrhs,
                                       matrices.a, step, count, x);
                          }});
}

}  // namespace tensorlane::cuda
