// Matrix products: one call of cuBLASLt for each run of the batch in which both operands advance evenly, which is most
// often all of it.
#include <array>
#include <limits>

#include "cuda/linalg/batch_walk.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/multiply.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

void multiply_items(CudaLane& lane, const MatmulArgs& args, const BatchWalk& walk, const Chunk& chunk) {
  const std::int64_t a_elements = args.m * args.k;
  const std::int64_t b_elements = args.k * args.n;
  const std::int64_t c_elements = args.m * args.n;
  Product product{args.type,
                  args.tf32,
                  args.m,
                  args.k,
                  args.n,
                  chunk.count,
                  0,
                  0,
                  chunk.inputs[0],
                  chunk.inputs[1],
                  chunk.outputs[0],
                  args.a_transposed,
                  args.b_transposed};
  // One b for every a: the a matrices lie one below the other, so they are a single tall one.
  const std::int64_t rows = chunk.count * args.m;
  if (walk.a_is_item() && walk.b_is_shared() && !args.a_transposed && rows <= std::numeric_limits<int>::max()) {
    product.m = rows;
    product.count = 1;
    multiply(lane, product);
    return;
  }
  product.a_step = walk.a_step() * a_elements;
  product.b_step = walk.b_step() * b_elements;
  walk.for_each_run(chunk.first, chunk.count,
                    [&](std::int64_t item, std::int64_t size, std::int64_t a, std::int64_t b) {
                      const std::int64_t before = item - chunk.first;
                      // An operand with a matrix for each item comes in parts, one a chunk.
                      const std::int64_t a_first = walk.a_is_item() ? before : a;
                      const std::int64_t b_first = walk.b_is_item() ? before : b;
                      in_parts(size, kMostAtOnce, [&](std::int64_t part, std::int64_t count) {
                        product.a = at(args.type, chunk.inputs[0], a_first * a_elements + part * product.a_step);
                        product.b = at(args.type, chunk.inputs[1], b_first * b_elements + part * product.b_step);
                        product.c = at(args.type, chunk.outputs[0], (before + part) * c_elements);
                        product.count = count;
                        multiply(lane, product);
                      });
                    });
}

}  // namespace

void matmul(CudaLane& lane, const MatmulArgs& args) {
  const BatchWalk walk(args.batch_dims, args.a_strides, args.b_strides);
  if (walk.total() == 0 || args.m == 0 || args.n == 0) return;
  const std::size_t a_bytes = bytes_of(args.type, args.m * args.k);
  const std::size_t b_bytes = bytes_of(args.type, args.k * args.n);
  const std::size_t c_bytes = bytes_of(args.type, args.m * args.n);
  const std::array inputs{BatchOperand{&args.a, walk.a_is_item() ? a_bytes : 0},
                          BatchOperand{&args.b, walk.b_is_item() ? b_bytes : 0}};
  const std::array outputs{BatchOperand{&args.c, c_bytes}};
  run_batch(lane, walk.total(), inputs, outputs, [&](const Chunk& chunk) {
    if (args.k > 0) {
      multiply_items(lane, args, walk, chunk);
    } else {  // an empty sum
      check(cudaMemsetAsync(chunk.outputs[0], 0, c_bytes * static_cast<std::size_t>(chunk.count), lane.stream()),
            "cudaMemsetAsync");
    }
  });
}

}  // namespace tensorlane::cuda
