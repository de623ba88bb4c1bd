#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "cuda/kernels/reduce.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

template <typename T>
void check_top_k(const Stream& stream, const std::vector<T>& from, std::int64_t rows, std::int64_t columns,
                 std::int64_t k, std::size_t from_at) {
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(k);
  CAPTURE(from_at);
  const auto count = static_cast<std::size_t>(rows * k);
  const Array<T> source(stream, from, from_at * sizeof(T));
  const Array<T> values(stream, count);
  const Array<std::int64_t> indices(stream, count);
  cuda::top_k(stream, kFloatType<T>, source.data(), rows, columns, k, values.data(), indices.data());
  std::vector<T> expected_values;
  std::vector<std::int64_t> expected_indices;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = from.data() + i * columns;
    std::vector<std::int64_t> order(static_cast<std::size_t>(columns));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return row[a] > row[b] || (std::isnan(row[a]) && !std::isnan(row[b]));
    });
    for (std::int64_t j = 0; j < k; ++j) {
      expected_indices.push_back(order[static_cast<std::size_t>(j)]);
      expected_values.push_back(row[order[static_cast<std::size_t>(j)]]);
    }
  }
  CHECK(indices.fetch() == expected_indices);
  CHECK_MESSAGE(same_bits(values.fetch(), expected_values), "the values differ");
}

TEST_CASE_TEMPLATE("kernels: the k largest elements in order", T, float, double) {
  Random random(15);
  const Stream stream;
  const std::int64_t longest = kSpeed == 0 ? 2500 : 6000;
  for (int i = 0; i < some(45); ++i) {
    const std::int64_t columns = any_size(random, i % 2 == 0 ? longest : 40);
    const std::int64_t rows = columns <= 40 ? any_size(random, 20) : between(random, 0, 3);
    const std::int64_t k = any_size(random, std::min<std::int64_t>(columns, 1024));
    check_top_k(stream, random_values<T>(random, rows * columns, static_cast<Values>(i % 3)), rows, columns, k,
                static_cast<std::size_t>(between(random, 0, 3)));
  }
  for (const std::int64_t columns : {1, 2, 1023, 1024, 1025, 3000}) {
    for (const std::int64_t k : {std::int64_t{1}, columns / 3, std::min<std::int64_t>(columns, 1024)}) {
      check_top_k(stream, std::vector<T>(static_cast<std::size_t>(columns), T{1}), 1, columns, k, 0);  // all equal
      check_top_k(stream, random_values<T>(random, columns), 1, columns, k, 0);
    }
  }
  if (kSpeed >= 1) {
    check_top_k(stream, random_values<T>(random, 151'936), 1, 151'936, 50, 0);
    check_top_k(stream, random_values<T>(random, 16'400 * 3), 16'400, 3, 2, 0);  // more rows than the grid has blocks
  }
}

TEST_CASE_TEMPLATE("kernels: the zeros are equal, NaNs come first", T, float, double) {
  const Stream stream;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T inf = std::numeric_limits<T>::infinity();
  std::vector<T> row{-T{0}, T{0}, nan, -inf, inf, -nan, T{0}, -T{0}, -inf};
  check_top_k(stream, row, 1, 9, 9, 0);
  row.resize(2000, -inf);
  check_top_k(stream, row, 1, 2000, 20, 0);
  check_top_k(stream, row, 1, 2000, 4, 0);
}

TEST_CASE("kernels: top_k refuses what it cannot do") {
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Float32, nullptr, 1, 2000, 1025, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Float32, nullptr, 1, 3, 4, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Int64, nullptr, 1, 3, 2, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
