// e to the power of many numbers, and their logarithms, by polynomials that the compiler makes vectors of: libm's take one
// number at a time. A result depends on its number alone, not on where among the others that stands.
//
// exp: x = k ln 2 + r with |r| <= ln 2 / 2, so e^x = 2^k e^r, and e^r by its Taylor series.
// log: x = 2^k m with m from sqrt(1/2) to sqrt(2), so log x = k ln 2 + log m, and log m = 2 artanh(s) by its Taylor series, with
// s = (m - 1) / (m + 1), |s| < 0.172.
// (J.-M. Muller, Elementary Functions: Algorithms and Implementation, 3rd ed., Birkhäuser 2016, chapters 3 and 11.)
// float32 is computed in double precision, and rounded once: within 1 unit in the last place, float64 within 2, and so are
// subnormal numbers and results. Zeros, infinities, NaNs and logarithms of negative numbers are as IEEE 754 has them.
#pragma once

#include <cstdint>
#include <span>

namespace tensorlane::cpu {

// One compiled form of the functions. `from` and `to` may be the same.
struct VectorMath {
  template <typename T>
  using Function = void (*)(const T* from, T* to, std::int64_t count);

  const char* name;
  Function<float> exp_float, log_float;
  Function<double> exp_double, log_double;

  void exp(const float* from, float* to, std::int64_t count) const { exp_float(from, to, count); }
  void exp(const double* from, double* to, std::int64_t count) const { exp_double(from, to, count); }
  void log(const float* from, float* to, std::int64_t count) const { log_float(from, to, count); }
  void log(const double* from, double* to, std::int64_t count) const { log_double(from, to, count); }
};

// Those that this processor can run, the fastest first.
[[nodiscard]] std::span<const VectorMath> all_vector_math();
[[nodiscard]] inline const VectorMath& vector_math() { return all_vector_math().front(); }

}  // namespace tensorlane::cpu
