#include "cuda/kernels/reduce.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

using cuda::Reduction;
constexpr Reduction kReductions[] = {Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Norm};

template <typename T>
std::vector<T> run(const Stream& stream, Reduction reduction, const std::vector<T>& from, std::int64_t rows,
                   std::int64_t columns, std::size_t from_at) {
  const Array<T> source(stream, from, from_at * sizeof(T));
  const Array<T> target(stream, static_cast<std::size_t>(rows), from_at * sizeof(T));
  const Array<std::uint8_t> workspace(stream, cuda::reduce_workspace(kFloatType<T>, rows, columns));
  cuda::reduce(stream, reduction, kFloatType<T>, source.data(), rows, columns, target.data(), workspace.data());
  return target.fetch();
}

struct Reference {
  long double value;
  long double slack;  // what rounding may do
  bool any_will_do = false;
};

template <typename T>
Reference reference(Reduction reduction, const T* row, std::int64_t columns) {
  long double sum = 0;
  long double sizes = 0;
  long double squares = 0;
  long double most = -std::numeric_limits<long double>::infinity();
  long double least = -most;
  bool nan = false;
  for (std::int64_t i = 0; i < columns; ++i) {
    const auto value = static_cast<long double>(row[i]);
    sum += value;
    if (std::isfinite(value)) sizes += std::abs(value);
    squares += value * value;  // a long double's exponents reach far enough
    most = std::max(most, value);
    least = std::min(least, value);
    nan = nan || std::isnan(value);
  }
  const long double nothing = std::numeric_limits<long double>::quiet_NaN();
  const long double rounding = std::numeric_limits<T>::epsilon();
  // Of float64, a sum may overflow on the way where the sizes together do; float32 is summed in float64.
  const bool overflows = sizes > std::numeric_limits<double>::max();
  const long double in_between = static_cast<long double>(std::numeric_limits<double>::epsilon()) * sizes *
                                 (16 + static_cast<long double>(columns) / 64);
  const auto least_step = static_cast<long double>(std::numeric_limits<T>::denorm_min());
  switch (reduction) {
    case Reduction::Sum:
      return {sum, std::abs(sum) * rounding + in_between + least_step, overflows};
    case Reduction::Mean:
      sum /= static_cast<long double>(columns);
      return {sum, std::abs(sum) * rounding + in_between / static_cast<long double>(columns) + least_step, overflows};
    case Reduction::Max:
      return {nan ? nothing : most, 0};
    case Reduction::Min:
      return {nan ? nothing : least, 0};
    case Reduction::Norm:
      break;
  }
  const long double norm = std::sqrt(squares);
  return {norm, norm * 4 * rounding + least_step};
}

template <typename T>
void check_reduce(const Stream& stream, const std::vector<T>& from, std::int64_t rows, std::int64_t columns,
                  std::size_t from_at) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(from_at);
  for (const Reduction reduction : kReductions) {
    CAPTURE(static_cast<int>(reduction));
    const std::vector<T> result = run(stream, reduction, from, rows, columns, from_at);
    for (std::int64_t i = 0; i < rows; ++i) {
      const Reference expected = reference(reduction, from.data() + i * columns, columns);
      const auto value = static_cast<long double>(result[static_cast<std::size_t>(i)]);
      const auto rounded = static_cast<T>(expected.value);
      const bool good = std::isnan(expected.value) ? std::isnan(value)
                        : std::isinf(rounded)      ? value == static_cast<long double>(rounded)
                                                   : std::abs(value - expected.value) <= expected.slack;
      if (good || expected.any_will_do) continue;
      FAIL_CHECK("row " << i << " is " << static_cast<double>(value) << " instead of "
                        << static_cast<double>(expected.value));
      return;
    }
  }
}

