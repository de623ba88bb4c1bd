// Eigenvalues and eigenvectors of symmetric matrices: of small ones by Jacobi rotations, many at a time (cpu/small), of
// others by divide and conquer (LAPACK's syevd); where that does not converge, or what comes out of it is not finite or not
// orthonormal, by QR iteration (syev).
//
// The lower triangle of the row-major A is the upper one of the column-major A^T, which is A. syevd leaves the
// eigenvectors as columns of a column-major matrix, so only v is transposed, in place.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/operations.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/line_start.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/linalg/orthonormal.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

struct WorkSizes {
  std::int64_t elements, integers;
};

template <typename T>
WorkSizes query(char job, std::int64_t n) {
  constexpr const char* kAdvice = "ask for the values alone, or split the matrix";
  // syevd computes this in 32 bits, and would wrap round where it is larger.
  const std::int64_t least = job == 'V' ? 1 + 6 * n + 2 * n * n : 2 * n + 1;
  check_work_size("eigh", least, n, n, kAdvice);
  T optimal{};
  Int integers = 0;
  Int info = 0;
  lapack::syevd(job, 'U', static_cast<Int>(n), static_cast<T*>(nullptr), static_cast<T*>(nullptr), &optimal, -1,
                &integers, -1, &info);
  check_info("eigh: syevd", info);
  const std::int64_t elements = work_size(optimal);
  check_work_size("eigh", elements, n, n, kAdvice);
  return {std::max(elements, 3 * n), integers};  // the latter is what syev needs
}

template <typename T>
void eigh_by_lapack(Lane& lane, const EighArgs& args, const Indices& indices) {
  const std::int64_t n = args.n;
  check_lapack_size("eigh", n, n);
  const char job = args.vectors ? 'V' : 'N';
  const WorkSizes sizes = query<T>(job, n);
  T* work = nullptr;
  T* copy = nullptr;  // where there is no v to compute in
  T* probe = nullptr;
  Int* iwork = nullptr;
  LineStart<T> w(args.w, n, args.batch);
  LineStart<T> v(args.v, n * n, args.batch);
  std::tie(work, iwork, copy, probe, w.spare()) = take_arrays<T, Int, T, T, T>(
      lane.workspace(), sizes.elements, sizes.integers, args.vectors ? v.spare_count() : n * n,
      args.vectors ? orthonormal_work(n) : 0, w.spare_count());
  v.spare() = copy;

  const auto* a = elements<const T>(args.a);
  const auto matrix = [&](std::int64_t i) { return args.vectors ? v[i] : copy; };
  const auto load = [&](std::int64_t i) {
    return copy_finite_lower(a + i * n * n, matrix(i), static_cast<std::size_t>(n));
  };
  // By columns or by rows: all of a square matrix is orthonormal if one is.
  const auto is_right = [&](std::int64_t i) {
    return all_finite(w[i], static_cast<std::size_t>(n)) &&
           (!args.vectors || has_orthonormal_columns(matrix(i), n, n, probe));
  };
  Int info = 0;
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> not_converged;
  std::vector<std::int64_t> beyond;
  for_each_finite("eigh", indices, load, [&](std::int64_t i) {
    lapack::syevd(job, 'U', static_cast<Int>(n), matrix(i), w[i], work, static_cast<Int>(sizes.elements), iwork,
                  static_cast<Int>(sizes.integers), &info);
    check_info("eigh: syevd", info);
    if (info > 0 || !is_right(i)) {
      if (!load(i)) return not_finite.push_back(i);  // written to meanwhile
      lapack::syev(job, 'U', static_cast<Int>(n), matrix(i), w[i], work, static_cast<Int>(sizes.elements), &info);
      check_info("eigh: syev", info);
      if (info > 0) return not_converged.push_back(i);
      if (!is_right(i)) {
        // An eigenvalue may be too large, though no element is.
        const bool overflowed = std::isinf(w[i][0]) || std::isinf(w[i][n - 1]);
        return (overflowed ? beyond : not_converged).push_back(i);
      }
    }
    w.keep(i);
    if (!args.vectors) return;
    transpose_in_place(v[i], n);
    v.keep(i);
  });
  throw_not_finite("eigh", not_finite, args.batch);
  throw_for(not_converged, args.batch, Code::NotConverged, "eigh: the iteration did not converge");
  throw_beyond(beyond, args.batch, args.type, "eigh: there are eigenvalues");
}

// Gives what LAPACK is to do.
template <typename T>
std::vector<std::int64_t> small_eigh_batch(Lane& lane, const EighArgs& args) {
  const std::int64_t n = args.n;
  small::EighGroup<T> group;
  group.n = n;
  const auto place = [&](small::EighGroup<T>& to, std::int64_t at, std::int64_t i) {
    to.a[at] = elements<const T>(args.a) + i * n * n;
    to.w[at] = elements<T>(args.w) + i * n;
    if (args.vectors) to.v[at] = elements<T>(args.v) + i * n * n;
  };
  const small::Left left = small::run_groups(lane.workspace(), args.batch, small::eigh_registers(n),
                                             small::eigh_steps(n), small::kernels<T>().eigh, group, place);
  throw_not_finite("eigh", left.not_finite, args.batch);
  return left.undone;
}

template <typename T>
void eigh_batch(Lane& lane, const EighArgs& args) {
  if (args.n == 0 || args.batch == 0) return;
  say_ran(args.ran, small::takes_eigh(args.n) ? "jacobi" : "syevd");
  small_or_lapack<T>(
      small::takes_eigh(args.n), args.batch, cores_by_columns(args.n, args.n),
      [&](auto element) { return small_eigh_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { eigh_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void eigh(Lane& lane, const EighArgs& args) {
  if (is_complex(args.type)) return complex::eigh(lane, args);
  with_float(args.type, [&](auto element) { eigh_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
