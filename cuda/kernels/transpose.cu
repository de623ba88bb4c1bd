// Reads and writes are both along the rows of what they touch; the elements change places in shared memory, whose rows
// are padded so that a column of a tile lies in different banks.
//
// Three kernels: tiles of 32 x 32 for large matrices; slabs for those with few rows or few columns, of which a tile
// would use a part only; and many small matrices a block.
#include <string>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/transpose.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr int kTile = 32;
constexpr int kTileRows = 8;           // of threads
constexpr std::int64_t kNarrow = 16;   // rows or columns, up to which there are slabs
constexpr std::int64_t kSmall = 1024;  // elements, up to which there are several matrices a block
constexpr std::size_t kSharedBytes = 16 << 10;

template <typename T>
__global__ void __launch_bounds__(kTile* kTileRows, 4)
    tile_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                std::int64_t rows, std::int64_t columns) {
  __shared__ T tile[kTile][kTile + 1];
  const int x = static_cast<int>(threadIdx.x);
  const int y = static_cast<int>(threadIdx.y);
  const std::int64_t left = static_cast<std::int64_t>(blockIdx.x) * kTile;
  for (std::int64_t matrix = blockIdx.z; matrix < batch; matrix += gridDim.z) {
    for (std::int64_t top = static_cast<std::int64_t>(blockIdx.y) * kTile; top < rows;
         top += static_cast<std::int64_t>(gridDim.y) * kTile) {
      const T* in = from + matrix * from_stride + top * columns + left;
      T* out = to + matrix * to_stride + left * rows + top;
      for (int i = y; i < kTile; i += kTileRows) {
        if (top + i < rows && left + x < columns) tile[i][x] = in[i * columns + x];
      }
      __syncthreads();
      for (int j = y; j < kTile; j += kTileRows) {
        if (left + j < columns && top + x < rows) out[j * rows + x] = tile[x][j];
      }
      __syncthreads();
    }
  }
}

// Where the element at `index` of a slab lies in shared memory: a word is left out after every 32, so that strides of
// powers of two fall into different banks.
__device__ inline unsigned padded(unsigned index) { return index + (index >> 5); }

// As many elements as `kSharedBytes` hold with the padding.
template <typename T>
constexpr unsigned kSlab = static_cast<unsigned>(kSharedBytes / sizeof(T) * 32 / 33 / 32 * 32);

// A slab is `span` rows of a matrix with few columns (wide: columns of one with few rows). One of its two sides is
// contiguous in memory, the input (the output), and is gone over element by element; the other is `few` runs of `span`.
template <typename T, bool kWide>
__global__ void __launch_bounds__(kBlock)
    slab_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                std::int64_t length, int few, int span) {
  __shared__ T slab[kSlab<T> + kSlab<T> / 32];
  for (std::int64_t matrix = blockIdx.y; matrix < batch; matrix += gridDim.y) {
    for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * span; first < length;
         first += static_cast<std::int64_t>(gridDim.x) * span) {
      const int here = static_cast<int>(min(static_cast<std::int64_t>(span), length - first));
      const T* in = from + matrix * from_stride + (kWide ? first : first * few);
      T* out = to + matrix * to_stride + (kWide ? first * few : first);
      const int thread = static_cast<int>(threadIdx.x);
      const int threads = static_cast<int>(blockDim.x);
      if constexpr (kWide) {
        for (int r = 0; r < few; ++r) {
          for (int i = thread; i < here; i += threads) {
            slab[padded(static_cast<unsigned>(i * few + r))] = in[r * length + i];
          }
        }
      } else {
        for (int e = thread; e < here * few; e += threads) slab[padded(static_cast<unsigned>(e))] = in[e];
      }
      __syncthreads();
      if constexpr (kWide) {
        for (int e = thread; e < here * few; e += threads) out[e] = slab[padded(static_cast<unsigned>(e))];
      } else {
        for (int r = 0; r < few; ++r) {
          for (int i = thread; i < here; i += threads) {
            out[r * length + i] = slab[padded(static_cast<unsigned>(i * few + r))];
          }
        }
      }
      __syncthreads();
    }
  }
}

