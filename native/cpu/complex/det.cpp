// Determinants of complex matrices by LU factorisation: a matrix and its transpose have the same, so row-major needs no thought.
//
// The product is kept as a fraction and a power of two, so that it overflows only where the determinant does.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <tuple>
#include <vector>

#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

class Product {
 public:
  void multiply(std::complex<double> factor) {
    const int of_factor = take_exponent(factor);
    fraction_ *= factor;
    exponent_ += of_factor;
    exponent_ += take_exponent(fraction_);
  }
  void negate() { fraction_ = -fraction_; }
  [[nodiscard]] bool finite() const { return std::isfinite(fraction_.real()) && std::isfinite(fraction_.imag()); }

  // Beyond what any element type holds the exponent makes no difference.
  [[nodiscard]] std::complex<double> value() const {
    constexpr std::int64_t kBeyond = 10'000;
    const auto exponent = static_cast<int>(std::clamp(exponent_, -kBeyond, kBeyond));
    return {std::ldexp(fraction_.real(), exponent), std::ldexp(fraction_.imag(), exponent)};
  }
  // Of absolute value 1, or 0.
  [[nodiscard]] std::complex<double> sign() const {
    return fraction_ == 0.0 ? fraction_ : fraction_ / std::abs(fraction_);
  }
  [[nodiscard]] double log_abs() const {
    if (fraction_ == 0.0) return -std::numeric_limits<double>::infinity();
    return std::log(std::abs(fraction_)) + static_cast<double>(exponent_) * std::numbers::ln2;
  }

 private:
  // Brings the larger part to [0.5, 1).
  static int take_exponent(std::complex<double>& number) {
    const double largest = std::max(std::abs(number.real()), std::abs(number.imag()));
    if (largest == 0 || !std::isfinite(largest)) return 0;
    int exponent = 0;
    std::frexp(largest, &exponent);
    number = {std::ldexp(number.real(), -exponent), std::ldexp(number.imag(), -exponent)};
    return exponent;
  }

  std::complex<double> fraction_ = 1;
  std::int64_t exponent_ = 0;
};

template <typename T>
Product product_of(const T* lu, const Int* pivots, std::int64_t n) {
  Product product;
  for (std::int64_t i = 0; i < n; ++i) {
    product.multiply(std::complex<double>(lu[i * (n + 1)]));
    if (pivots[i] != i + 1) product.negate();
  }
  return product;
}

template <typename T>
void det_batch(Lane& lane, const DetArgs& args) {
  const std::int64_t n = args.n;
  T* lu = nullptr;
  Int* pivots = nullptr;
  std::tie(lu, pivots) = take_arrays<T, Int>(lane.workspace(), n * n, n);
  std::vector<std::int64_t> beyond;
  const auto load = [&](std::int64_t i) {
    return copy_finite(elements<const T>(args.a) + i * n * n, lu, static_cast<std::size_t>(n * n));
  };
  for_each_finite("det", Indices(args.batch), load, [&](std::int64_t i) {
    Int info = 0;
    if (n > 0) lapack::getrf(static_cast<Int>(n), static_cast<Int>(n), lu, pivots, &info);
    check_info("det: getrf", info);
    const Product product = product_of(lu, pivots, n);
    if (!product.finite()) return beyond.push_back(i);
    elements<T>(args.det)[i] = T(args.log ? product.sign() : product.value());
    if (args.log) elements<Real<T>>(args.log_abs)[i] = static_cast<Real<T>>(product.log_abs());
  });
  throw_beyond(beyond, args.batch, args.type, "det: elimination has elements");
}

}  // namespace

void det(Lane& lane, const DetArgs& args) {
  check_lapack_size("det", args.n, args.n);
  with_complex(args.type, [&](auto element) { det_batch<decltype(element)>(lane, args); });
}

}  // namespace tensorlane::cpu::complex
