// Small things that are done to whole matrices.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace tensorlane::cpu {

template <typename T>
void set_identity(T* matrix, std::int64_t size) {
  std::fill_n(matrix, size * size, T{0});
  for (std::int64_t i = 0; i < size; ++i) matrix[i * size + i] = T{1};
}

// Of a matrix that is transposed: two stay in the first-level cache.
inline constexpr std::int64_t kTile = 32;

template <typename T>
void transpose(const T* from, std::int64_t rows, std::int64_t columns, T* to) {
  for (std::int64_t top = 0; top < rows; top += kTile) {
    const std::int64_t bottom = std::min(top + kTile, rows);
    for (std::int64_t left = 0; left < columns; left += kTile) {
      const std::int64_t right = std::min(left + kTile, columns);
      for (std::int64_t j = left; j < right; ++j) {
        for (std::int64_t i = top; i < bottom; ++i) to[j * rows + i] = from[i * columns + j];
      }
    }
  }
}

template <typename T>
void transpose_in_place(T* matrix, std::int64_t size) {
  for (std::int64_t top = 0; top < size; top += kTile) {
    const std::int64_t bottom = std::min(top + kTile, size);
    for (std::int64_t left = 0; left <= top; left += kTile) {
      for (std::int64_t i = top; i < bottom; ++i) {
        const std::int64_t right = std::min(left + kTile, i);
        for (std::int64_t j = left; j < right; ++j) std::swap(matrix[i * size + j], matrix[j * size + i]);
      }
    }
  }
}

}  // namespace tensorlane::cpu
