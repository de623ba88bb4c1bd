// Systems of triangular matrices whose batch broadcasts: what solve_triangular and lu_solve have in common.
#pragma once

#include <cstdint>
#include <functional>

#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

// Which triangle of a row-major matrix, whether it is transposed, and whether its diagonal is of ones.
struct TriangularMatrix {
  bool lower, transposed, unit;
};

// Matrices on the device, and the pivots of their rows where they have some.
struct Matrices {
  const void* a;
  const std::int32_t* pivots;
};

// The words of matrices on the device.
struct MatrixWords {
  int *not_finite, *singular, *wrong_pivot;
};

struct Substitution {
  const char* name;
  // The batch, as SolveTriangularArgs has it.
  const SolveTriangularArgs& args;
  const Operand* pivots;  // null: none
  // Marks what is wrong of `count` matrices.
  std::function<void(const Matrices&, std::int64_t count, const MatrixWords&)> look;
  // Solves `count` systems in x's place, each n x nrhs, with the matrices from the given ones on; `step`, 0 or 1, is from one
  // system's to the next one's.
  std::function<void(const Matrices&, std::int64_t step, std::int64_t count, void* x)> solve;
};

void run_substitution(CudaLane& lane, const Substitution& substitution);

// `count` systems as in Substitution::solve, by cuBLAS's trsm. The part of a matrix outside of the triangle is not read.
void substitute(CudaLane& lane, DType type, TriangularMatrix triangle, std::int64_t n, std::int64_t nrhs, const void* a,
                std::int64_t step, std::int64_t count, void* x);

}  // namespace tensorlane::cuda
