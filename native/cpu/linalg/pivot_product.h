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

// Bring the larger part of a finite number to [0.5, 1), and give the power of two that it was taken by.
inline int take_exponent(std::complex<double>& number) {
  const double largest = magnitude(number);
  if (largest == 0 || !std::isfinite(largest)) return 0;
  const int exponent = std::ilogb(largest) + 1;
  number = times_power_of_two(number, -exponent);
  return exponent;
}
// By std::frexp, whose calls were most of the time of small determinants, only where it must be.
inline int take_exponent(double& number) {
  constexpr std::uint64_t kExponent = std::uint64_t{0x7ff} << 52U;
  constexpr int kHalf = 0x3fe;  // the exponent of what is in [0.5, 1), as it is kept
  const auto bits = std::bit_cast<std::uint64_t>(number);
  const int kept = static_cast<int>((bits & kExponent) >> 52U);
  if (kept == 0 || kept == 0x7ff) {  // zero, subnormal, or not finite
    int exponent = 0;
    number = std::frexp(number, &exponent);
    return exponent;
  }
  number = std::bit_cast<double>((bits & ~kExponent) | (std::uint64_t{kHalf} << 52U));
  return kept - kHalf;
}

// Of factors of type T.
template <typename T>
class PivotProduct {
 public:
  using Wide = std::conditional_t<kIsComplex<T>, std::complex<double>, double>;

  void multiply(Wide factor) {
    exponent_ += take_exponent(factor);
    fraction_ *= factor;
    exponent_ += take_exponent(fraction_);
  }
  void negate() { fraction_ = -fraction_; }
  void scale(std::int64_t exponent) { exponent_ += exponent; }
  [[nodiscard]] bool is_zero() const { return fraction_ == 0.0; }
  [[nodiscard]] bool finite() const { return all_finite(&fraction_, 1); }

  // Beyond what any element type holds the exponent makes no difference.
  [[nodiscard]] T value() const {
    if (is_zero()) return T{0};  // never -0
    constexpr std::int64_t kBeyond = 10'000;
    return times_power_of_two(T(fraction_), static_cast<int>(std::clamp(exponent_, -kBeyond, kBeyond)));
  }
  // Of absolute value 1, or 0.
  [[nodiscard]] T sign() const { return is_zero() ? T{0} : T(fraction_ / std::abs(fraction_)); }
  [[nodiscard]] Real<T> log_abs() const {
    if (is_zero()) return -std::numeric_limits<Real<T>>::infinity();
    return static_cast<Real<T>>(std::log(std::abs(fraction_)) + static_cast<double>(exponent_) * std::numbers::ln2);
  }

 private:
  Wide fraction_ = 0.5;  // together 1
  std::int64_t exponent_ = 1;
};

}  // namespace tensorlane::cpu
