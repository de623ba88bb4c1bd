// Small matrices, as many a block as shared memory holds. Packed ones, whose strides are their sizes, are one run of
// elements in memory, others a run each. A thread has Slab::kAhead words under way, as with slabs.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/transpose_words.h"

namespace tensorlane::cuda {

// `span` is a matrix's elements, rounded up to words.
template <typename T>
__global__ void __launch_bounds__(kBlock, 4)
    transpose_small_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                           unsigned rows, unsigned columns, unsigned matrices, unsigned span, Divisor by_elements,
                           Divisor by_rows, Divisor by_span_words) {
  __shared__ Slab<T> slab;
  const unsigned elements = rows * columns;
  const bool packed_in = from_stride == elements;
  const bool packed_out = to_stride == elements;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * matrices; first < batch;
       first += static_cast<std::int64_t>(gridDim.x) * matrices) {
    const auto here = static_cast<unsigned>(min(static_cast<std::int64_t>(matrices), batch - first));
    const Runs flat = one_run<T>(here * elements);
    take(slab, from + first * from_stride, packed_in ? flat : Runs{from_stride, here, elements, span, by_span_words});
    __syncthreads();
    give(slab, to + first * to_stride, packed_out ? flat : Runs{to_stride, here, elements, span, by_span_words},
         [&](unsigned run, unsigned i) {
           const unsigned matrix = packed_out ? by_elements.divide(i) : run;
           const unsigned within = packed_out ? i - matrix * elements : i;
           const unsigned column = by_rows.divide(within);
           const unsigned row = within - column * rows;
           return matrix * (packed_in ? elements : span) + row * columns + column;
         });
    __syncthreads();
  }
}

}  // namespace tensorlane::cuda
