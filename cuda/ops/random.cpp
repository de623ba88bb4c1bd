#include "cuda/kernels/random.h"

#include <array>

#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void random_numbers(CudaLane& lane, const RandomNumbersArgs& args) {
  const std::array outputs{BatchOperand{&args.result, size_of_elements(args.type, 1)}};
  run_batch(lane, args.count, {}, outputs, [&](const Chunk& chunk) {
    random_numbers(lane.stream(), args.type, args.seed, chunk.first, chunk.count, chunk.outputs[0]);
  });
}

}  // namespace tensorlane::cuda
