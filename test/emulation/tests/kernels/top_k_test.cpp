#include "cuda/kernels/top_k.h"

#include <algorithm>

#include "core/error.h"
#include "descending_order.h"
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
  const Array<std::byte> workspace(stream, cuda::top_k_workspace(kFloatType<T>, rows, columns, k));
  cuda::top_k(stream, kFloatType<T>, source.data(), rows, columns, k, values.data(), indices.data(), workspace.data());
  std::vector<T> expected_values;
  std::vector<std::int64_t> expected_indices;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* row = from.data() + i * columns;
    const std::vector<std::int64_t> order = descending_order(row, columns);
    for (std::int64_t j = 0; j < k; ++j) {
      expected_indices.push_back(order[static_cast<std::size_t>(j)]);
      expected_values.push_back(row[order[static_cast<std::size_t>(j)]]);
    }
  }
  static_cast<void>(workspace.fetch());  // nothing was written around it
  const auto found = indices.fetch();
  const auto differ = std::mismatch(found.begin(), found.end(), expected_indices.begin()).first - found.begin();
  CHECK_MESSAGE(found == expected_indices, "the indices differ from place ", differ, " on");
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

// Around the sizes at which a kernel, or another number of a thread's elements, takes over, and of k up to what a warp
// sorts and beyond.
TEST_CASE_TEMPLATE("kernels: top_k of rows as long as what threads, warps and blocks hold", T, float, double) {
  Random random(17);
  const Stream stream;
  std::vector<std::int64_t> lengths;
  for (const std::int64_t edge : {32, 128, 256, 512, 1024, 4096}) {
    for (const std::int64_t columns : {edge - 1, edge, edge + 1, edge + 4}) lengths.push_back(columns);
  }
  if (kSpeed == 0) lengths = {32, 33, 129, 512, 1025, 4097};
  for (const std::int64_t columns : lengths) {
    for (const std::int64_t k : {1, 2, 31, 32, 33, 500, 1024}) {
      if (k > columns || (kSpeed == 0 && k % 31 != 1)) continue;  // 1, 32, 1024 are left
      const auto kind = static_cast<Values>(between(random, 0, 2));
      check_top_k(stream, random_values<T>(random, 3 * columns, kind), 3, columns, k,
                  static_cast<std::size_t>(between(random, 0, 3)));
    }
  }
}

TEST_CASE_TEMPLATE("kernels: top_k of many short rows", T, float, double) {
  Random random(18);
  const Stream stream;
  for (std::int64_t columns = 1; columns <= 32; columns += kSpeed == 0 ? 7 : 1) {
    for (const std::int64_t k : {std::int64_t{1}, (columns + 1) / 2, columns}) {
      const std::int64_t rows = between(random, 1, 300);
      const auto kind = static_cast<Values>(between(random, 0, 2));
      check_top_k(stream, random_values<T>(random, rows * columns, kind), rows, columns, k,
                  static_cast<std::size_t>(columns % 4));
    }
  }
}

// Pieces of a row are done by blocks of their own, whose candidates the next pass takes up.
TEST_CASE_TEMPLATE("kernels: top_k of rows that many blocks share", T, float, double) {
  Random random(19);
  const Stream stream;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const std::int64_t columns = kSpeed == 0 ? 9000 : 70'001;
  for (const std::int64_t k : {1, 50, 1024}) {
    if (kSpeed == 0 && k != 50) continue;
    check_top_k(stream, random_values<T>(random, columns), 1, columns, k, 0);
    check_top_k(stream, random_values<T>(random, columns, Values::Ties), 1, columns, k, 1);
    check_top_k(stream, random_values<T>(random, 2 * columns, Values::Special), 2, columns, k, 3);
    check_top_k(stream, std::vector<T>(static_cast<std::size_t>(columns), T{1}), 1, columns, k, 0);
    check_top_k(stream, std::vector<T>(static_cast<std::size_t>(columns), nan), 1, columns, k, 0);
    std::vector<T> row(static_cast<std::size_t>(columns));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i % 2 == 0 ? T{0} : -T{0};
    check_top_k(stream, row, 1, columns, k, 0);
    // The same value on both sides of every border of 1024 elements, and more of them than are wanted.
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i % 1024 == 0 || i % 1024 == 1023 ? T{2} : T{1};
    check_top_k(stream, row, 1, columns, k, 0);
    // Rising and falling: all that is wanted in the last piece, and in the first.
    std::iota(row.begin(), row.end(), T{-5});
    check_top_k(stream, row, 1, columns, k, 0);
    std::ranges::reverse(row);
    check_top_k(stream, row, 1, columns, k, 0);
  }
  check_top_k(stream, random_values<T>(random, 4 * 4100), 4, 4100, 1000, 0);  // a piece of few elements over a block's
}

TEST_CASE("kernels: top_k of a row of a million, and of more rows than its workspace takes at once") {
  Random random(20);
  const Stream stream;
  if (kSpeed == 0) return;
  for (const std::int64_t k : {1, 1024}) {
    check_top_k(stream, random_values<float>(random, 1'000'000), 1, 1'000'000, k, 0);
  }
  const std::int64_t rows = 1100;
  CHECK(cuda::top_k_workspace(DType::Float32, rows, 4100, 1024) ==
        cuda::top_k_workspace(DType::Float32, 1024, 4100, 1024));
  check_top_k(stream, random_values<float>(random, rows * 4100), rows, 4100, 1024, 0);
}

TEST_CASE_TEMPLATE("kernels: top_k of rows in which all is alike, or all NaN", T, float, double) {
  const Stream stream;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T inf = std::numeric_limits<T>::infinity();
  for (const std::int64_t columns : {5, 32, 100, 300, 512, 1000, 3000}) {
    if (kSpeed == 0 && columns % 3 != 1) continue;
    for (const std::int64_t k : {1, 5, 32, 300}) {
      if (k > columns) continue;
      std::vector<T> row(static_cast<std::size_t>(columns), nan);
      check_top_k(stream, row, 1, columns, k, 0);
      for (std::size_t i = 0; i < row.size(); i += 2) row[i] = -nan;
      check_top_k(stream, row, 1, columns, k, 0);
      std::ranges::fill(row, -inf);
      check_top_k(stream, row, 1, columns, k, 0);
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = i % 2 == 0 ? -T{0} : T{0};
      check_top_k(stream, row, 1, columns, k, 0);
    }
  }
}

TEST_CASE("kernels: top_k refuses what it cannot do") {
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Float32, nullptr, 1, 2000, 1025, nullptr, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Float32, nullptr, 1, 3, 4, nullptr, nullptr, nullptr), Error);
  CHECK_THROWS_AS(cuda::top_k(nullptr, DType::Int64, nullptr, 1, 3, 2, nullptr, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
