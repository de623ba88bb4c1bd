// Large matrices, tile by tile. A tile is a square whose rows are 128 bytes in memory (256 of elements of 4 bytes and
// of 8, 512 of 16), so each access of a warp is whole lines on both sides.
//
// A thread loads its words of the tile, all of them before it uses one: 64 bytes, 32 of elements of 2 and 8. Elements
// of 1 byte change places in fours of words from four rows, those of 2 bytes in pairs, within the registers, so that
// each word then holds elements of one column. In shared memory the tile lies by columns, and word w of column c is at
// w ^ (c / elements of a word): both the stores, where c differs between the lanes, and the loads, where w does, go to
// 32 different banks, without padding. Then the tile's columns are stored as rows.
//
// Where rows do not begin at multiples of words (on the one side, or the other, or both) words are put together from
// elements, and taken apart; what lies in shared memory and when is the same.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/transpose_words.h"
#include "cuda/kernels/warp.h"

namespace tensorlane::cuda {

inline constexpr int kTileWarps = 8;

template <typename T>
struct Tile {
  static constexpr int kWords = sizeof(T) == 4 ? 64 : 32;           // of a row, and of a column
  static constexpr int kSide = kWords * kEach<T>;                   // elements of the same
  static constexpr int kAcross = kWords / static_cast<int>(kWarp);  // words of a row that a lane has
  static constexpr int kGroups = kWords / kTileWarps;               // of kEach rows that a warp loads
  static constexpr int kColumns = kSide / kTileWarps;               // that a warp stores

  __device__ static int place(int column, int word) {
    return column * kWords + (word ^ (column / kEach<T> % static_cast<int>(kWarp)));
  }
};

// Elements i of word j and j of word i change places.
__device__ inline void turn(std::uint32_t (&words)[4]) {
  const std::uint32_t ab_low = __byte_perm(words[0], words[1], 0x5140);  // a0 b0 a1 b1
  const std::uint32_t ab_high = __byte_perm(words[0], words[1], 0x7362);
  const std::uint32_t cd_low = __byte_perm(words[2], words[3], 0x5140);
  const std::uint32_t cd_high = __byte_perm(words[2], words[3], 0x7362);
  words[0] = __byte_perm(ab_low, cd_low, 0x5410);  // a0 b0 c0 d0
  words[1] = __byte_perm(ab_low, cd_low, 0x7632);
  words[2] = __byte_perm(ab_high, cd_high, 0x5410);
  words[3] = __byte_perm(ab_high, cd_high, 0x7632);
}
__device__ inline void turn(std::uint32_t (&words)[2]) {
  const std::uint32_t low = __byte_perm(words[0], words[1], 0x5410);
  words[1] = __byte_perm(words[0], words[1], 0x7632);
  words[0] = low;
}
template <typename W>
__device__ void turn(W (&)[1]) {}

// kWordsIn: rows of the input begin at words and are made of them; kWordsOut: those of the output.
template <typename T, bool kWordsIn, bool kWordsOut>
__global__ void __launch_bounds__(kWarp* kTileWarps, 4)
    transpose_tile_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                          std::int64_t rows, std::int64_t columns) {
  using Sizes = Tile<T>;
  constexpr int kLanes = static_cast<int>(kWarp);
  __shared__ Word<T> tile[Sizes::kSide * Sizes::kWords];
  const int lane = static_cast<int>(threadIdx.x);
  const int warp = static_cast<int>(threadIdx.y);
  const std::int64_t left = static_cast<std::int64_t>(blockIdx.x) * Sizes::kSide;
  const int columns_here = static_cast<int>(min(columns - left, std::int64_t{Sizes::kSide}));
  for (std::int64_t matrix = blockIdx.z; matrix < batch; matrix += gridDim.z) {
    for (std::int64_t top = static_cast<std::int64_t>(blockIdx.y) * Sizes::kSide; top < rows;
         top += static_cast<std::int64_t>(gridDim.y) * Sizes::kSide) {
      const int rows_here = static_cast<int>(min(rows - top, std::int64_t{Sizes::kSide}));
      const T* in = from + matrix * from_stride + top * columns + left;
      // Beyond the matrix's end its last elements are loaded once more, so that no load hangs on a branch.
      Word<T> held[Sizes::kGroups][Sizes::kAcross][kEach<T>];
      for (int g = 0; g < Sizes::kGroups; ++g) {
        for (int i = 0; i < kEach<T>; ++i) {
          const T* line = in + min((warp + g * kTileWarps) * kEach<T> + i, rows_here - 1) * columns;
          for (int a = 0; a < Sizes::kAcross; ++a) {
            const int column = (lane + a * kLanes) * kEach<T>;
            if constexpr (kWordsIn) {
              held[g][a][i] = load_word(line + min(column, columns_here - kEach<T>));
            } else {
              held[g][a][i] = make_word<T>([&](int e) { return line[min(column + e, columns_here - 1)]; });
            }
          }
        }
      }
      for (int g = 0; g < Sizes::kGroups; ++g) {
        for (int a = 0; a < Sizes::kAcross; ++a) {
          turn(held[g][a]);
          for (int i = 0; i < kEach<T>; ++i) {
            tile[Sizes::place((lane + a * kLanes) * kEach<T> + i, warp + g * kTileWarps)] = held[g][a][i];
          }
        }
      }
      __syncthreads();
      T* out = to + matrix * to_stride + left * rows + top;
      constexpr int kStores = Sizes::kAcross * (kWordsOut ? 1 : kEach<T>);
      for (int c = 0; c < Sizes::kColumns; ++c) {
        const int column = warp + c * kTileWarps;
        T* line = out + column * rows;
        for (int a = 0; a < kStores; ++a) {
          const int at = lane + a * kLanes;  // a word's place, or an element's
          const Word<T> word = tile[Sizes::place(column, kWordsOut ? at : at / kEach<T>)];
          if constexpr (kWordsOut) {
            if (column < columns_here && at * kEach<T> < rows_here) store_word(line + at * kEach<T>, word);
          } else {
            if (column < columns_here && at < rows_here) line[at] = element_of<T>(word, at % kEach<T>);
          }
        }
      }
      __syncthreads();
    }
  }
}

}  // namespace tensorlane::cuda