// Divides numbers below 2^16 by one that is below 2^16, with a multiplication.
struct Divisor {
  std::uint64_t inverse;  // 2^32 / divisor, rounded up
  __device__ unsigned divide(unsigned n) const { return static_cast<unsigned>((n * inverse) >> 32); }
};
Divisor divisor(std::int64_t by) {
  return {((std::uint64_t{1} << 32) + static_cast<std::uint64_t>(by) - 1) / static_cast<std::uint64_t>(by)};
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    small_kernel(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t batch,
                 unsigned rows, unsigned columns, unsigned matrices, Divisor by_elements, Divisor by_rows) {
  __shared__ T held[kSlab<T> + kSlab<T> / 32];
  const unsigned elements = rows * columns;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * matrices; first < batch;
       first += static_cast<std::int64_t>(gridDim.x) * matrices) {
    const unsigned here = static_cast<unsigned>(min(static_cast<std::int64_t>(matrices), batch - first)) * elements;
    for (unsigned e = threadIdx.x; e < here; e += blockDim.x) {
      const unsigned matrix = by_elements.divide(e);
      held[padded(e)] = from[(first + matrix) * from_stride + (e - matrix * elements)];
    }
    __syncthreads();
    for (unsigned e = threadIdx.x; e < here; e += blockDim.x) {
      const unsigned matrix = by_elements.divide(e);
      const unsigned within = e - matrix * elements;
      const unsigned column = by_rows.divide(within);
      const unsigned row = within - column * rows;
      to[(first + matrix) * to_stride + within] = held[padded(matrix * elements + row * columns + column)];
    }
    __syncthreads();
  }
}

template <typename T>
void transpose_of(cudaStream_t stream, const void* from_bytes, std::int64_t from_stride, void* to_bytes,
                  std::int64_t to_stride, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  const auto* from = static_cast<const T*>(from_bytes);
  auto* to = static_cast<T*>(to_bytes);
  constexpr std::int64_t kRoom = kSlab<T>;
  const std::int64_t few = rows < columns ? rows : columns;
  const std::int64_t length = rows < columns ? columns : rows;
  if (rows * columns <= (kRoom < kSmall ? kRoom : kSmall)) {
    // Enough blocks before full ones.
    std::int64_t matrices = kRoom / (rows * columns);
    if (ceil_div(batch, matrices) < 256) matrices = ceil_div(batch, 256);
    launch(stream, dim3(limited(ceil_div(batch, matrices), kGridX)), dim3(kBlock), 0, &small_kernel<T>, from,
           from_stride, to, to_stride, batch, static_cast<unsigned>(rows), static_cast<unsigned>(columns),
           static_cast<unsigned>(matrices), divisor(rows * columns), divisor(rows));
  } else if (few <= kNarrow) {
    const std::int64_t span = kRoom / few;
    const dim3 grid(limited(ceil_div(length, span), kGridX), limited(batch, kGridYZ));
    launch(stream, grid, dim3(kBlock), 0, rows < columns ? &slab_kernel<T, true> : &slab_kernel<T, false>, from,
           from_stride, to, to_stride, batch, length, static_cast<int>(few), static_cast<int>(span));
  } else {
    const std::int64_t tiles = ceil_div(columns, kTile);
    if (tiles > std::int64_t{0x7fffffff}) {
      throw Error(Code::Shape, "transpose: " + std::to_string(columns) + " columns are more than a grid can cover");
    }
    const dim3 grid(static_cast<unsigned>(tiles), limited(ceil_div(rows, kTile), kGridYZ), limited(batch, kGridYZ));
    launch(stream, grid, dim3(kTile, kTileRows), 0, &tile_kernel<T>, from, from_stride, to, to_stride, batch, rows,
           columns);
  }
}

}  // namespace

void transpose(cudaStream_t stream, std::size_t element_bytes, const void* from, std::int64_t from_stride, void* to,
               std::int64_t to_stride, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  if (batch == 0 || rows == 0 || columns == 0) return;
  switch (element_bytes) {
    case 1:
      return transpose_of<std::uint8_t>(stream, from, from_stride, to, to_stride, batch, rows, columns);
    case 2:
      return transpose_of<std::uint16_t>(stream, from, from_stride, to, to_stride, batch, rows, columns);
    case 4:
      return transpose_of<std::uint32_t>(stream, from, from_stride, to, to_stride, batch, rows, columns);
    case 8:
      return transpose_of<std::uint64_t>(stream, from, from_stride, to, to_stride, batch, rows, columns);
    case 16:
      return transpose_of<uint4>(stream, from, from_stride, to, to_stride, batch, rows, columns);
    default:
      throw Error(Code::Argument,
                  "transpose: elements of " + std::to_string(element_bytes) + " bytes; expected 1, 2, 4, 8 or 16");
  }
}

}  // namespace tensorlane::cuda
