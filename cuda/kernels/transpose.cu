// Reads and writes are both along the rows of what they touch; the elements change places in shared memory.
//
// Three kernels: tiles for large matrices (transpose_tile.h); slabs for those with few rows or few columns
// (transpose_slab.h); and many small matrices a block (transpose_small.h). What ptxas and the machine code of sm_75 and
// sm_90 say of them, for the bytes of loads that a thread has under way before it waits for the first, and those of the
// multiprocessor's four blocks, the fewest that its registers and shared memory have room for:
//
//   elements of      1 byte   2   4   8  16      registers   shared memory
//   tiles              64    32  64  32  64   a thread      46 to 64    8 or 16 KiB
//   slabs, small       32    32  32  32  64   a thread      29 to 59    16 KiB
//   both            32 to 64 KiB              a multiprocessor
//
// There are no spills. Rows that do not begin at words cost four (of elements of 2 bytes two) accesses for a word's
// one, which hit the same lines, and leave 20 bytes and more a thread under way.
#include <string>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/transpose.h"
#include "cuda/kernels/transpose_slab.h"
#include "cuda/kernels/transpose_small.h"
#include "cuda/kernels/transpose_tile.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr std::int64_t kNarrow = 16;   // rows or columns, up to which there are slabs
constexpr std::int64_t kSmall = 1024;  // elements, up to which there are several matrices a block

// Whether all rows of `length` elements begin at words.
template <typename T>
bool rows_of_words(const T* matrices, std::int64_t stride, std::int64_t batch, std::int64_t length) {
  return is_aligned(matrices, sizeof(Word<T>)) && length % kEach<T> == 0 && (batch == 1 || stride % kEach<T> == 0);
}

template <typename T>
auto tile_kernel(bool words_in, bool words_out) {
  if constexpr (kEach<T> == 1) {
    return &transpose_tile_kernel<T, true, true>;
  } else {
    if (words_in) return words_out ? &transpose_tile_kernel<T, true, true> : &transpose_tile_kernel<T, true, false>;
    return words_out ? &transpose_tile_kernel<T, false, true> : &transpose_tile_kernel<T, false, false>;
  }
}

template <typename T>
void transpose_of(cudaStream_t stream, const void* from_bytes, std::int64_t from_stride, void* to_bytes,
                  std::int64_t to_stride, std::int64_t batch, std::int64_t rows, std::int64_t columns) {
  const auto* from = static_cast<const T*>(from_bytes);
  auto* to = static_cast<T*>(to_bytes);
  constexpr std::int64_t kRoom = Slab<T>::kElements;
  const std::int64_t few = rows < columns ? rows : columns;
  const std::int64_t length = rows < columns ? columns : rows;
  if (rows * columns <= (kRoom < kSmall ? kRoom : kSmall)) {
    const std::int64_t span = ceil_div(rows * columns, kEach<T>) * kEach<T>;
    std::int64_t matrices = kRoom / span;
    if (ceil_div(batch, matrices) < 256) matrices = ceil_div(batch, 256);  // enough blocks before full ones
    if (matrices > 4) matrices = matrices / 4 * 4;  // so that a block's begin at words where the first do
    launch(stream, dim3(limited(ceil_div(batch, matrices), kGridX)), dim3(kBlock), 0, &transpose_small_kernel<T>, from,
           from_stride, to, to_stride, batch, static_cast<unsigned>(rows), static_cast<unsigned>(columns),
           static_cast<unsigned>(matrices), static_cast<unsigned>(span), divisor(rows * columns), divisor(rows),
           divisor(span / kEach<T>));
  } else if (few <= kNarrow) {
    constexpr std::int64_t kSector = 32 / sizeof(T);  // elements; runs are of whole ones
    const std::int64_t span = kRoom / few / kSector * kSector;
    const dim3 grid(limited(ceil_div(length, span), kGridX), limited(batch, kGridYZ));
    launch(stream, grid, dim3(kBlock), 0,
           rows < columns ? &transpose_slab_kernel<T, true> : &transpose_slab_kernel<T, false>, from, from_stride, to,
           to_stride, batch, length, static_cast<unsigned>(few), static_cast<unsigned>(span), divisor(few),
           divisor(span / kEach<T>));
  } else {
    const std::int64_t tiles = ceil_div(columns, Tile<T>::kSide);
    if (tiles > std::int64_t{0x7fffffff}) {
      throw Error(Code::Shape, "transpose: " + std::to_string(columns) + " columns are more than a grid can cover");
    }
    const dim3 grid(static_cast<unsigned>(tiles), limited(ceil_div(rows, Tile<T>::kSide), kGridYZ),
                    limited(batch, kGridYZ));
    const auto kernel =
        tile_kernel<T>(rows_of_words(from, from_stride, batch, columns), rows_of_words(to, to_stride, batch, rows));
    launch(stream, grid, dim3(kWarp, kTileWarps), 0, kernel, from, from_stride, to, to_stride, batch, rows, columns);
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
