// Rows of a batch: picked, placed, padded. A row is any number of bytes.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// Indices as users give them, int32 or int64, to rows: negative ones count from the end of `rows` rows. *outside = 1
// where one is not in [-rows, rows); it comes out as a number that is not in [0, rows). Errors: DType.
void wrap_indices(cudaStream_t stream, DType type, const void* indices, std::int64_t count, std::int64_t rows,
                  std::int64_t* to, int* outside);

// to[i] = from[rows[i]], for `count` rows. `rows` is on the device; a row that is not in [0, from_rows) comes out as
// zeros.
void gather_rows(cudaStream_t stream, const void* from, std::int64_t from_rows, const std::int64_t* rows,
                 std::int64_t count, std::size_t row_bytes, void* to);

// to[rows[i]] = from[i]. Rows that are not in [0, to_rows) are left out. Where a row is named several times the last
// one wins, which takes a workspace of scatter_workspace() bytes; without one (null) no row may be named twice.
void scatter_rows(cudaStream_t stream, const void* from, const std::int64_t* rows, std::int64_t count,
                  std::int64_t to_rows, std::size_t row_bytes, void* to, void* workspace = nullptr);
std::size_t scatter_workspace(std::int64_t to_rows);

// `count` sequences that lie one after the other, of `offsets[i + 1] - offsets[i]` elements each (offsets on the
// device, count + 1 of them), to rows of `length` elements: cut off or filled up with the element `fill` (on the host;
// element_bytes, 1, 2, 4, 8 or 16 of them).
void pad_rows(cudaStream_t stream, const void* from, const std::int64_t* offsets, std::int64_t count,
              std::int64_t length, std::size_t element_bytes, const void* fill, void* to);

}  // namespace tensorlane::cuda
