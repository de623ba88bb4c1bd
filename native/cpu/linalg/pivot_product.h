// The product of the pivots of a determinant, kept as a fraction and a power of two: so it overflows only where the determinant does.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numbers>
#include <type_traits>

#include "cpu/linalg/equilibration.h"

namespace tensorlane::cpu {

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
class RealProduct {
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

class ComplexProduct {
 public:
  void multiply(std::complex<double> factor) {
    const int of_factor = take_exponent(factor);
    fraction_ *= factor;
    exponent_ += of_factor;
    exponent_ += take_exponent(fraction_);
  }
  void negate() { fraction_ = -fraction_; }
  void scale(std::int64_t exponent) { exponent_ += exponent; }
  [[nodiscard]] bool is_zero() const { return fraction_ == 0.0; }
  [[nodiscard]] bool finite() const { return std::isfinite(fraction_.real()) && std::isfinite(fraction_.imag()); }

  // Beyond what any element type holds the exponent makes no difference.
  template <typename T>
  [[nodiscard]] T value() const {
    constexpr std::int64_t kBeyond = 10'000;
    return T(times_power_of_two(fraction_, static_cast<int>(std::clamp(exponent_, -kBeyond, kBeyond))));
  }
  // Of absolute value 1, or 0.
  template <typename T>
  [[nodiscard]] T sign() const {
    return T(is_zero() ? fraction_ : fraction_ / std::abs(fraction_));
  }
  template <typename T>
  [[nodiscard]] T log_abs() const {
    if (is_zero()) return -std::numeric_limits<T>::infinity();
    return static_cast<T>(std::log(std::abs(fraction_)) + static_cast<double>(exponent_) * std::numbers::ln2);
  }

 private:
  // Brings the larger part to [0.5, 1).
  static int take_exponent(std::complex<double>& number) {
    const double largest = magnitude(number);
    if (largest == 0 || !std::isfinite(largest)) return 0;
    int exponent = 0;
    std::frexp(largest, &exponent);
    number = times_power_of_two(number, -exponent);
    return exponent;
  }

  std::complex<double> fraction_ = 1;
  std::int64_t exponent_ = 0;
};

// Of factors of the type.
template <typename T>
using PivotProduct = std::conditional_t<kIsComplex<T>, ComplexProduct, RealProduct>;

}  // namespace tensorlane::cpu
