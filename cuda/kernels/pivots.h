// The pivots of LU factors, ours: of int32, 0-based, n a matrix; row i is exchanged with row pivots[i], one after the other.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace tensorlane::cuda {

// From those of the libraries (1-based, `pivot_bytes` 4 or 8 each, k a matrix of m rows). Where `permutation` is not null:
// permutation[i] is where row i comes to lie, m a matrix.
void give_pivots(cudaStream_t stream, const void* from, std::size_t pivot_bytes, std::int64_t batch, std::int64_t k,
                 std::int64_t m, std::int32_t* pivots, std::int32_t* permutation);

// Exchanges the rows of `items` packed matrices of n x columns, in their order or backwards. Item i has the pivots of the matrix i
// * step (0 or 1). A pivot that is no row is passed over.
void exchange_rows(cudaStream_t stream, DType type, const std::int32_t* pivots, std::int64_t step, bool backwards,
                   void* x, std::int64_t items, std::int64_t n, std::int64_t columns);

// flags[i] |= 1 where matrix i (n x n, packed) has a zero on its diagonal, or a pivot that is no row.
void find_zero_on_diagonal(cudaStream_t stream, DType type, const void* a, std::int64_t batch, std::int64_t n,
                           int* flags);
void find_wrong_pivots(cudaStream_t stream, const std::int32_t* pivots, std::int64_t batch, std::int64_t n, int* flags);

}  // namespace tensorlane::cuda
