// A group of lanes a matrix, or a whole block where the diagonal is long.
#include <cstdint>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/reductions.h"
#include "cuda/kernels/trace.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

// Matrices of `elements`; `first` to `length` say where a diagonal lies. A block has groups of up to a warp, or one.
template <typename T>
__global__ void __launch_bounds__(kBlock)
    trace_kernel(const T* a, std::int64_t batch, std::int64_t elements, std::int64_t first, std::int64_t step,
                 std::int64_t length, T* trace) {
  const unsigned lanes = blockDim.x;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t base = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; base < batch; base += stride) {
    const std::int64_t b = base + threadIdx.y;
    double sum = 0;
    for (std::int64_t i = threadIdx.x; b < batch && i < length; i += lanes) {
      Sum<T>::add(sum, a[b * elements + first + i * step]);
    }
    if (lanes > kWarp) {
      sum = reduce_block<Sum<T>>(sum);
      __syncthreads();  // before the next matrix writes to what this one reads
    } else {
      sum = reduce_group<Sum<T>>(sum, lanes);
    }
    if (threadIdx.x == 0 && b < batch) trace[b] = Sum<T>::finish(sum, length);
  }
}

}  // namespace

void trace(cudaStream_t stream, DType type, const void* a, std::int64_t batch, const Diagonals& diagonals, void* sums) {
  const std::int64_t length = diagonals.length;
  const unsigned lanes = length <= std::int64_t{4} * kWarp ? power_of_two(length, kWarp) : kBlock;
  const Shape shape = group_shape(batch, lanes);
  with_float("trace", type, [&](auto zero) {
    using T = decltype(zero);
    launch(stream, shape.grid, shape.block, 0, trace_kernel<T>, static_cast<const T*>(a), batch, diagonals.elements,
           diagonals.first, diagonals.step, length, static_cast<T*>(sums));
  });
}

}  // namespace tensorlane::cuda
