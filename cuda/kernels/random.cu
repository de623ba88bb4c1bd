// A thread for each number.
#include "core/philox.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/random.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kBlock)
    random_kernel(std::uint64_t seed, std::uint64_t first, std::int64_t count, T* to) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    to[i] = static_cast<T>(random_number(first + static_cast<std::uint64_t>(i), seed));
  }
}

}  // namespace

void random_numbers(cudaStream_t stream, DType type, std::uint64_t seed, std::int64_t first, std::int64_t count,
                    void* to) {
  if (count == 0) return;
  const Shape shape = flat_shape(count);
  with_float("random_numbers", type, [&](auto zero) {
    using T = decltype(zero);
    launch(stream, shape.grid, shape.block, 0, random_kernel<T>, seed, static_cast<std::uint64_t>(first), count,
           static_cast<T*>(to));
  });
}

}  // namespace tensorlane::cuda
