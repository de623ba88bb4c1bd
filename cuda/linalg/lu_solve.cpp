// Linear systems by the LU factors of their matrices: rows are exchanged as the pivots say, and the two triangles solved one after
// the other; of the transpose the other way round.
#include "cuda/kernels/finite.h"
#include "cuda/kernels/pivots.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/substitution.h"

namespace tensorlane::cuda {

void lu_solve(CudaLane& lane, const LuSolveArgs& args) {
  const DType type = args.type;
  const std::int64_t n = args.n;
  const bool transposed = args.transposed;
  SolveTriangularArgs systems;
  systems.type = type;
  systems.n = n;
  systems.nrhs = args.nrhs;
  systems.batch_dims = args.batch_dims;
  systems.a_strides = args.a_strides;
  systems.b_strides = args.b_strides;
  systems.a = args.a;
  systems.b = args.b;
  systems.x = args.x;
  const auto look = [&](const Matrices& matrices, std::int64_t count, const MatrixWords& words) {
    find_not_finite(lane.stream(), type, matrices.a, count, n * n, words.not_finite);
    find_zero_on_diagonal(lane.stream(), type, matrices.a, count, n, words.singular);
    find_wrong_pivots(lane.stream(), matrices.pivots, count, n, words.wrong_pivot);
  };
  const auto solve = [&](const Matrices& matrices, std::int64_t step, std::int64_t count, void* x) {
    const TriangularMatrix first{!transposed, transposed, !transposed};
    const TriangularMatrix second{transposed, transposed, transposed};
    if (!transposed) exchange_rows(lane.stream(), type, matrices.pivots, step, false, x, count, n, args.nrhs);
    substitute(lane, type, first, n, args.nrhs, matrices.a, step, count, x);
    substitute(lane, type, second, n, args.nrhs, matrices.a, step, count, x);
    if (transposed) exchange_rows(lane.stream(), type, matrices.pivots, step, true, x, count, n, args.nrhs);
  };
  run_substitution(lane, {"luSolve", systems, &args.pivots, look, solve});
}

}  // namespace tensorlane::cuda
