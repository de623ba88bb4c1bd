// The determinant by LU factorisation with partial pivoting (LAPACK's getrf): the product of the pivots, with a sign
// for each exchange of rows. A matrix and its transpose have the same, so row-major needs no thought.
//
// The product is kept as a fraction and an exponent, so that it overflows only where the determinant does.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <tuple>
#include <vector>

#include "cpu/linalg/equilibration.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

// fraction * 2^exponent, where |fraction| is 0 or in [0.5, 1).
class Product {
 public:
  void multiply(double factor) {
    int of_factor = 0;
    int of_product = 0;
    fraction_ = std::frexp(fraction_ * std::frexp(factor, &of_factor), &of_product);
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
void det_batch(Lane& lane, const DetArgs& args) {
  const std::int64_t n = args.n;
  check_lapack_size("det", n, n);
  const auto arrays = take_arrays<T, Int>(lane.workspace(), n * n, n);
  T* lu = std::get<0>(arrays);
  Int* pivots = std::get<1>(arrays);

  const auto* a = elements<const T>(args.a);
  auto* det = elements<T>(args.det);
  auto* log_abs = elements<T>(args.log_abs);
  const auto load = [&](std::int64_t i) { return copy_finite(a + i * n * n, lu, static_cast<std::size_t>(n * n)); };
  const auto product_of = [&] {
    Product product;
    if (n != 0) {
      Int info = 0;
      lapack::getrf(static_cast<Int>(n), lu, pivots, &info);
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
  for_each_finite("det", args.batch, load, [&](std::int64_t i) {
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
    det[i] = args.log ? product.sign<T>() : product.value<T>();
    if (args.log) log_abs[i] = product.log_abs<T>();
  });
  throw_for(not_finite, args.batch, Code::NotFinite, "det: the input has a NaN or an infinity");
  throw_beyond(beyond, args.batch, args.type, "det: elimination has elements");
}

}  // namespace

void det(Lane& lane, const DetArgs& args) {
  with_blas(args.type, [&](auto element) { det_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu
