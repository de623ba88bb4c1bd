// Linear systems by LU factorisation with partial pivoting (LAPACK's getrf and getrs).
//
// The buffer of the row-major A is the column-major A^T, so A^T is what is factorised and getrs solves with its
// transpose. The right-hand sides must be columns: one vector already is, several are transposed in and out.
#include <limits>
#include <string>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/blas_share.h"
#include "cpu/cpu_device.h"
#include "cpu/finite.h"
#include "cpu/lapack.h"

namespace tensorlane {
namespace {

using lapack::Int;

template <typename T>
void transpose(const T* from, std::int64_t rows, std::int64_t columns, T* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
  }
}

template <typename T>
void solve_batch(Lane& lane, const SolveArgs& args) {
  const std::int64_t n = args.n;
  const std::int64_t nrhs = args.nrhs;
  if (n == 0 || nrhs == 0) return;
  if (n > std::numeric_limits<Int>::max() || nrhs > std::numeric_limits<Int>::max()) {
    throw Error(Code::Shape, "solve: a dimension is larger than the BLAS library can index (2^31 - 1)");
  }
  const auto a_elements = static_cast<std::size_t>(n * n);
  const auto b_elements = static_cast<std::size_t>(n * nrhs);
  std::byte* memory =
      lane.workspace().take((a_elements + 2 * b_elements) * sizeof(T) + static_cast<std::size_t>(n) * sizeof(Int));
  auto* lu = reinterpret_cast<T*>(memory);
  T* rows = lu + a_elements;
  T* columns = rows + b_elements;
  auto* pivots = reinterpret_cast<Int*>(columns + b_elements);

  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::int64_t batch = 0;
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                 [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
                   ++batch;
                   const bool finite_a = copy_finite(static_cast<const T*>(args.a) + ai * n * n, lu, a_elements);
                   if (!copy_finite(static_cast<const T*>(args.b) + bi * n * nrhs, rows, b_elements) || !finite_a) {
                     not_finite.push_back(i);
                     return;
                   }
                   Int info = 0;
                   lapack::getrf(static_cast<Int>(n), lu, pivots, &info);
                   if (info > 0) {
                     singular.push_back(i);
                     return;
                   }
                   T* x = static_cast<T*>(args.x) + i * n * nrhs;
                   T* right = rows;
                   if (nrhs > 1) {
                     transpose(rows, n, nrhs, columns);
                     right = columns;
                   }
                   lapack::getrs('T', static_cast<Int>(n), static_cast<Int>(nrhs), lu, pivots, right, &info);
                   if (info != 0)
                     throw Error(Code::Internal, "solve: getrs rejected argument " + std::to_string(-info));
                   transpose(right, nrhs, n, x);
                 });
  throw_for(not_finite, batch, Code::NotFinite, "solve: the input has a NaN or an infinity");
  throw_for(singular, batch, Code::Singular, "solve: the matrix is singular");
}

}  // namespace

void CpuDevice::solve(Lane& lane, const SolveArgs& args) {
  const BlasShare share;
  if (args.type == DType::Float32) {
    solve_batch<float>(lane, args);
  } else {
    solve_batch<double>(lane, args);
  }
}

}  // namespace tensorlane
