#include "cuda/kernels/cast.h"

#include <array>

#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void cast(CudaLane& lane, const CastArgs& args) {
  // Types that are not converted are refused even where there is nothing to convert.
  cast(lane.stream(), args.from_type, nullptr, args.to_type, nullptr, 0);
  const std::array inputs{BatchOperand{&args.a, size_of_elements(args.from_type, 1)}};
  const std::array outputs{BatchOperand{&args.result, size_of_elements(args.to_type, 1)}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    cast(lane.stream(), args.from_type, chunk.inputs[0], args.to_type, chunk.outputs[0], chunk.count);
  });
}

}  // namespace tensorlane::cuda
