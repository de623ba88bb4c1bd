#include "cuda/linalg/equilibration.h"

#include <cstddef>
#include <cstdint>

namespace tensorlane::cuda {

Equilibration::Equilibration(CudaLane& lane, DType type, std::int64_t n, std::int64_t count, void* a)
    : stream_(lane.stream()),
      exponents_(lane.temporary(static_cast<std::size_t>(count * (2 * n + 1)) * sizeof(int))),
      scaling_{.type = type,
               .n = n,
               .count = count,
               .rows = exponents_.as<int>(),
               .columns = exponents_.as<int>() + count * n,
               .of_determinants = exponents_.as<int>() + 2 * count * n} {
  equilibrate(stream_, scaling_, a);
}

void Equilibration::scale_right_sides(std::int64_t first, std::int64_t step, std::int64_t nrhs, std::int64_t vectors,
                                      void* b, int* exponents) const {
  cuda::scale_right_sides(stream_, scaling_, first, step, nrhs, vectors, b, exponents);
}

void Equilibration::scale_solutions(std::int64_t first, std::int64_t step, std::int64_t nrhs, std::int64_t vectors,
                                    const int* exponents, void* x) const {
  cuda::scale_solutions(stream_, scaling_, first, step, nrhs, vectors, exponents, x);
}

void Equilibration::scale_inverses(void* inverses) const { cuda::scale_inverses(stream_, scaling_, inverses); }

}  // namespace tensorlane::cuda
