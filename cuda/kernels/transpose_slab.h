// Matrices with few rows or few columns, of which a tile would use a part only; an image's channels are the usual ones.
// A slab is `span` rows of a matrix with few columns (wide: columns of one with few rows) in shared memory, in the
// order of the input. One of the two sides is contiguous in memory, the input (wide: the output); the other is `few`
// runs.
//
// A thread has Slab::kAhead words under way: 32 bytes, 64 of elements of 16. Four blocks of 256 threads a
// multiprocessor, the fewest that there is room for, make 32 KiB.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/transpose_words.h"

namespace tensorlane::cuda {

template <typename T, bool kWide>
__global__ void __launch_bounds__(kBlock, 4)
    transpose_slab_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                          std::int64_t length, unsigned few, unsigned span, Divisor by_few, Divisor by_span_words) {
  __shared__ Slab<T> slab;
  for (std::int64_t matrix = blockIdx.y; matrix < batch; matrix += gridDim.y) {
    for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * span; first < length;
         first += static_cast<std::int64_t>(gridDim.x) * span) {
      const auto here = static_cast<unsigned>(min(static_cast<std::int64_t>(span), length - first));
      const T* in = from + matrix * from_stride + (kWide ? first : first * few);
      T* out = to + matrix * to_stride + (kWide ? first * few : first);
      const Runs flat = one_run<T>(here * few);
      const Runs runs = {length, few, here, span, by_span_words};
      take(slab, in, kWide ? runs : flat);
      __syncthreads();
      if constexpr (kWide) {
        give(slab, out, flat, [&](unsigned, unsigned i) {
          const unsigned column = by_few.divide(i);
          return (i - column * few) * span + column;
        });
      } else {
        give(slab, out, runs, [&](unsigned r, unsigned i) { return i * few + r; });
      }
      __syncthreads();
    }
  }
}

}  // namespace tensorlane::cuda
