// Systems whose right-hand sides have elements far apart, once these are scaled as the rows of the matrix are. The small ones
// would vanish beside the large ones, and may be all that there is of solutions apart from these (of a diagonal matrix, say). So
// such a vector is solved for in parts, of each the elements that are near each other; the sum is the solution, as
// the system is linear. They are rare: a block of threads takes one vector after the other, and looks only at a word of all others.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cuda/kernels/far_apart.h"
#include "cuda/linalg/equilibration.h"
#include "cuda/linalg/lu.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

// Of `vectors` vectors, `nrhs` to a system, system i of the matrix first + i * matrix_step (0 or 1), writes the solutions of those with
// kFarApart to x, where all lie by columns. Errors: OutOfMemory.
void solve_far_apart(CudaLane& lane, DType type, std::int64_t n, const Equilibration& scaled, const LuFactors& lu,
                     std::int64_t first, std::int64_t matrix_step, const RightSides& right, std::int64_t nrhs,
                     std::int64_t vectors, const int* exponents, void* x);

}  // namespace tensorlane::cuda
