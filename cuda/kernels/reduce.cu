// A row that is short belongs to a group of lanes, up to a warp. A longer one is cut into pieces, a block each, and
// what the pieces come to is reduced in a second pass. Lanes, pieces and the order within them follow from the length
// of the rows alone: a row's result does not depend on how many others there are, nor on where it lies.
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/reduce.h"
#include "cuda/kernels/reductions.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr std::int64_t kReduceGroupColumns = 1024;  // up to which a group of lanes does a row
constexpr std::int64_t kReducePiece = 8192;         // elements, at least
constexpr std::int64_t kPieces = 4096;              // at most
constexpr int kReduceAhead = 4;

// The elements from `begin` to `end` of a row, a multiple of 16 bytes behind its start, by one of `threads` threads.
template <typename Op, typename T>
__device__ typename Op::Accumulator accumulate(const T* row, std::int64_t begin, std::int64_t end, unsigned thread,
                                               unsigned threads) {
  constexpr int kCount = kPack<T>;
  const bool aligned = is_aligned(row, 16);
  const std::int64_t step = static_cast<std::int64_t>(threads) * kCount;
  typename Op::Accumulator result = Op::identity();
  for (std::int64_t at = begin + static_cast<std::int64_t>(thread) * kCount; at < end; at += kReduceAhead * step) {
    Pack<T, kCount> held[kReduceAhead];
    for (int a = 0; a < kReduceAhead; ++a) held[a] = load_pack<kCount>(row, at + a * step, end, aligned, Op::neutral());
    for (const Pack<T, kCount>& pack : held) {
      for (int e = 0; e < kCount; ++e) Op::add(result, pack.v[e]);
    }
  }
  return result;
}

template <typename Op>
__device__ typename Op::Accumulator merge_pieces(const typename Op::Accumulator* pieces, std::int64_t count,
                                                 unsigned thread, unsigned threads) {
  typename Op::Accumulator result = Op::identity();
  for (std::int64_t i = thread; i < count; i += threads) result = Op::merge(result, pieces[i]);
  return result;
}

template <typename Op>
__global__ void __launch_bounds__(kBlock)
    group_kernel(const typename Op::T* from, std::int64_t rows, std::int64_t columns, typename Op::T* to) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < rows; first += step) {
    const std::int64_t row = first + threadIdx.y;
    auto mine = Op::identity();
    if (row < rows) mine = accumulate<Op>(from + row * columns, 0, columns, threadIdx.x, lanes);
    mine = reduce_group<Op>(mine, lanes);
    if (row < rows && threadIdx.x == 0) to[row] = Op::finish(mine, columns);
  }
}

// A piece of a row: its result where the row is one piece, else its accumulator.
template <typename Op>
__global__ void __launch_bounds__(kBlock)
    piece_kernel(const typename Op::T* from, std::int64_t rows, std::int64_t columns, std::int64_t piece,
                 std::int64_t pieces, typename Op::T* to, typename Op::Accumulator* accumulators) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const std::int64_t begin = piece * blockIdx.y;
    const auto mine = reduce_block<Op>(
        accumulate<Op>(from + row * columns, begin, min(begin + piece, columns), threadIdx.x, blockDim.x));
    if (threadIdx.x == 0) {
      if (pieces == 1) {
        to[row] = Op::finish(mine, columns);
      } else {
        accumulators[row * pieces + blockIdx.y] = mine;
      }
    }
    __syncthreads();
  }
}

template <typename Op>
__global__ void __launch_bounds__(kBlock) merge_kernel(const typename Op::Accumulator* accumulators, std::int64_t rows,
                                                       std::int64_t columns, std::int64_t pieces, typename Op::T* to) {
  for (std::int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const auto mine = reduce_block<Op>(merge_pieces<Op>(accumulators + row * pieces, pieces, threadIdx.x, blockDim.x));
    if (threadIdx.x == 0) to[row] = Op::finish(mine, columns);
    __syncthreads();
  }
}

struct Cut {
  std::int64_t piece, pieces;
};
Cut cut(std::int64_t columns) {
  if (columns <= kReducePiece) return {kReducePiece, 1};
  // A multiple of what a block has under way.
  const std::int64_t piece = ceil_div(ceil_div(columns, kPieces), kReducePiece) * kReducePiece;
  return {piece, ceil_div(columns, piece)};
}

// Enough for what a lane has under way, and a pack for each at least.
unsigned lanes_for(std::int64_t columns) { return power_of_two(ceil_div(columns, 8), kWarp); }

template <typename Op>
void reduce_with(cudaStream_t stream, const void* from_bytes, std::int64_t rows, std::int64_t columns, void* to_bytes,
                 void* workspace) {
  using T = typename Op::T;
  using Accumulator = typename Op::Accumulator;
  const auto* from = static_cast<const T*>(from_bytes);
  auto* to = static_cast<T*>(to_bytes);
  if (columns <= kReduceGroupColumns) {
    const Shape shape = group_shape(rows, lanes_for(columns));
    launch(stream, shape.grid, shape.block, 0, &group_kernel<Op>, from, rows, columns, to);
    return;
  }
  const Cut cuts = cut(columns);
  auto* accumulators = static_cast<Accumulator*>(workspace);
  launch(stream, dim3(limited(rows, kGridX), static_cast<unsigned>(cuts.pieces)), dim3(kBlock), 0, &piece_kernel<Op>,
         from, rows, columns, cuts.piece, cuts.pieces, to, accumulators);
  if (cuts.pieces == 1) return;
  launch(stream, dim3(limited(rows, kGridX)), dim3(cuts.pieces <= 64 ? 2 * kWarp : kBlock), 0, &merge_kernel<Op>,
         accumulators, rows, columns, cuts.pieces, to);
}

}  // namespace

std::size_t reduce_workspace(DType type, std::int64_t rows, std::int64_t columns) {
  const Cut cuts = cut(columns);
  const std::size_t each = type == DType::Float64 ? sizeof(Squares) : sizeof(double);
  return cuts.pieces == 1 ? 0 : static_cast<std::size_t>(rows * cuts.pieces) * each;
}

void reduce(cudaStream_t stream, Reduction reduction, DType type, const void* from, std::int64_t rows,
            std::int64_t columns, void* to, void* workspace) {
  with_float("reduce", type, [&](auto zero) {
    using T = decltype(zero);
    if (rows == 0) return;
    switch (reduction) {
      case Reduction::Sum:
        return reduce_with<Sum<T>>(stream, from, rows, columns, to, workspace);
      case Reduction::Mean:
        return reduce_with<Mean<T>>(stream, from, rows, columns, to, workspace);
      case Reduction::Max:
        return reduce_with<Max<T>>(stream, from, rows, columns, to, workspace);
      case Reduction::Min:
        return reduce_with<Min<T>>(stream, from, rows, columns, to, workspace);
      case Reduction::Norm:
        return reduce_with<Norm<T>>(stream, from, rows, columns, to, workspace);
    }
  });
}

}  // namespace tensorlane::cuda
