// Shapes of launches. Every kernel goes over its work in strides of the whole grid, so a grid may be smaller than the
// work, and a limit costs nothing but a loop.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace tensorlane::cuda {

inline constexpr unsigned kBlock = 256;  // threads
inline constexpr std::int64_t kGridX =
    16384;  // enough to fill any GPU many times over, so that the last wave is a small part
inline constexpr std::int64_t kGridYZ = 65535;  // what CUDA allows in y and z

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

constexpr unsigned limited(std::int64_t blocks, std::int64_t limit) {
  return static_cast<unsigned>(blocks < 1 ? 1 : (blocks < limit ? blocks : limit));
}

// The smallest power of two that is at least `n`, but no more than `limit`, which is one.
constexpr unsigned power_of_two(std::int64_t n, unsigned limit) {
  unsigned power = 1;
  while (power < limit && static_cast<std::int64_t>(power) < n) power *= 2;
  return power;
}

struct Shape {
  dim3 grid, block;
};

// A thread for each element of flat work.
inline Shape flat_shape(std::int64_t elements) {
  return {dim3(limited(ceil_div(elements, kBlock), kGridX)), dim3(kBlock)};
}

// For each of `rows`, a group of `lanes` threads (x; a power of two): a block has as many groups (y) as fit. Lanes of
// up to a warp lie in one warp.
inline Shape group_shape(std::int64_t rows, unsigned lanes) {
  const unsigned groups = kBlock / lanes;
  return {dim3(limited(ceil_div(rows, groups), kGridX)), dim3(lanes, groups)};
}

// Rows that are long are shared by several blocks as well (the grid's y). A thread has `ahead` of a row's `units` under
// way at a time.
inline Shape row_shape(std::int64_t rows, std::int64_t units, std::int64_t ahead) {
  Shape shape = group_shape(rows, power_of_two(ceil_div(units, ahead), kBlock));
  const std::int64_t parts = ceil_div(units, shape.block.x * ahead);
  shape.grid.y = limited(parts, limited(kGridX / shape.grid.x, kGridYZ));
  return shape;
}

// Batches of matrices: columns along x, rows along y, matrices along z, and as many of each in a block as fit.
inline Shape matrix_shape(std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  const unsigned x = power_of_two(columns, 32);
  const unsigned y = power_of_two(rows, kBlock / x < 64 ? kBlock / x : 64);
  const unsigned z = power_of_two(batch, kBlock / (x * y) < 64 ? kBlock / (x * y) : 64);
  return {dim3(limited(ceil_div(columns, x), kGridX), limited(ceil_div(rows, y), kGridYZ),
               limited(ceil_div(batch, z), kGridYZ)),
          dim3(x, y, z)};
}

}  // namespace tensorlane::cuda
