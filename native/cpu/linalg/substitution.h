// Systems of triangular matrices, by BLAS's trsm, and one after the other: each that uses a matrix which has been looked at, and
// is known by then not to be wrong.
//
// OpenBLAS divides by an element of the diagonal as it multiplies by its inverse, which is infinite where it is subnormal. So where
// a solution is not finite it is found once more by division.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/batch_dims.h"
#include "cpu/complex/lapack.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"

namespace tensorlane::cpu {

// Which triangle of a row-major matrix, whether it is transposed, and whether its diagonal is of ones.
struct Triangle {
  bool lower, transposed, unit;
};

template <typename T>
void substitute(Triangle triangle, std::int64_t n, std::int64_t nrhs, const T* a, T* x) {
  lapack::trsm(triangle.lower ? CblasLower : CblasUpper, triangle.transposed ? CblasTrans : CblasNoTrans,
               triangle.unit ? CblasUnit : CblasNonUnit, static_cast<lapack::Int>(n), static_cast<lapack::Int>(nrhs), a,
               x);
}

template <typename T>
void substitute_by_division(Triangle triangle, std::int64_t n, std::int64_t nrhs, const T* a, T* x) {
  const bool downwards = triangle.lower != triangle.transposed;
  const auto element = [&](std::int64_t i, std::int64_t j) {
    return triangle.transposed ? a[j * n + i] : a[i * n + j];
  };
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t i = downwards ? step : n - 1 - step;
    const std::int64_t first = downwards ? 0 : i + 1;
    const std::int64_t last = downwards ? i : n;
    for (std::int64_t column = 0; column < nrhs; ++column) {
      T& value = x[i * nrhs + column];
      for (std::int64_t j = first; j < last; ++j) value -= element(i, j) * x[j * nrhs + column];
      if (!triangle.unit) value /= element(i, i);
    }
  }
}

template <typename T>
[[nodiscard]] bool has_zero_on_diagonal(const T* a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (a[i * (n + 1)] == T{0}) return true;
  }
  return false;
}

enum class MatrixState : std::uint8_t { Unknown, Right, NotFinite, Singular, WrongPivot };

// Runs the systems of a batch (SolveTriangularArgs, LuSolveArgs), each in x's own place: look(i) says what matrix i is, and
// solve(i, x, by_division) solves with it.
template <typename T, typename Args, typename Look, typename Solve>
void solve_systems(const char* operation, const Args& args, Look look, Solve solve) {
  const std::int64_t n = args.n;
  const std::int64_t nrhs = args.nrhs;
  if (n == 0 || nrhs == 0) return;
  check_lapack_size(operation, n, nrhs);
  const auto elements_of_b = static_cast<std::size_t>(n * nrhs);
  std::vector<MatrixState> states(args.a.bytes / (static_cast<std::size_t>(n * n) * sizeof(T)), MatrixState::Unknown);
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::vector<std::int64_t> wrong_pivot;
  std::vector<std::int64_t> beyond;
  std::int64_t total = 0;
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                 [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
                   total = i + 1;
                   MatrixState& state = states[static_cast<std::size_t>(ai)];
                   if (state == MatrixState::Unknown) state = look(ai);
                   const T* b = elements<const T>(args.b) + bi * n * nrhs;
                   T* x = elements<T>(args.x) + i * n * nrhs;
                   if (!copy_finite(b, x, elements_of_b) || state == MatrixState::NotFinite) {
                     not_finite.push_back(i);
                   } else if (state == MatrixState::WrongPivot) {
                     wrong_pivot.push_back(i);
                   } else if (state == MatrixState::Singular) {
                     singular.push_back(i);
                   } else {
                     solve(ai, x, false);
                     if (all_finite(x, elements_of_b)) return;
                     if (!copy_finite(b, x, elements_of_b)) return not_finite.push_back(i);  // written to meanwhile
                     solve(ai, x, true);
                     if (!all_finite(x, elements_of_b)) beyond.push_back(i);
                   }
                 });
  const std::string name(operation);
  throw_not_finite(operation, not_finite, total);
  throw_for(wrong_pivot, total, Code::Argument, name + ": a pivot is no row of the matrix, counted from 0");
  throw_for(singular, total, Code::Singular, name + ": there is a zero on the diagonal, and the matrix is singular");
  throw_beyond(beyond, total, args.type, (name + ": the solution has elements").c_str());
}

}  // namespace tensorlane::cpu
