// The determinant by LU factorisation with partial pivoting (of small real matrices many at a time, cpu/small; of others LAPACK's
// getrf): the product of the pivots, with a sign for each exchange of rows. A matrix and its transpose have the same, so
// row-major needs no thought.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

#include "cpu/complex/lapack.h"
#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/linalg/pivot_product.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

template <typename T>
void write_det(const DetArgs& args, std::int64_t i, const PivotProduct<T>& product) {
  elements<T>(args.det)[i] = args.log ? product.sign() : product.value();
  if (args.log) elements<Real<T>>(args.log_abs)[i] = product.log_abs();
}

template <typename T>
void det_by_lapack(Lane& lane, const DetArgs& args, const Indices& indices) {
  const std::int64_t n = args.n;
  check_lapack_size("det", n, n);
  const auto arrays = take_arrays<T, Int>(lane.workspace(), n * n, n);
  T* lu = std::get<0>(arrays);
  Int* pivots = std::get<1>(arrays);

  const auto* a = elements<const T>(args.a);
  const auto load = [&](std::int64_t i) { return copy_finite(a + i * n * n, lu, static_cast<std::size_t>(n * n)); };
  const auto product_of = [&] {
    PivotProduct<T> product;
    if (n != 0) {
      Int info = 0;
      lapack::getrf(static_cast<Int>(n), static_cast<Int>(n), lu, pivots, &info);
      check_info("det: getrf", info);
      if (info > 0) product.multiply(0);
    }
    for (std::int64_t j = 0; j < n; ++j) {
      product.multiply(lu[j * n + j]);
      if (pivots[j] != j + 1) product.negate();
    }
    return product;
  };
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> beyond;
  for_each_finite("det", indices, load, [&](std::int64_t i) {
    PivotProduct<T> product = product_of();
    if (!has_safe_pivots(lu, n)) {
      if (!load(i)) return not_finite.push_back(i);  // written to meanwhile
      // A singular one is no less so for being scaled, unless that is what made it singular.
      if (!product.is_zero() || has_tiny(lu, n * n)) {
        const Equilibration scaled(lu, n);
        product = product_of();
        product.scale(scaled.total());
        if (!product.finite()) return beyond.push_back(i);
      }
    }
    write_det(args, i, product);
  });
  throw_not_finite("det", not_finite, args.batch);
  throw_beyond(beyond, args.batch, args.type, "det: elimination has elements");
}

// Gives what LAPACK is to do. The pivots of a part of the batch at a time are kept.
template <typename T>
std::vector<std::int64_t> small_det_batch(Lane& lane, const DetArgs& args) {
  constexpr std::int64_t kPart = 1024;
  const std::int64_t n = args.n;
  std::vector<T> pivots(static_cast<std::size_t>(std::min(kPart, args.batch) * (n + 1)));
  std::vector<std::int64_t> undone;
  std::vector<std::int64_t> not_finite;
  for (std::int64_t first = 0; first < args.batch; first += kPart) {
    small::LuGroup<T> group;
    group.n = n;
    const auto place = [&](small::LuGroup<T>& to, std::int64_t at, std::int64_t i) {
      to.a[at] = elements<const T>(args.a) + (first + i) * n * n;
      to.pivots[at] = pivots.data() + i * (n + 1);
    };
    const std::int64_t count = std::min(kPart, args.batch - first);
    const small::Left left = small::run_groups(lane.workspace(), count, small::lu_registers(n, 0),
                                               small::lu_steps(n, 0), small::kernels<T>().lu, group, place);
    for (const std::int64_t i : left.undone) undone.push_back(first + i);
    for (const std::int64_t i : left.not_finite) not_finite.push_back(first + i);
    for (std::int64_t i = 0; i < count; ++i) {
      PivotProduct<T> product;
      for (std::int64_t j = 0; j <= n; ++j) product.multiply(pivots[static_cast<std::size_t>(i * (n + 1) + j)]);
      write_det(args, first + i, product);
    }
  }
  throw_not_finite("det", not_finite, args.batch);
  return undone;
}

template <typename T>
void det_batch(Lane& lane, const DetArgs& args) {
  small_or_lapack<T>(
      small::takes_lu(args.n, 0), args.batch, BlasShare::kAllCores,
      [&](auto element) { return small_det_batch<decltype(element)>(lane, args); },
      [&](const Indices& indices) { det_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void det(Lane& lane, const DetArgs& args) {
  with_field(args.type, [&](auto element) { det_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
