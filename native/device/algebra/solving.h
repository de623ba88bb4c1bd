// Systems of linear equations, and inverses.
#pragma once

#include <algorithm>
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
    type = request.number_type();
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

  void read(Request& request) { request.result(inverse, read_square(request, *this, Elements::RealOrComplex)); }
};

// The same with the factors of a that LuFactorArgs describes, or of its transpose. Errors: as of SolveArgs, where a zero
// on the diagonal of u is what is singular; Argument for a pivot that is no row, with the indices.
struct LuSolveArgs {
  DType type{};
  bool transposed = false;
  std::int64_t n = 0, nrhs = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  Operand a, pivots, b, x;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min(n, nrhs)); }

  void read(Request& request) {
    type = request.number_type();
    transposed = request.flag("transposed");
    n = request.size("n");
    nrhs = request.size("nrhs");
    read_pair(request, *this, {n, n}, {n, nrhs}, x, {n, nrhs});
    const std::int64_t matrices = BroadcastBatch(request).matrices(a_strides);
    request.operand(pivots, "pivots", checked_bytes(DType::Int32, {matrices, n}));
  }
};

// Solves a x = b, or a^T x = b, where a is the lower or the upper triangle of what is given, of which nothing else is
// read; nor is its diagonal where that is of ones. Errors: as of LuSolveArgs.
struct SolveTriangularArgs {
  DType type{};
  bool lower = false, transposed = false, unit = false;
  std::int64_t n = 0, nrhs = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  Operand a, b, x;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min(n, nrhs)); }

  void read(Request& request) {
    type = request.number_type();
    lower = request.flag("lower");
    transposed = request.flag("transposed");
    unit = request.flag("unit");
    n = request.size("n");
    nrhs = request.size("nrhs");
    read_pair(request, *this, {n, n}, {n, nrhs}, x, {n, nrhs});
  }
};

#define TENSORLANE_SOLVING(ROW)                \
  ROW(solve, SolveArgs, "solve", false)        \
  ROW(inv, InvArgs, "inv", false)              \
  ROW(lu_solve, LuSolveArgs, "luSolve", false) \
  ROW(solve_triangular, SolveTriangularArgs, "solveTriangular", false)

}  // namespace tensorlane
