// Element by element. Work from host memory is cut along the outermost axis, along which an operand advances by its own
// items or serves all of them.
#include "cuda/kernels/elementwise.h"

#include <array>

#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// One operand's part in an item, in bytes; 0 where it serves all items.
template <std::size_t kOperands>
std::size_t item_of(const BroadcastWalk<kOperands>& walk, std::size_t operand, DType type) {
  return size_of_elements(type, walk.axes.front().strides[operand]);
}

}  // namespace

void binary(CudaLane& lane, const BinaryArgs& args) {
  if (args.walk.total == 0) return;
  const std::int64_t items = args.walk.axes.front().size;
  const std::int64_t each = args.walk.total / items;
  const std::array inputs{BatchOperand{&args.a, item_of(args.walk, 0, args.type)},
                          BatchOperand{&args.b, item_of(args.walk, 1, args.type)}};
  const std::array outputs{BatchOperand{&args.result, size_of_elements(args.result_type(), each)}};
  const Axes<2> axes(args.walk);
  run_batch(lane, items, inputs, outputs, [&](const Chunk& chunk) {
    binary(lane.stream(), args.op, args.type, axes, chunk.inputs[0], chunk.inputs[1], chunk.outputs[0],
           chunk.count * each);
  });
}

void unary(CudaLane& lane, const UnaryArgs& args) {
  const std::array inputs{BatchOperand{&args.a, size_of_elements(args.type, 1)}};
  const std::array outputs{BatchOperand{&args.result, size_of_elements(args.type, 1)}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    unary(lane.stream(), args.op, args.type, chunk.inputs[0], chunk.outputs[0], chunk.count);
  });
}

void clip(CudaLane& lane, const ClipArgs& args) {
  const std::array inputs{BatchOperand{&args.a, size_of_elements(args.type, 1)}};
  const std::array outputs{BatchOperand{&args.result, size_of_elements(args.type, 1)}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    clip(lane.stream(), args.type, args.low.data(), args.high.data(), chunk.inputs[0], chunk.outputs[0], chunk.count);
  });
}

void where(CudaLane& lane, const WhereArgs& args) {
  if (args.walk.total == 0) return;
  const auto& outermost = args.walk.axes.front();
  const std::int64_t each = args.walk.total / outermost.size;
  const auto bytes = [&](std::int64_t elements) { return static_cast<std::size_t>(elements) * args.element_bytes; };
  const std::array inputs{BatchOperand{&args.condition, static_cast<std::size_t>(outermost.strides[0])},
                          BatchOperand{&args.a, bytes(outermost.strides[1])},
                          BatchOperand{&args.b, bytes(outermost.strides[2])}};
  const std::array outputs{BatchOperand{&args.result, bytes(each)}};
  const Axes<3> axes(args.walk);
  run_batch(lane, outermost.size, inputs, outputs, [&](const Chunk& chunk) {
    where(lane.stream(), args.element_bytes, axes, chunk.inputs[0], chunk.inputs[1], chunk.inputs[2], chunk.outputs[0],
          chunk.count * each);
  });
}

void softmax(CudaLane& lane, const SoftmaxArgs& args) {
  const AxisDims& dims = args.dims;
  const std::size_t bytes = size_of_elements(args.type, dims.length * dims.inner);
  if (bytes == 0) return;
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{BatchOperand{&args.result, bytes}};
  run_batch(lane, dims.outer, inputs, outputs, [&](const Chunk& chunk) {
    softmax(lane.stream(), args.type, chunk.inputs[0], chunk.outputs[0], chunk.count, dims.length, dims.inner);
  });
}

}  // namespace tensorlane::cuda
