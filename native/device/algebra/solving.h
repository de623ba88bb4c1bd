// Systems of linear equations, and inverses.
#pragma once

#include <cstdint>
#include <vector>

#include "device/algebra/batch.h"

namespace tensorlane {

// For each index of `batch_dims`: solves a (n x n) x = b (n x nrhs). Strides as in MatmulArgs. Errors: NotFinite and
// Singular with the indices of the matrices in the batch.
struct SolveArgs {
  DType type{};
  std::int64_t n = 0, nrhs = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  Operand a, b, x;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) {
    type = request.float_type();
    n = request.size("n");
    nrhs = request.size("nrhs");
    read_pair(request, *this, {n, n}, {n, nrhs}, x, {n, nrhs});
  }
};

// Errors: as of SolveArgs.
struct InvArgs {
  DType type{};
  std::int64_t batch = 0, n = 0;
  Operand a, inverse;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) { request.result(inverse, read_square(request, *this)); }
};

#define TENSORLANE_SOLVING(ROW)         \
  ROW(solve, SolveArgs, "solve", false) \
  ROW(inv, InvArgs, "inv", false)

}  // namespace tensorlane
