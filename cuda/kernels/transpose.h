// Transposes matrices, out of place.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace tensorlane::cuda {

// A batch of row-major matrices of rows x columns to columns x rows. Elements of 1, 2, 4, 8 or 16 bytes. A stride is in
// elements, from one matrix to the next.
void transpose(cudaStream_t stream, std::size_t element_bytes, const void* from, std::int64_t from_stride, void* to,
               std::int64_t to_stride, std::int64_t batch, std::int64_t rows, std::int64_t columns);

// The same for packed matrices.
inline void transpose(cudaStream_t stream, std::size_t element_bytes, const void* from, void* to, std::int64_t batch,
                      std::int64_t rows, std::int64_t columns) {
  transpose(stream, element_bytes, from, rows * columns, to, rows * columns, batch, rows, columns);
}

}  // namespace tensorlane::cuda
