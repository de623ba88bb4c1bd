// The sum of a diagonal.
#include "cuda/kernels/trace.h"

#include <array>
#include <cstdint>

#include "cuda/linalg/linalg.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void trace(CudaLane& lane, const TraceArgs& args) {
  const std::int64_t elements = args.m * args.n;
  const Diagonals diagonals{.elements = elements, .first = args.first(), .step = args.step(), .length = args.length()};
  const std::array inputs{BatchOperand{&args.a, byte_size(args.type, static_cast<std::size_t>(elements))}};
  const std::array outputs{BatchOperand{&args.trace, byte_size(args.type, 1)}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    trace(lane.stream(), args.type, chunk.inputs[0], chunk.count, diagonals, chunk.outputs[0]);
  });
}

}  // namespace tensorlane::cuda
