// exp and log in every form that this processor can run, against those of long double, over the whole range of both types.
#include "cpu/ops/vector_math.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace tensorlane::cpu;

namespace {

enum class Which { Exp, Log };

template <typename T>
void apply(const VectorMath& math, Which which, const T* from, T* to, std::size_t count) {
  const auto size = static_cast<std::int64_t>(count);
  which == Which::Exp ? math.exp(from, to, size) : math.log(from, to, size);
}

// In units in the last place of the result, as large as those of the smallest subnormal numbers at least.
template <typename T>
double error_of(T given, long double expected) {
  if (std::isnan(expected)) return std::isnan(given) ? 0 : 1e9;
  const auto rounded = static_cast<T>(expected);
  if (std::isinf(rounded) || std::isinf(given)) return given == rounded ? 0 : 1e9;
  const T next = std::nextafter(rounded, std::numeric_limits<T>::infinity());
  const long double unit = std::isinf(next) ? static_cast<long double>(rounded) - std::nextafter(rounded, T{0})
                                            : static_cast<long double>(next) - rounded;
  return static_cast<double>(std::abs(static_cast<long double>(given) - expected) / unit);
}

template <typename T>
void check_all(Which which, const std::vector<T>& values, double most) {
  std::vector<long double> expected;
  for (const T value : values) {
    const auto exact = static_cast<long double>(value);
    expected.push_back(which == Which::Exp ? std::exp(exact) : std::log(exact));
  }
  std::vector<T> results(values.size());
  for (const VectorMath& math : all_vector_math()) {
    CAPTURE(std::string(math.name));
    apply(math, which, values.data(), results.data(), values.size());
    double worst = 0;
    T at = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double error = error_of(results[i], expected[i]);
      if (error > worst) {
        worst = error;
        at = values[i];
      }
    }
    CHECK_MESSAGE(worst <= most, worst << " units at " << at);
  }
}

template <typename T>
std::vector<T> special() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values{
      0, 1, Limits::infinity(), Limits::max(), Limits::min(), Limits::denorm_min(), Limits::quiet_NaN()};
  for (std::size_t i = values.size(); i-- > 0;) values.push_back(-values[i]);
  return values;
}

std::vector<float> all_over_float() {
  std::vector<float> values = special<float>();
  for (std::uint64_t bits = 0; bits <= 0xffffffffU; bits += 4099) {
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  return values;
}

std::vector<double> all_over_double() {
  std::vector<double> values = special<double>();
  for (std::uint64_t i = 0; i < 300'000; ++i) values.push_back(std::bit_cast<double>(i * 61'489'146'912'365U));
  return values;
}

// From the largest results to the smallest subnormal ones, and to 0.
constexpr int kExpLeast = -760'000;
constexpr int kExpMost = 720'000;

}  // namespace

TEST_CASE("vector math: exp of float32, within 1 unit in the last place") {
  std::vector<float> values = all_over_float();
  for (int i = kExpLeast; i <= kExpMost; i += 7) values.push_back(static_cast<float>(i) / 7000);
  check_all(Which::Exp, values, 1);
}

TEST_CASE("vector math: exp of float64, within 2 units in the last place") {
  std::vector<double> values = all_over_double();
  for (int i = kExpLeast; i <= kExpMost; i += 7) values.push_back(i / 1000.0 + 1e-5 * (i % 97));
  check_all(Which::Exp, values, 2);
}

TEST_CASE("vector math: log of float32, within 1 unit in the last place") {
  std::vector<float> values = all_over_float();
  for (int i = 1; i <= 300'000; ++i) values.push_back(static_cast<float>(i) / 100'000);  // most of all near 1
  check_all(Which::Log, values, 1);
}

TEST_CASE("vector math: log of float64, within 2 units in the last place") {
  std::vector<double> values = all_over_double();
  for (int i = 1; i <= 300'000; ++i) values.push_back(i / 100'000.0);
  for (int i = -1000; i <= 1000; ++i) values.push_back(1.0 + i * std::numeric_limits<double>::epsilon());
  check_all(Which::Log, values, 2);
}

TEST_CASE("vector math: the least and the largest number that exp has, and those beyond") {
  for (const VectorMath& math : all_vector_math()) {
    CAPTURE(std::string(math.name));
    const std::vector<float> floats{88.72283F, 88.72284F, -103.97F, -103.98F};
    std::vector<float> of_floats(floats.size());
    apply(math, Which::Exp, floats.data(), of_floats.data(), floats.size());
    CHECK(std::isfinite(of_floats[0]));
    CHECK(std::isinf(of_floats[1]));
    CHECK(of_floats[2] == std::numeric_limits<float>::denorm_min());
    CHECK(of_floats[3] == 0);
    const std::vector<double> doubles{709.782712893383, 709.782712893385, -745.13321910194, -745.13321910195};
    std::vector<double> of_doubles(doubles.size());
    apply(math, Which::Exp, doubles.data(), of_doubles.data(), doubles.size());
    CHECK(std::isfinite(of_doubles[0]));
    CHECK(std::isinf(of_doubles[1]));
    CHECK(of_doubles[2] == std::numeric_limits<double>::denorm_min());
    CHECK(of_doubles[3] == 0);
  }
}

// In vectors or in what is left of them: the same bits.
TEST_CASE_TEMPLATE("vector math: any count, in place, wherever it lies", T, float, double) {
  for (const VectorMath& math : all_vector_math()) {
    for (const Which which : {Which::Exp, Which::Log}) {
      CAPTURE(std::string(math.name));
      for (std::size_t count = 0; count <= 70; ++count) {
        std::vector<T> values;
        for (std::size_t i = 0; i <= count; ++i) values.push_back(static_cast<T>(0.377 * static_cast<double>(i) + 0.1));
        const std::vector<T> before = values;
        apply(math, which, values.data() + 1, values.data() + 1, count);
        CHECK(values[0] == before[0]);
        for (std::size_t i = 1; i <= count; ++i) {
          T alone = before[i];
          apply(math, which, &alone, &alone, 1);
          CHECK(values[i] == alone);
        }
      }
    }
  }
}
