// Cholesky factorisation (LAPACK's potrf).
//
// The lower triangle of the row-major A is the upper one of the column-major A^T, so potrf finds U with A = U^T U
// there, and the buffer of the column-major U is that of our l = U^T. It is done in the result's own memory.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
bool has_finite_diagonal(const T* l, std::int64_t n) {
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) finite = std::isfinite(l[i * n + i]) && finite;
  return finite;
}

template <typename T>
void cholesky_batch(const CholeskyArgs& args) {
  const std::int64_t n = args.n;
  if (n == 0) return;
  check_lapack_size("cholesky", n, n);
  const auto* a = elements<const T>(args.a);
  auto* l = elements<T>(args.l);
  std::vector<std::int64_t> not_positive_definite;
  for_each_finite(
      "cholesky", args.batch,
      [&](std::int64_t i) { return copy_finite_lower(a + i * n * n, l + i * n * n, static_cast<std::size_t>(n)); },
      [&](std::int64_t i) {
        Int info = 0;
        lapack::potrf('U', static_cast<Int>(n), l + i * n * n, &info);
        check_info("cholesky: potrf", info);
        // A sum that has overflowed was no positive definite matrix': there every sum is at most an element of a.
        if (info > 0 || !has_finite_diagonal(l + i * n * n, n)) not_positive_definite.push_back(i);
      });
  throw_for(not_positive_definite, args.batch, Code::NotPositiveDefinite,
            "cholesky: the matrix is not positive definite");
}

}  // namespace

void cholesky(Lane& /*lane*/, const CholeskyArgs& args) {
  with_blas(args.type, [&](auto element) { cholesky_batch<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu
