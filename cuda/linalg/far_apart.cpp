#include "cuda/linalg/far_apart.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tensorlane::cuda {

void solve_far_apart(CudaLane& lane, DType type, std::int64_t n, const Equilibration& scaled, const LuFactors& lu,
                     std::int64_t first, std::int64_t matrix_step, const RightSides& right, std::int64_t nrhs,
                     std::int64_t vectors, const int* exponents, void* x) {
  const std::int64_t blocks = std::min(vectors, kFarApartBlocks);
  const Temporary y = lane.temporary(byte_size(type, static_cast<std::size_t>(blocks * n)));
  const Factorised factorised{.factors = lu.factors(),
                              .pivots = lu.pivots(),
                              .pivot_bytes = lu.pivot_bytes(),
                              .rows = scaled.rows(),
                              .columns = scaled.columns(),
                              .first = first};
  solve_far_apart(lane.stream(), type, n, factorised, matrix_step, right, nrhs, vectors, exponents, y.as(), x);
}

}  // namespace tensorlane::cuda
