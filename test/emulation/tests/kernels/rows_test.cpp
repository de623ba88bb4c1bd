#include "cuda/kernels/rows.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::size_t any_row_bytes(Random& random) {
  switch (between(random, 0, 3)) {
    case 0:
      return static_cast<std::size_t>(between(random, 0, 40));
    case 1:
      return static_cast<std::size_t>(between(random, 1, 64)) * 16;
    case 2:
      return static_cast<std::size_t>(between(random, 1, 300)) * 4;
    default:
      return static_cast<std::size_t>(between(random, 1, 20'000));
  }
}

std::vector<std::int64_t> any_rows(Random& random, std::int64_t count, std::int64_t rows) {
  std::vector<std::int64_t> picked(static_cast<std::size_t>(count));
  for (std::int64_t& row : picked) {
    row = between(random, 0, 9) == 0 ? between(random, -3, 3) + (between(random, 0, 1) == 0 ? 0 : rows)
                                     : between(random, 0, std::max<std::int64_t>(0, rows - 1));
  }
  return picked;
}

void check_gather(Random& random, std::int64_t from_rows, std::int64_t count, std::size_t row_bytes,
                  std::size_t from_at, std::size_t to_at) {
  CAPTURE(from_rows);
  CAPTURE(count);
  CAPTURE(row_bytes);
  CAPTURE(from_at);
  CAPTURE(to_at);
  const Stream stream;
  const Bytes from = random_bytes(random, static_cast<std::size_t>(from_rows) * row_bytes);
  const auto rows = any_rows(random, count, from_rows);
  const Array<std::uint8_t> source(stream, from, from_at);
  const Array<std::int64_t> picked(stream, rows);
  const Array<std::uint8_t> target(stream, static_cast<std::size_t>(count) * row_bytes, to_at);
  cuda::gather_rows(stream, source.data(), from_rows, picked.data(), count, row_bytes, target.data());
  Bytes expected(static_cast<std::size_t>(count) * row_bytes, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= from_rows) continue;
    for (std::size_t b = 0; b < row_bytes; ++b) {
      expected[i * row_bytes + b] = from[static_cast<std::size_t>(rows[i]) * row_bytes + b];
    }
  }
  CHECK(target.fetch() == expected);
}

void check_scatter(Random& random, const std::vector<std::int64_t>& rows, std::int64_t to_rows, std::size_t row_bytes,
                   std::size_t from_at, std::size_t to_at, bool repeated) {
  CAPTURE(rows.size());
  CAPTURE(to_rows);
  CAPTURE(row_bytes);
  CAPTURE(from_at);
  CAPTURE(to_at);
  const Stream stream;
  const Bytes from = random_bytes(random, rows.size() * row_bytes);
  Bytes expected = random_bytes(random, static_cast<std::size_t>(to_rows) * row_bytes);
  const Array<std::uint8_t> source(stream, from, from_at);
  const Array<std::int64_t> places(stream, rows);
  const Array<std::uint8_t> target(stream, expected, to_at);
  const Array<std::uint8_t> workspace(stream, cuda::scatter_workspace(to_rows));
  cuda::scatter_rows(stream, source.data(), places.data(), static_cast<std::int64_t>(rows.size()), to_rows, row_bytes,
                     target.data(), repeated ? workspace.data() : nullptr);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= to_rows) continue;
    for (std::size_t b = 0; b < row_bytes; ++b) {
      expected[static_cast<std::size_t>(rows[i]) * row_bytes + b] = from[i * row_bytes + b];
    }
  }
  CHECK(target.fetch() == expected);
}

template <typename T>
void check_pad(Random& random, std::int64_t count, std::int64_t length, bool aligned) {
  CAPTURE(sizeof(T));
  CAPTURE(count);
  CAPTURE(length);
  CAPTURE(aligned);
  const Stream stream;
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t given = any_size(random, length + length / 2 + 2);
    offsets.push_back(offsets.back() + (aligned ? (given + 15) / 16 * 16 : given));
  }
  const auto elements = static_cast<std::size_t>(offsets.back());
  std::vector<T> from(elements);
  const Bytes bytes = random_bytes(random, elements * sizeof(T));
  if (elements != 0) std::memcpy(static_cast<void*>(from.data()), bytes.data(), bytes.size());
  T fill;
  const Bytes fill_bytes = random_bytes(random, sizeof(T));
  std::memcpy(static_cast<void*>(&fill), fill_bytes.data(), sizeof(T));
  const Array<T> source(stream, from, any_offset(random, sizeof(T)));
  const Array<std::int64_t> starts(stream, offsets);
  const Array<T> target(stream, static_cast<std::size_t>(count * length), any_offset(random, sizeof(T)));
  cuda::pad_rows(stream, source.data(), starts.data(), count, length, sizeof(T), &fill, target.data());
  std::vector<T> expected(static_cast<std::size_t>(count * length));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (std::int64_t e = 0; e < length; ++e) {
      const bool given = offsets[row] + e < offsets[row + 1];
      expected[static_cast<std::size_t>(i * length + e)] =
          given ? from[static_cast<std::size_t>(offsets[row] + e)] : fill;
    }
  }
  CHECK_MESSAGE(same_bits(target.fetch(), expected), "the padded rows differ");
}

