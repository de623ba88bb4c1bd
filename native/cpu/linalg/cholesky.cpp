// Cholesky factorisation: of small matrices many at a time (cpu/small), of others by LAPACK's potrf.
//
// The lower triangle of the row-major A is the upper one of the column-major A^T, so potrf finds U with A = U^T U
// there, and the buffer of the column-major U is that of our l = U^T. It is done in the result's own memory.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/operations.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/line_start.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
bool has_finite_diagonal(const T* l, std::int64_t n) {
  bool finite = true;
  for (std::int64_t i = 0; i < n; ++i) finite = std::isfinite(l[i * n + i]) && finite;
  return finite;
}

void throw_not_definite(const std::vector<std::int64_t>& indices, std::int64_t batch) {
  throw_for(indices, batch, Code::NotPositiveDefinite, "cholesky: the matrix is not positive definite");
}

template <typename T>
void cholesky_by_lapack(Lane& lane, const CholeskyArgs& args, const Indices& indices) {
  const std::int64_t n = args.n;
  check_lapack_size("cholesky", n, n);
  const auto* a = elements<const T>(args.a);
  LineStart<T> l(args.l, n * n, args.batch);
  std::tie(l.spare()) = take_arrays<T>(lane.workspace(), l.spare_count());
  std::vector<std::int64_t> not_positive_definite;
  for_each_finite(
      "cholesky", indices,
      [&](std::int64_t i) { return copy_finite_lower(a + i * n * n, l[i], static_cast<std::size_t>(n)); },
      [&](std::int64_t i) {
        Int info = 0;
        lapack::potrf('U', static_cast<Int>(n), l[i], &info);
        check_info("cholesky: potrf", info);
        // A sum that has overflowed was no positive definite matrix': there every sum is at most an element of a.
        if (info > 0 || !has_finite_diagonal(l[i], n)) not_positive_definite.push_back(i);
        l.keep(i);
      });
  throw_not_definite(not_positive_definite, args.batch);
}

// Gives what LAPACK is to do: nothing.
template <typename T>
std::vector<std::int64_t> small_cholesky_batch(Lane& lane, const CholeskyArgs& args) {
  const std::int64_t n = args.n;
  small::CholeskyGroup<T> group;
  group.n = n;
  const auto place = [&](small::CholeskyGroup<T>& to, std::int64_t at, std::int64_t i) {
    to.a[at] = elements<const T>(args.a) + i * n * n;
    to.l[at] = elements<T>(args.l) + i * n * n;
  };
  const small::Left left = small::run_groups(lane.workspace(), args.batch, small::cholesky_registers(n),
                                             small::cholesky_steps(n), small::kernels<T>().cholesky, group, place);
  throw_not_finite("cholesky", left.not_finite, args.batch);
  throw_not_definite(left.not_positive_definite, args.batch);
  return left.undone;
}

template <typename T>
void cholesky_batch(Lane& lane, const CholeskyArgs& args) {
  if (args.n == 0) return;
  small_or_lapack<T>(
      small::takes_cholesky(args.n), args.batch, BlasShare::kAllCores,
      [&](auto element) { return small_cholesky_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { cholesky_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void cholesky(Lane& lane, const CholeskyArgs& args) {
  if (is_complex(args.type)) return complex::cholesky(lane, args);
  with_float(args.type, [&](auto element) { cholesky_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
