// Element by element, of operands that broadcast; and softmax.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "core/arithmetic.h"
#include "core/dtype.h"
#include "device/tensors/broadcast_walk.h"

namespace tensorlane::cuda {

// Of so many operands, as kernels take it. The outermost axis' size is not needed.
template <std::size_t kOperands>
struct Axes {
  int rank = 0;
  std::int64_t sizes[BroadcastWalk<kOperands>::kMostAxes] = {};
  std::int64_t strides[BroadcastWalk<kOperands>::kMostAxes][kOperands] = {};

  explicit Axes(const BroadcastWalk<kOperands>& walk) : rank(static_cast<int>(walk.axes.size())) {
    for (std::size_t axis = 0; axis < walk.axes.size(); ++axis) {
      sizes[axis] = walk.axes[axis].size;
      for (std::size_t o = 0; o < kOperands; ++o) strides[axis][o] = walk.axes[axis].strides[o];
    }
  }
};

// to[i] of `count`, as BinaryArgs, UnaryArgs, ClipArgs and WhereArgs say; bounds lie in host memory.
void binary(cudaStream_t stream, BinaryOp op, DType type, const Axes<2>& axes, const void* a, const void* b, void* to,
            std::int64_t count);
void unary(cudaStream_t stream, UnaryOp op, DType type, const void* from, void* to, std::int64_t count);
void clip(cudaStream_t stream, DType type, const void* low, const void* high, const void* from, void* to,
          std::int64_t count);
void where(cudaStream_t stream, std::size_t element_bytes, const Axes<3>& axes, const void* condition, const void* a,
           const void* b, void* to, std::int64_t count);

// outer x length x inner, along the middle one: float32 or float64.
void softmax(cudaStream_t stream, DType type, const void* from, void* to, std::int64_t outer, std::int64_t length,
             std::int64_t inner);

}  // namespace tensorlane::cuda
