// Rows of up to 32 elements: a thread a row. A block brings as many rows as it has threads into shared memory, 32 bytes
// of loads under way a thread, each row at an odd distance from the one before, so that the lanes, each in its own row,
// read from different banks. A thread goes k times over its row, each time for the largest key below the one before: k
// columns reads of shared memory for 32 rows of a warp, which stays below the time of memory up to k = 5 or so of 32
// columns and is a few times that where all of them are sorted. Results leave in the order of memory.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/ahead.h"
#include "cuda/kernels/divisor.h"
#include "cuda/kernels/top_k_entry.h"

namespace tensorlane::cuda {

inline constexpr unsigned kThreadColumns = 32;  // at most
inline constexpr unsigned kThreadRows = 128;    // a block

template <typename T>
__global__ void __launch_bounds__(kThreadRows, 4)
    top_k_thread_kernel(const T* from, std::int64_t rows, unsigned columns, unsigned k, Divisor by_columns,
                        Divisor by_k, T* values, std::int64_t* indices) {
  __shared__ Bits<T> keys[kThreadRows * (kThreadColumns + 1)];
  __shared__ std::uint8_t chosen[kThreadRows * (kThreadColumns + 4)];  // the indices, of k to a row
  const unsigned key_row = columns | 1U;
  const unsigned chosen_row = ((k + 3) / 4 | 1U) * 4;  // an odd number of words
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kThreadRows; first < rows;
       first += static_cast<std::int64_t>(gridDim.x) * kThreadRows) {
    const auto here = static_cast<unsigned>(min(static_cast<std::int64_t>(kThreadRows), rows - first));
    const T* in = from + first * columns;
    for_each_ahead<32 / sizeof(T)>(
        threadIdx.x, here * columns, kThreadRows, [&](unsigned i) { return in[i]; },
        [&](unsigned i, T value) {
          const unsigned row = by_columns.divide(i);
          keys[row * key_row + (i - row * columns)] = key_of(value);
        });
    __syncthreads();
    if (threadIdx.x < here) {
      const Bits<T>* row = keys + threadIdx.x * key_row;
      Bits<T> last = ~Bits<T>{0};  // the key before; and the first index that may follow where keys are equal
      unsigned next = 0;
      for (unsigned j = 0; j < k; ++j) {
        Bits<T> best = 0;
        unsigned at = 0;
        for (unsigned c = 0; c < columns; ++c) {
          const Bits<T> key = row[c];
          if (key > best && (key < last || (key == last && c >= next))) {
            best = key;
            at = c;
          }
        }
        chosen[threadIdx.x * chosen_row + j] = static_cast<std::uint8_t>(at);
        last = best;
        next = at + 1;
      }
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < here * k; i += kThreadRows) {
      const unsigned row = by_k.divide(i);
      const unsigned index = chosen[row * chosen_row + (i - row * k)];
      values[first * k + i] = in[row * columns + index];  // still in a cache
      indices[first * k + i] = index;
    }
    __syncthreads();
  }
}

}  // namespace tensorlane::cuda