template <typename Index>
void check_wrap(Random& random, std::int64_t count, std::int64_t rows, bool outside) {
  CAPTURE(count);
  CAPTURE(rows);
  const Stream stream;
  std::vector<Index> indices(static_cast<std::size_t>(count));
  std::vector<std::int64_t> expected;
  for (Index& index : indices) {
    index = static_cast<Index>(rows == 0 ? 0 : between(random, -rows, rows - 1));
    expected.push_back(index < 0 ? index + rows : index);
  }
  const bool any = (outside || rows == 0) && count > 0;
  if (any) {
    const auto at = static_cast<std::size_t>(between(random, 0, count - 1));
    indices[at] = static_cast<Index>(between(random, 0, 1) == 0 ? rows + between(random, 0, 9)
                                                                : -rows - 1 - between(random, 0, 9));
    expected[at] = indices[at] < 0 ? indices[at] + rows : indices[at];
    CHECK((expected[at] < 0 || expected[at] >= rows));
  }
  const Array<Index> given(stream, indices, any_offset(random, sizeof(Index)));
  const Array<std::int64_t> wrapped(stream, indices.size());
  const Array<int> flag(stream, std::vector<int>{0});
  cuda::wrap_indices(stream, sizeof(Index) == 4 ? DType::Int32 : DType::Int64, given.data(), count, rows,
                     wrapped.data(), flag.data());
  CHECK(flag.fetch() == std::vector<int>{any ? 1 : 0});
  CHECK(wrapped.fetch() == expected);
}

TEST_CASE("kernels: negative indices count from the end, and those that are out of range are noticed") {
  Random random(7);
  for (int i = 0; i < some(40); ++i) {
    const std::int64_t count = any_size(random, 700);
    const std::int64_t rows = any_size(random, 100);
    check_wrap<std::int32_t>(random, count, rows, i % 2 == 0);
    check_wrap<std::int64_t>(random, count, rows, i % 2 == 1);
  }
  CHECK_THROWS_AS(cuda::wrap_indices(nullptr, DType::Float32, nullptr, 1, 1, nullptr, nullptr), Error);
}

TEST_CASE("kernels: rows of any size are picked, those out of range come out as zeros") {
  Random random(1);
  for (int i = 0; i < some(60); ++i) {
    check_gather(random, between(random, 1, 30), between(random, 0, 40), any_row_bytes(random), any_offset(random, 1),
                 any_offset(random, 4));
  }
  for (const std::size_t at : {0U, 1U, 2U, 4U, 8U, 16U}) check_gather(random, 5, 9, 4096, at, 16);
  check_gather(random, 1, 1, 300'000, 0, 0);  // a row for several blocks
  check_gather(random, 0, 3, 24, 0, 0);
  if (kSpeed >= 1) check_gather(random, 100, 4'300'000, 1, 0, 0);  // more rows than a grid has groups
  if (kSpeed >= 2) check_gather(random, 2, 2, 1'500'000'000, 0, 1);
}

TEST_CASE("kernels: rows are placed, and no others are touched") {
  Random random(2);
  for (int i = 0; i < some(40); ++i) {
    const std::int64_t to_rows = between(random, 1, 40);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(to_rows + 6));
    std::iota(rows.begin(), rows.end(), -3);
    std::shuffle(rows.begin(), rows.end(), random);
    rows.resize(static_cast<std::size_t>(between(random, 0, to_rows + 6)));
    check_scatter(random, rows, to_rows, any_row_bytes(random), any_offset(random, 1), any_offset(random, 4), false);
  }
}

TEST_CASE("kernels: of several rows with one place the last one comes to lie there, whole") {
  Random random(3);
  for (int i = 0; i < some(30); ++i) {
    const std::int64_t to_rows = between(random, 1, 10);
    check_scatter(random, any_rows(random, between(random, 0, 60), to_rows), to_rows, any_row_bytes(random),
                  any_offset(random, 2), any_offset(random, 1), true);
  }
  check_scatter(random, std::vector<std::int64_t>(2000, 1), 2, 1024, 0, 0, true);
}

TEST_CASE("kernels: sequences are cut off or filled up, in elements of every size") {
  Random random(4);
  for (int i = 0; i < some(20); ++i) {
    for (const bool aligned : {false, true}) {
      const std::int64_t length = i % 2 == 0 ? between(random, 0, 20) * 16 : any_size(random, 600);
      const std::int64_t count = between(random, 0, 12);
      check_pad<std::uint8_t>(random, count, length, aligned);
      check_pad<std::uint16_t>(random, count, length, aligned);
      check_pad<std::uint32_t>(random, count, length, aligned);
      check_pad<std::uint64_t>(random, count, length, aligned);
      check_pad<uint4>(random, count, length, aligned);
    }
  }
  check_pad<std::uint32_t>(random, 2, 40'000, false);
}

TEST_CASE("kernels: pad_rows refuses elements of other sizes") {
  const int fill = 0;
  CHECK_THROWS_AS(cuda::pad_rows(nullptr, nullptr, nullptr, 1, 1, 3, &fill, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
