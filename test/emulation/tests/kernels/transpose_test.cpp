#include "cuda/kernels/transpose.h"

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

template <typename T>
void check_transpose(Random& random, std::int64_t batch, std::int64_t rows, std::int64_t columns,
                     std::int64_t from_gap = 0, std::int64_t to_gap = 0, std::size_t from_at = 0,
                     std::size_t to_at = 0) {
  CAPTURE(sizeof(T));
  CAPTURE(batch);
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(from_gap);
  CAPTURE(to_gap);
  const std::int64_t from_stride = rows * columns + from_gap;
  const std::int64_t to_stride = rows * columns + to_gap;
  std::vector<T> from(static_cast<std::size_t>(batch * from_stride));
  const auto bytes = random_bytes(random, from.size() * sizeof(T));
  if (!from.empty()) std::memcpy(static_cast<void*>(from.data()), bytes.data(), bytes.size());
  std::vector<T> expected(static_cast<std::size_t>(batch * to_stride), Array<T>::filler());
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        expected[static_cast<std::size_t>(b * to_stride + j * rows + i)] =
            from[static_cast<std::size_t>(b * from_stride + i * columns + j)];
      }
    }
  }
  const Stream stream;
  const Array<T> source(stream, from, from_at * sizeof(T));
  const Array<T> target(stream, expected.size(), to_at * sizeof(T));
  if (from_gap == 0 && to_gap == 0) {
    cuda::transpose(stream, sizeof(T), source.data(), target.data(), batch, rows, columns);
  } else {
    cuda::transpose(stream, sizeof(T), source.data(), from_stride, target.data(), to_stride, batch, rows, columns);
  }
  CHECK_MESSAGE(same_bits(target.fetch(), expected), "the transposed matrices differ");
}

TEST_CASE_TEMPLATE("kernels: matrices of any shape are transposed", T, std::uint8_t, std::uint16_t, std::uint32_t,
                   std::uint64_t, uint4) {
  Random random(5);
  for (int i = 0; i < some(40); ++i) {
    const std::int64_t rows = any_size(random, 90);
    const std::int64_t columns = any_size(random, 90);
    const std::int64_t batch = rows * columns <= 1024 ? between(random, 0, 50) : between(random, 0, 3);
    const bool packed = i % 2 == 0;
    check_transpose<T>(random, batch, rows, columns, packed ? 0 : between(random, 0, 9),
                       packed ? 0 : between(random, 0, 9), static_cast<std::size_t>(between(random, 0, 3)),
                       static_cast<std::size_t>(between(random, 0, 3)));
  }
  for (std::int64_t few = 1; few <= 17; few += kSpeed == 0 ? 5 : 1) {  // wide and tall
    check_transpose<T>(random, 1, few, 3000);
    check_transpose<T>(random, 2, 1500, few, 3, 5);
  }
  for (const std::int64_t n : {31, 32, 33, 64, 65, 100}) check_transpose<T>(random, 2, n, n);
  check_transpose<T>(random, 900, 8, 8);
  if (kSpeed >= 2) {
    check_transpose<T>(random, 1, 3'000'000, 17);  // more tiles than the grid has in y
    check_transpose<T>(random, 70'000, 1, 1100);
    check_transpose<T>(random, 70'000, 17, 65);
    check_transpose<T>(random, 1'000'000, 2, 3);
  }
}

// What moves as words of 4 bytes, on each side by itself: every remainder of rows and columns by the elements of a
// word, around a tile (and two), with both sides at every distance from where a word begins.
TEST_CASE_TEMPLATE("kernels: tiles with rows that begin anywhere in a word are transposed", T, std::uint8_t,
                   std::uint16_t, std::uint32_t) {
  Random random(6);
  constexpr std::int64_t kEach = 4 / sizeof(T);
  constexpr std::int64_t kSide = sizeof(T) == 1 ? 128 : 64;
  for (std::int64_t row = 0; row < kEach; ++row) {
    for (std::int64_t column = 0; column < kEach; ++column) {
      check_transpose<T>(random, 1, 32 + row, 40 + column);
      if (kSpeed == 0 && row != column) continue;
      check_transpose<T>(random, 1, kSide + row - 1, kSide + column);
      check_transpose<T>(random, 2, kSide + row, 33 + column, row, column);
    }
  }
  for (std::size_t at = 0; at < 4; ++at) {
    check_transpose<T>(random, 1, 48, kSide + 4, 0, 0, at, 0);
    check_transpose<T>(random, 1, 48, kSide + 4, 0, 0, 0, at);
    if (kSpeed >= 1) check_transpose<T>(random, 3, 2 * kSide, 2 * kSide, 4, static_cast<std::int64_t>(at), at, 3 - at);
  }
}

TEST_CASE_TEMPLATE("kernels: slabs with runs that begin anywhere in a word are transposed", T, std::uint8_t,
                   std::uint16_t, std::uint32_t, uint4) {
  Random random(7);
  for (const std::int64_t few : {1, 2, 3, 4, 7, 16}) {
    for (std::int64_t rest = 0; rest < 4; ++rest) {
      if (kSpeed == 0 && rest != few % 4) continue;
      const auto at = static_cast<std::size_t>(rest);
      check_transpose<T>(random, 1, few, 6000 + rest);
      check_transpose<T>(random, 1, 6000 + rest, few);
      check_transpose<T>(random, 2, few, 1100, rest, 4, 3 - at, 0);
      check_transpose<T>(random, 2, 1100, few, 4, rest, 0, at);
    }
  }
}

TEST_CASE_TEMPLATE("kernels: small matrices that begin anywhere in a word are transposed", T, std::uint8_t,
                   std::uint16_t, std::uint64_t) {
  Random random(8);
  for (std::int64_t rows = 1; rows <= 5; ++rows) {
    for (std::int64_t columns = 1; columns <= 5; ++columns) {
      if (kSpeed == 0 && (rows + columns) % 3 != 0) continue;
      const auto at = static_cast<std::size_t>(columns % 4);
      check_transpose<T>(random, between(random, 1, kSpeed == 0 ? 60 : 700), rows, columns, 0, 0, at, 0);
      check_transpose<T>(random, 21, rows, columns, rows % 4, 0, 0, at);
      check_transpose<T>(random, 21, rows, columns, 0, columns % 3, at, 3 - at);
      check_transpose<T>(random, 7, 20 + rows, 30 + columns, rows - 1, columns - 1, at, at);
    }
  }
  if (kSpeed >= 1) check_transpose<T>(random, 5000, 3, 3);  // a block has more of them than one
}

TEST_CASE("kernels: transpose refuses elements of other sizes") {
  CHECK_THROWS_AS(cuda::transpose(nullptr, 3, nullptr, nullptr, 1, 1, 1), Error);
}

}  // namespace
}  // namespace tensorlane::test
