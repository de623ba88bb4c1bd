// Determinants by LU factors; that of the transpose, which is what the libraries see of a row-major matrix, is the
// same. A singular matrix is no error: its determinant is 0.
#include <array>

#include "cuda/kernels/finite.h"
#include "cuda/kernels/matrix.h"
#include "cuda/linalg/common.h"
#include "cuda/linalg/equilibration.h"
#include "cuda/linalg/linalg.h"
#include "cuda/linalg/lu.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void det(CudaLane& lane, const DetArgs& args) {
  if (args.batch == 0) return;
  const std::int64_t elements = args.n * args.n;
  StatusWords not_finite(lane, args.batch);
  StatusWords singular(lane, args.batch);
  StatusWords beyond(lane, args.batch);
  const std::size_t bytes = bytes_of(args.type, elements);
  const std::size_t one = size_of(args.type);
  const std::array inputs{BatchOperand{&args.a, bytes}};
  const std::array outputs{BatchOperand{&args.det, one}, BatchOperand{&args.log_abs, args.log ? one : 0}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    void* log_abs = args.log ? chunk.outputs[1] : nullptr;
    if (elements == 0) {
      det_of_lu(lane.stream(), args.type, nullptr, nullptr, sizeof(int), chunk.count, 0, chunk.outputs[0], log_abs);
      return;
    }
    const Temporary a = lane.temporary(bytes * static_cast<std::size_t>(chunk.count));
    copy_finite(lane.stream(), args.type, chunk.inputs[0], a.as(), chunk.count, elements, not_finite.at(chunk.first));
    const Equilibration scaled(lane, args.type, args.n, chunk.count, a.as());
    const LuFactors lu(lane, args.type, args.n, chunk.count, a.as(), singular.at(chunk.first));
    det_of_lu(lane.stream(), args.type, a.as(), lu.pivots(), lu.pivot_bytes(), chunk.count, args.n, chunk.outputs[0],
              log_abs, beyond.at(chunk.first), scaled.of_determinants());
  });
  not_finite.check(Code::NotFinite, "det: the input has a NaN or an infinity");
  check_beyond(beyond, args.type, "det: elimination has elements");
}

}  // namespace tensorlane::cuda
