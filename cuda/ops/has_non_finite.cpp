#include <array>

#include "cuda/kernels/cast.h"
#include "cuda/kernels/finite.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {

void has_non_finite(CudaLane& lane, const HasNonFiniteArgs& args) {
  const std::array inputs{BatchOperand{&args.a, size_of_elements(args.type, args.elements)}};
  const std::array outputs{BatchOperand{&args.result, size_of_elements(DType::Bool, 1)}};
  run_batch(lane, args.items, inputs, outputs, [&](const Chunk& chunk) {
    const std::size_t bytes = size_of_elements(DType::Int32, chunk.count);
    const Temporary flags = lane.temporary(bytes);
    check(cudaMemsetAsync(flags.as(), 0, bytes, lane.stream()), "cudaMemsetAsync");
    find_not_finite(lane.stream(), args.type, chunk.inputs[0], chunk.count, args.elements, flags.as<int>());
    cast(lane.stream(), DType::Int32, flags.as(), DType::Bool, chunk.outputs[0], chunk.count);
  });
}

}  // namespace tensorlane::cuda
