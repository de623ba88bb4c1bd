// The determinant by LU factorisation with partial pivoting (of small matrices many at a time, cpu/small; of others LAPACK's
// getrf): the product of the pivots, with a sign for each exchange of rows. A matrix and its transpose have the same, so
// row-major needs no thought.
//
// The product is kept as a fraction and an exponent, so that it overflows only where the determinant does.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <tuple>
#include <vector>

#include "cpu/complex/operations.h"
#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

// As std::frexp, whose calls were most of the time of small determinants.
inline double split(double number, int& exponent) {
  constexpr std::uint64_t kExponent = std::uint64_t{0x7ff} << 52U;
  constexpr int kHalf = 0x3fe;  // the exponent of what is in [0.5, 1), as it is kept
  const auto bits = std::bit_cast<std::uint64_t>(number);
  const int kept = static_cast<int>((bits & kExponent) >> 52U);
  if (kept == 0 || kept == 0x7ff) return std::frexp(number, &exponent);  // zero, subnormal, or not finite
  exponent = kept - kHalf;
  return std::bit_cast<double>((bits & ~kExponent) | (std::uint64_t{kHalf} << 52U));
}

// fraction * 2^exponent, where |fraction| is 0 or in [0.5, 1).
class Product {
 public:
  void multiply(double factor) {
    int of_factor = 0;
    int of_product = 0;
    fraction_ = split(fraction_ * split(factor, of_factor), of_product);
    exponent_ += of_factor + of_product;
  }
  void negate() { fraction_ = -fraction_; }
  void scale(std::int64_t exponent) { exponent_ += exponent; }
  [[nodiscard]] bool is_zero() const { return fraction_ == 0; }
  [[nodiscard]] bool finite() const { return std::isfinite(fraction_); }

  // Beyond what any element type holds the exponent makes no difference.
  template <typename T>
  [[nodiscard]] T value() const {
    if (fraction_ == 0) return T{0};  // never -0
    constexpr std::int64_t kBeyond = 10'000;
    const std::int64_t exponent = exponent_ > kBeyond ? kBeyond : (exponent_ < -kBeyond ? -kBeyond : exponent_);
    return static_cast<T>(std::ldexp(static_cast<T>(fraction_), static_cast<int>(exponent)));
  }
  template <typename T>
  [[nodiscard]] T sign() const {
    return fraction_ == 0 ? T{0} : (fraction_ < 0 ? T{-1} : T{1});
  }
  template <typename T>
  [[nodiscard]] T log_abs() const {
    if (fraction_ == 0) return -std::numeric_limits<T>::infinity();
    return static_cast<T>(std::log(std::abs(fraction_)) + static_cast<double>(exponent_) * std::numbers::ln2);
  }

 private:
  double fraction_ = 0.5;  // together 1
  std::int64_t exponent_ = 1;
};

template <typename T>
void write_det(const DetArgs& args, std::int64_t i, const Product& product) {
  elements<T>(args.det)[i] = args.log ? product.sign<T>() : product.value<T>();
  if (args.log) elements<T>(args.log_abs)[i] = product.log_abs<T>();
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
    Product product;
    if (n != 0) {
      Int info = 0;
      lapack::getrf(static_cast<Int>(n), static_cast<Int>(n), lu, pivots, &info);
      check_info("det: getrf", info);
      if (info > 0) product.multiply(0);
    }
    for (std::int64_t j = 0; j < n; ++j) {
      product.multiply(static_cast<double>(lu[j * n + j]));
      if (pivots[j] != j + 1) product.negate();
    }
    return product;
  };
  std::vector<std::int64_t> not_finite;
  std::vector<std::int64_t> beyond;
  for_each_finite("det", indices, load, [&](std::int64_t i) {
    Product product = product_of();
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
    write_det<T>(args, i, product);
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
      Product product;
      for (std::int64_t j = 0; j <= n; ++j)
        product.multiply(static_cast<double>(pivots[static_cast<std::size_t>(i * (n + 1) + j)]));
      write_det<T>(args, first + i, product);
    }
  }
  throw_not_finite("det", not_finite, args.batch);
  return undone;
}

template <typename T>
void det_batch(Lane& lane, const DetArgs& args) {
  small_or_lapack(
      small::takes_lu(args.n, 0), args.batch, BlasShare::kAllCores, [&] { return small_det_batch<T>(lane, args); },
      [&](const Indices& indices) { det_by_lapack<T>(lane, args, indices); });
}

}  // namespace

void det(Lane& lane, const DetArgs& args) {
  if (is_complex(args.type)) return complex::det(lane, args);
  with_float(args.type, [&](auto element) { det_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