TEST_CASE_TEMPLATE("kernels: rows of any length are reduced", T, float, double) {
  Random random(11);
  const Stream stream;
  for (int i = 0; i < some(60); ++i) {
    const std::int64_t columns = any_size(random, i % 3 == 0 ? 3000 : 100);
    const std::int64_t rows = columns <= 100 ? any_size(random, 300) : between(random, 0, 4);
    const auto kind = static_cast<Values>(i % 3);
    check_reduce(stream, random_values<T>(random, rows * columns, kind), rows, columns,
                 static_cast<std::size_t>(between(random, 0, 3)));
  }
  for (const std::int64_t columns : {0, 1, 1024, 1025, 8192, 8193, 50'000}) {
    check_reduce(stream, random_values<T>(random, 3 * columns), 3, columns, 0);
    check_reduce(stream, random_values<T>(random, columns, Values::Special), 1, columns, 1);
  }
  if (kSpeed >= 1) check_reduce(stream, random_values<T>(random, 1'000'003), 1, 1'000'003, 0);
  if (kSpeed >= 2) {
    check_reduce(stream, random_values<T>(random, 40'000'000), 1, 40'000'000, 0);  // pieces of more than one round
    check_reduce(stream, random_values<T>(random, 17'000 * 1030), 17'000, 1030, 0);
    check_reduce(stream, random_values<T>(random, 5'000'000), 5'000'000, 1, 0);
  }
}

TEST_CASE_TEMPLATE("kernels: infinities stay, unless they meet or there is a NaN", T, float, double) {
  const Stream stream;
  const T inf = std::numeric_limits<T>::infinity();
  for (const std::int64_t columns : {5, 2000, 20'000}) {
    for (const T other : {T{1}, inf, -inf, std::numeric_limits<T>::quiet_NaN()}) {
      CAPTURE(other);
      std::vector<T> from(static_cast<std::size_t>(columns), T{2});
      from[1] = inf;
      from[static_cast<std::size_t>(columns) - 1] = other;
      check_reduce(stream, from, 1, columns, 0);
    }
  }
}

TEST_CASE_TEMPLATE("kernels: a norm neither overflows nor vanishes on the way", T, float, double) {
  using Limits = std::numeric_limits<T>;
  Random random(12);
  const Stream stream;
  for (const std::int64_t columns : {3, 1000, 10'000}) {
    for (const T scale : {Limits::max() / T{1e6}, Limits::min(), Limits::min() * T{1e3}, std::sqrt(Limits::min()),
                          std::sqrt(Limits::max()), T{1}}) {
      CAPTURE(columns);
      CAPTURE(scale);
      std::vector<T> from = random_values<T>(random, columns);
      for (T& value : from) value *= scale;
      check_reduce(stream, from, 1, columns, 0);
      from[0] = T{1};  // with others of another size
      check_reduce(stream, from, 1, columns, 0);
    }
  }
}

TEST_CASE_TEMPLATE("kernels: a row's bits do not depend on where it lies nor on the others", T, float, double) {
  Random random(13);
  const Stream stream;
  for (const std::int64_t columns : {7, 100, 1023, 5001, 30'001}) {
    CAPTURE(columns);
    const std::vector<T> row = random_values<T>(random, columns);
    std::vector<T> several;
    for (int i = 0; i < 5; ++i) several.insert(several.end(), row.begin(), row.end());
    for (const Reduction reduction : kReductions) {
      const T alone = run(stream, reduction, row, 1, columns, 0)[0];
      for (const T value : run(stream, reduction, several, 5, columns, 1)) CHECK(same_bits(value, alone));
    }
  }
}

template <typename T>
void check_argmax(const Stream& stream, const std::vector<T>& from, std::int64_t rows, std::int64_t columns,
                  std::size_t from_at) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(from_at);
  const Array<T> source(stream, from, from_at * sizeof(T));
  const Array<std::int64_t> target(stream, static_cast<std::size_t>(rows));
  cuda::argmax(stream, kFloatType<T>, source.data(), rows, columns, target.data());
  const auto result = target.fetch();
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = from.data() + i * columns;
    std::int64_t best = columns == 0 ? -1 : 0;
    for (std::int64_t j = 1; j < columns; ++j) {
      if (row[j] > row[best] || (std::isnan(row[j]) && !std::isnan(row[best]))) best = j;
    }
    CHECK(result[static_cast<std::size_t>(i)] == best);
  }
}

TEST_CASE_TEMPLATE("kernels: the first of the largest elements is found", T, float, double) {
  Random random(14);
  const Stream stream;
  for (int i = 0; i < some(60); ++i) {
    const std::int64_t columns = any_size(random, i % 3 == 0 ? 4000 : 60);
    const std::int64_t rows = columns <= 60 ? any_size(random, 200) : between(random, 0, 4);
    check_argmax(stream, random_values<T>(random, rows * columns, static_cast<Values>(i % 3)), rows, columns,
                 static_cast<std::size_t>(between(random, 0, 3)));
  }
  for (const std::int64_t columns : {0, 1, 5, 1025, 20'000}) {
    const auto size = static_cast<std::size_t>(2 * columns);
    for (const T same : {T{0}, -std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()}) {
      check_argmax(stream, std::vector<T>(size, same), 2, columns, 0);
    }
    check_argmax(stream, random_values<T>(random, 2 * columns), 2, columns, 1);
  }
}

TEST_CASE("kernels: reductions refuse other types") {
  CHECK_THROWS_AS(cuda::reduce(nullptr, Reduction::Sum, DType::Int32, nullptr, 1, 1, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::argmax(nullptr, DType::Float16, nullptr, 1, 1, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
