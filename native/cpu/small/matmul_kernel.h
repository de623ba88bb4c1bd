// Products of small matrices, one after the other: here a register holds a part of a row, since the operands are read once
// and there is little else to do. Each element is summed from left to right, whatever the shape.
#pragma once

#include "cpu/small/vector.h"

namespace tensorlane::cpu::small::TENSORLANE_SET {
namespace {

// kWidth elements that lie side by side; the compiler takes as many registers for them as they need.
template <typename T, Index kWidth>
struct Part {
  // NOLINTNEXTLINE(modernize-use-using): GCC takes the attribute on a typedef alone where its size depends on something.
  typedef T Elements __attribute__((vector_size(kWidth * sizeof(T))));
};
template <typename T>
struct Part<T, 1> {
  using Elements = T;
};

// How a part of a row is stored.
struct Cached {
  template <typename T, typename Elements>
  TENSORLANE_INLINE static void store(T* to, const Elements& elements) {
    __builtin_memcpy(to, &elements, sizeof elements);
  }
};

// A store to a cache reads from memory what it is about to overwrite. These do not, and go together where the next ones fill the
// cache line.
#ifdef __x86_64__
struct Streamed {
  template <typename T, typename Elements>
  TENSORLANE_INLINE static void store(T* to, const Elements& elements) {
    constexpr Index kPieces = sizeof(Elements) / kStreamAlignment;
    for (Index i = 0; i < kPieces; ++i) {
      __m128 piece;
      __builtin_memcpy(&piece, reinterpret_cast<const char*>(&elements) + i * kStreamAlignment, sizeof piece);
      _mm_stream_ps(reinterpret_cast<float*>(to) + i * 4, piece);
    }
  }
  TENSORLANE_INLINE static void finish() { _mm_sfence(); }
};
#else
struct Streamed : Cached {
  TENSORLANE_INLINE static void finish() {}
};
#endif

// kRows rows of c, in kWidth of its columns.
template <typename T, Index kRows, Index kWidth, typename Store>
TENSORLANE_INLINE void multiply_block(const T* a, const T* b, T* c, Index k, Index n) {
  using Elements = typename Part<T, kWidth>::Elements;
  Elements sums[kRows];
  for (Index i = 0; i < kRows; ++i) sums[i] = Elements{};
  for (Index l = 0; l < k; ++l) {
    Elements row;
    __builtin_memcpy(&row, b + l * n, sizeof row);
    for (Index i = 0; i < kRows; ++i) sums[i] += a[i * k + l] * row;
  }
  for (Index i = 0; i < kRows; ++i) Store::store(c + i * n, sums[i]);
}

template <typename T, Index kWidth, typename Store = Cached>
TENSORLANE_INLINE void multiply_columns(const T* a, const T* b, T* c, Index m, Index k, Index n) {
  Index i = 0;
  for (; i + 4 <= m; i += 4) multiply_block<T, 4, kWidth, Store>(a + i * k, b, c + i * n, k, n);
  for (; i < m; ++i) multiply_block<T, 1, kWidth, Store>(a + i * k, b, c + i * n, k, n);
}

template <typename T>
TENSORLANE_INLINE void multiply(const T* a, const T* b, T* c, Index m, Index k, Index n) {
  Index j = 0;
  for (; j + 8 <= n; j += 8) multiply_columns<T, 8>(a, b + j, c + j, m, k, n);
  if (j + 4 <= n) {
    multiply_columns<T, 4>(a, b + j, c + j, m, k, n);
    j += 4;
  }
  if (j + 2 <= n) {
    multiply_columns<T, 2>(a, b + j, c + j, m, k, n);
    j += 2;
  }
  if (j < n) multiply_columns<T, 1>(a, b + j, c + j, m, k, n);
}

template <typename T>
TENSORLANE_INLINE void multiply_all(const Products<T>& products, const Index m, const Index k, const Index n) {
  for (Index at = 0; at < products.count; ++at) {
    multiply(products.a + at * products.a_step, products.b + at * products.b_step, products.c + at * m * n, m, k, n);
  }
}

// Of kSize x kSize, whose rows are in one part each: rows that come one after the other fill whole cache lines.
template <typename T, Index kSize>
TENSORLANE_INLINE void stream_all(const Products<T>& products) {
  for (Index at = 0; at < products.count; ++at) {
    multiply_columns<T, kSize, Streamed>(products.a + at * products.a_step, products.b + at * products.b_step,
                                         products.c + at * kSize * kSize, kSize, kSize, kSize);
  }
  Streamed::finish();
}

template <typename T>
void matmul(const Products<T>& products) {
  const auto is = [&](Index size) { return products.m == size && products.k == size && products.n == size; };
  if (products.streams && is(4)) return stream_all<T, 4>(products);
  if (products.streams && is(8)) return stream_all<T, 8>(products);
  if (is(2)) return multiply_all(products, 2, 2, 2);
  if (is(3)) return multiply_all(products, 3, 3, 3);
  if (is(4)) return multiply_all(products, 4, 4, 4);
  if (is(8)) return multiply_all(products, 8, 8, 8);
  if (is(16)) return multiply_all(products, 16, 16, 16);
  multiply_all(products, products.m, products.k, products.n);
}

}  // namespace
}  // namespace tensorlane::cpu::small::TENSORLANE_SET
