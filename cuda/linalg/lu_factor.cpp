// LU factors with partial pivoting, of A and not of its transpose: the libraries' matrices lie by columns, so A is transposed on
// the way in and its factors on the way out.
#include <algorithm>
#include <array>
#include <string>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/pivots.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/lu.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {
namespace {

// A positive word is of a singular matrix, which is no error here.
void check_arguments(StatusWords& info) {
  info.check([](std::span<const int> words) {
    const auto rejected = std::ranges::find_if(words, [](int word) { return word < 0; });
    if (rejected == words.end()) return;
    throw Error(Code::Internal, "luFactor: the library rejected argument " + std::to_string(-*rejected));
  });
}

}  // namespace

void lu_factor(CudaLane& lane, const LuFactorArgs& args) {
  if (args.batch == 0) return;
  const DType type = args.type;
  const std::int64_t elements = args.m * args.n;
  const std::int64_t k = std::min(args.m, args.n);
  const std::size_t bytes = bytes_of(type, elements);
  StatusWords not_finite(lane, args.batch);
  StatusWords info(lane, args.batch);
  StatusWords beyond(lane, args.batch);
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{
      BatchOperand{&args.lu, bytes},
      BatchOperand{&args.pivots, bytes_of(DType::Int32, k)},
      BatchOperand{&args.permutation, args.wants_permutation ? bytes_of(DType::Int32, args.m) : 0},
  };
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    const cudaStream_t stream = lane.stream();
    auto* pivots = static_cast<std::int32_t*>(chunk.outputs[1]);
    auto* permutation = args.wants_permutation ? static_cast<std::int32_t*>(chunk.outputs[2]) : nullptr;
    if (k == 0) {  // no row is exchanged
      give_pivots(stream, nullptr, sizeof(std::int32_t), chunk.count, 0, args.m, pivots, permutation);
      return;
    }
    void* lu = chunk.outputs[0];
    const Temporary columns = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    // Where the factors will be is where A is looked at.
    copy_finite(stream, type, chunk.inputs[0], lu, chunk.count, elements, not_finite.at(chunk.first));
    transpose(stream, size_of(type), lu, columns.as(), chunk.count, args.m, args.n);
    const LuFactors factors(lane, type, args.m, args.n, chunk.count, columns.as(), info.at(chunk.first));
    transpose(stream, size_of(type), columns.as(), lu, chunk.count, args.n, args.m);
    give_pivots(stream, factors.pivots(), factors.pivot_bytes(), chunk.count, k, args.m, pivots, permutation);
    find_not_finite(stream, type, lu, chunk.count, elements, beyond.at(chunk.first));
  });
  not_finite.check(Code::NotFinite, "luFactor: the input has a NaN or an infinity");
  check_arguments(info);
  check_beyond(beyond, type, "luFactor: u has elements");
}

}  // namespace tensorlane::cuda
