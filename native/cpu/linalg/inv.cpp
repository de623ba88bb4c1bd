// The inverse by LU factorisation with partial pivoting: of small real matrices many at a time (cpu/small), of others, and of those
// that must be scaled, by LAPACK's getrf and getrs. A X = 1 is solved, of A itself and not of its transpose, as numpy does. Of badly
// conditioned matrices that is what makes A X come close to 1, and the same ones exactly singular.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/lapack.h"
#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
void inv_by_lapack(Lane& lane, const InvArgs& args, const Indices& indices) {
  const std::int64_t n = args.n;
  check_lapack_size("inv", n, n);
  const auto size = static_cast<Int>(n);
  const auto arrays = take_arrays<T, Int>(lane.workspace(), n * n, n);
  T* lu = std::get<0>(arrays);
  Int* pivots = std::get<1>(arrays);

  const auto* a = elements<const T>(args.a);
  auto* inverse = elements<T>(args.inverse);
  const auto count = static_cast<std::size_t>(n * n);
  bool safe = true;
  // In place. Whether it is not singular.
  const auto invert = [&](T* one) {
    Int info = 0;
    transpose(one, n, n, lu);
    lapack::getrf(size, size, lu, pivots, &info);
    check_info("inv: getrf", info);
    if (info > 0) return false;
    safe = has_safe_pivots(lu, n);
    set_identity(one, n);
    lapack::getrs('N', size, size, lu, pivots, one, &info);
    check_info("inv: getrs", info);
    transpose_in_place(one, n);
    return true;
  };
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> singular;
  std::vector<std::int64_t> beyond;
  for_each_finite(
      "inv", indices, [&](std::int64_t i) { return copy_finite(a + i * n * n, inverse + i * n * n, count); },
      [&](std::int64_t i) {
        T* one = inverse + i * n * n;
        const bool inverted = invert(one);
        if (inverted && safe && all_finite(one, count)) return;
        if (!copy_finite(a + i * n * n, one, count)) {  // written to meanwhile
          not_finite.push_back(i);
          return;
        }
        if (!inverted && !has_tiny(one, n * n)) {
          singular.push_back(i);
          return;
        }
        const Equilibration scaled(one, n);
        if (!invert(one)) {
          singular.push_back(i);
          return;
        }
        for (std::int64_t row = 0; row < n; ++row) {
          for (std::int64_t column = 0; column < n; ++column) {
            T& element = one[row * n + column];
            element = times_power_of_two(element, -(scaled.column(row) + scaled.row(column)));
          }
        }
        if (!all_finite(one, count)) beyond.push_back(i);
      });
  throw_not_finite("inv", not_finite, args.batch);
  throw_for(singular, args.batch, Code::Singular, "inv: the matrix is singular");
  throw_beyond(beyond, args.batch, args.type, "inv: the inverse has elements");
}

// Gives what LAPACK is to do.
template <typename T>
std::vector<std::int64_t> small_inv_batch(Lane& lane, const InvArgs& args) {
  const std::int64_t n = args.n;
  small::LuGroup<T> group;
  group.n = group.right_sides = n;
  const auto place = [&](small::LuGroup<T>& to, std::int64_t at, std::int64_t i) {
    to.a[at] = elements<const T>(args.a) + i * n * n;
    to.x[at] = elements<T>(args.inverse) + i * n * n;
  };
  const small::Left left = small::run_groups(lane.workspace(), args.batch, small::lu_registers(n, n),
                                             small::lu_steps(n, n), small::kernels<T>().lu, group, place);
  throw_not_finite("inv", left.not_finite, args.batch);
  return left.undone;
}

template <typename T>
void inv_batch(Lane& lane, const InvArgs& args) {
  if (args.n == 0 || args.batch == 0) return;
  small_or_lapack<T>(
      small::takes_lu(args.n, args.n), args.batch, BlasShare::kAllCores,
      [&](auto element) { return small_inv_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { inv_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void inv(Lane& lane, const InvArgs& args) {
  with_field(args.type, [&](auto element) { inv_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
