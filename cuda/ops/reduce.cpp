// Reductions along an axis. The kernels reduce rows, so an axis that is not the last one is made so first.
#include "cuda/kernels/reduce.h"

#include <array>

#include "cuda/kernels/top_k.h"
#include "cuda/kernels/transpose.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// Calls reduce_rows(from, rows, to) with rows of dims.length elements.
template <typename ReduceRows>
void along_axis(CudaLane& lane, DType type, const AxisDims& dims, const Operand& a, const Operand& result,
                DType result_type, ReduceRows reduce_rows) {
  if (dims.inner == 0) return;
  const std::size_t item_bytes = size_of_elements(type, dims.length * dims.inner);
  const std::array inputs{BatchOperand{&a, item_bytes}};
  const std::array outputs{BatchOperand{&result, size_of_elements(result_type, dims.inner)}};
  run_batch(lane, dims.outer, inputs, outputs, [&](const Chunk& chunk) {
    const bool is_last = dims.inner == 1 || dims.length <= 1;
    const std::size_t bytes = item_bytes * static_cast<std::size_t>(chunk.count);
    const Temporary turned = is_last ? Temporary() : lane.temporary(bytes);
    if (!is_last) {
      transpose(lane.stream(), size_of_elements(type, 1), chunk.inputs[0], turned.as(), chunk.count, dims.length,
                dims.inner);
    }
    reduce_rows(is_last ? chunk.inputs[0] : turned.as(), chunk.count * dims.inner, chunk.outputs[0]);
  });
}

}  // namespace

void reduce(CudaLane& lane, const ReduceArgs& args) {
  along_axis(lane, args.type, args.dims, args.a, args.result, args.type,
             [&](const void* from, std::int64_t rows, void* to) {
               const std::size_t bytes = reduce_workspace(args.type, rows, args.dims.length);
               const Temporary workspace = bytes == 0 ? Temporary() : lane.temporary(bytes);
               reduce(lane.stream(), args.reduction, args.type, from, rows, args.dims.length, to, workspace.as());
             });
}

void argmax(CudaLane& lane, const ArgmaxArgs& args) {
  along_axis(lane, args.type, args.dims, args.a, args.result, DType::Int64,
             [&](const void* from, std::int64_t rows, void* to) {
               argmax(lane.stream(), args.type, from, rows, args.dims.length, static_cast<std::int64_t*>(to));
             });
}

void top_k(CudaLane& lane, const TopKArgs& args) {
  if (args.k == 0) return;
  const std::array inputs{BatchOperand{&args.a, size_of_elements(args.type, args.columns)}};
  const std::array outputs{BatchOperand{&args.values, size_of_elements(args.type, args.k)},
                           BatchOperand{&args.indices, size_of_elements(DType::Int64, args.k)}};
  run_batch(lane, args.rows, inputs, outputs, [&](const Chunk& chunk) {
    const std::size_t bytes = top_k_workspace(args.type, chunk.count, args.columns, args.k);
    const Temporary workspace = bytes == 0 ? Temporary() : lane.temporary(bytes);
    top_k(lane.stream(), args.type, chunk.inputs[0], chunk.count, args.columns, args.k, chunk.outputs[0],
          static_cast<std::int64_t*>(chunk.outputs[1]), workspace.as());
  });
}

}  // namespace tensorlane::cuda
