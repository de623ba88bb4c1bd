#include "cpu/ops/vector_math.h"

#include <bit>
#include <limits>

namespace tensorlane::cpu {
namespace {

#define TENSORLANE_INLINE [[gnu::always_inline]] inline

// Added to a number of up to 2^51, leaves the nearest whole number in the last bits of the sum.
constexpr double kRounder = 0x1.8p52;
constexpr double kLog2E = 0x1.71547652b82fep0;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kLn2High = 0x1.62e42feep-1;  // times a whole number of 11 bits is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// coefficients[0] + coefficients[1] x + ...
template <typename... T>
TENSORLANE_INLINE double polynomial(double x, double first, T... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return first;
  } else {
    return polynomial(x, rest...) * x + first;
  }
}

// 2^k, where `rounded` is k + kRounder.
TENSORLANE_INLINE double power_of_two(double rounded) {
  return __builtin_bit_cast(double, (__builtin_bit_cast(std::uint64_t, rounded) + 1023U) << 52U);
}

// Where each result is a normal number: the conversion rounds once, to subnormals and infinity too.
TENSORLANE_INLINE float exp_of(float value) {
  constexpr double kLeast = -110;
  constexpr double kMost = 90;
  auto x = static_cast<double>(value);
  x = x < kLeast ? kLeast : x;
  x = x > kMost ? kMost : x;
  const double rounded = x * kLog2E + kRounder;
  const double k = rounded - kRounder;
  const double r = x - k * kLn2;
  const double of_r = polynomial(r, 1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320);
  return static_cast<float>(of_r * power_of_two(rounded));
}

// 2^k as the product of two powers, of which each is a normal number.
TENSORLANE_INLINE double exp_of(double value) {
  constexpr double kLeast = -800;
  constexpr double kMost = 720;
  double x = value < kLeast ? kLeast : value;
  x = x > kMost ? kMost : x;
  const double k = (x * kLog2E + kRounder) - kRounder;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  const double rest_of_r = polynomial(r, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                                      1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0);
  const double of_r = 1.0 + (r + r * r * rest_of_r);
  const double half = k * 0.5 + kRounder;
  const double other = (k - (half - kRounder)) + kRounder;
  return of_r * power_of_two(half) * power_of_two(other);
}

struct Parts {
  double k;  // the exponent, a whole number
  double f;  // m - 1
};

// Of a positive, normal number.
TENSORLANE_INLINE Parts parts_of(double x) {
  constexpr std::uint64_t kRoot = 0x3fe6a09e667f3bcdU;   // sqrt(1/2)
  constexpr std::uint64_t kWhole = 0x4330000000000000U;  // 2^52, in whose last bits a small whole number has its own
  constexpr double kWholeAndBias = 0x1.0p52 + 1023;
  constexpr std::uint64_t kFraction = 0x000fffffffffffffU;
  constexpr std::uint64_t kOne = 0x3ff0000000000000U;
  const std::uint64_t shifted = __builtin_bit_cast(std::uint64_t, x) + (kOne - kRoot);
  const double k = __builtin_bit_cast(double, kWhole | (shifted >> 52U)) - kWholeAndBias;
  const double m = __builtin_bit_cast(double, (shifted & kFraction) + kRoot);
  return {k, m - 1.0};
}

// `log`, but for what has none.
template <typename T>
TENSORLANE_INLINE T log_or_special(T x, double log) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  log = x == kInfinity ? kInfinity : log;
  log = x == 0 ? -kInfinity : log;
  log = x >= 0 ? log : std::numeric_limits<double>::quiet_NaN();
  return static_cast<T>(log);
}

// A subnormal float32 is a normal double.
TENSORLANE_INLINE float log_of(float x) {
  const auto [k, f] = parts_of(static_cast<double>(x));
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double sum = polynomial(z, 2, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13);
  return log_or_special(x, k * kLn2 + s * sum);
}

// 2 s = f - s f, so that what is added to f, which is exact, is small beside it.
TENSORLANE_INLINE double log_of(double x) {
  constexpr double kLeastNormal = std::numeric_limits<double>::min();
  const bool subnormal = x < kLeastNormal;
  const auto [exponent, f] = parts_of(x * (subnormal ? 0x1.0p54 : 1.0));
  const double k = exponent - (subnormal ? 54.0 : 0.0);
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double sum = z * polynomial(z, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                    2.0 / 19, 2.0 / 21, 2.0 / 23);
  return log_or_special(x, k * kLn2High + (f - (s * (f - sum) - k * kLn2Low)));
}

// The same loops, compiled for processors that have `...` too: nothing else is, so nothing else can need them.
#define TENSORLANE_VECTOR_MATH(name, ...)                                 \
  template <typename T>                                                   \
  __VA_ARGS__ void exp_##name(const T* from, T* to, std::int64_t count) { \
    for (std::int64_t i = 0; i < count; ++i) to[i] = exp_of(from[i]);     \
  }                                                                       \
  template <typename T>                                                   \
  __VA_ARGS__ void log_##name(const T* from, T* to, std::int64_t count) { \
    for (std::int64_t i = 0; i < count; ++i) to[i] = log_of(from[i]);     \
  }                                                                       \
  constexpr VectorMath k_##name { #name, exp_##name<float>, log_##name<float>, exp_##name<double>, log_##name<double> }

TENSORLANE_VECTOR_MATH(plain, );

#if defined(__x86_64__) && defined(__GNUC__)
TENSORLANE_VECTOR_MATH(avx2, [[gnu::target("avx2,fma")]]);
TENSORLANE_VECTOR_MATH(avx512, [[gnu::target("avx512f,avx512dq,avx512vl,avx2,fma")]]);

std::span<const VectorMath> runnable() {
  static constexpr VectorMath kAll[] = {k_avx512, k_avx2, k_plain};
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return std::span(kAll).subspan(avx512 ? 0 : (avx2 ? 1 : 2));
}
#else
std::span<const VectorMath> runnable() {
  static constexpr VectorMath kAll[] = {k_plain};
  return kAll;
}
#endif

}  // namespace

std::span<const VectorMath> all_vector_math() {
  static const std::span<const VectorMath> all = runnable();
  return all;
}

}  // namespace tensorlane::cpu
