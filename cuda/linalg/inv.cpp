// Inverses by LU factors: A X = 1 is solved, of A itself and not of its transpose, as numpy does. Of badly conditioned matrices that
// is what makes A X come close to 1, and the same ones exactly singular.
#include <array>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/transpose.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/equilibration.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/lu.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void inv(CudaLane& lane, const InvArgs& args) {
  const std::int64_t elements = args.n * args.n;
  if (args.batch == 0 || elements == 0) return;
  StatusWords not_finite(lane, args.batch);
  StatusWords singular(lane, args.batch);
  StatusWords beyond(lane, args.batch);
  const std::size_t bytes = bytes_of(args.type, elements);
  const std::size_t one = size_of(args.type);
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{BatchOperand{&args.inverse, bytes}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    const auto transposed = [&](const void* from, void* to) {
      transpose(lane.stream(), one, from, to, chunk.count, args.n, args.n);
    };
    const Temporary a = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    copy_finite(lane.stream(), args.type, chunk.inputs[0], a.as(), chunk.count, elements, not_finite.at(chunk.first));
    const Equilibration scaled(lane, args.type, args.n, chunk.count, a.as());
    const Temporary columns = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    transposed(a.as(), columns.as());
    const LuFactors lu(lane, args.type, args.n, chunk.count, columns.as(), singular.at(chunk.first));
    lu.invert(a.as());
    transposed(a.as(), chunk.outputs[0]);
    scaled.scale_inverses(chunk.outputs[0]);
    find_not_finite(lane.stream(), args.type, chunk.outputs[0], chunk.count, elements, beyond.at(chunk.first));
  });
  not_finite.check(Code::NotFinite, "inv: the input has a NaN or an infinity");
  check_info(singular, Code::Singular, "inv: the matrix is singular");
  check_beyond(beyond, args.type, "inv: the inverse has elements");
}

}  // namespace tensorlane::cuda
