// Rows by their indices. Indices in host memory are checked before anything is put on the stream; those that are on the
// device already by the device, which reads no row that is not there, and the task fails when it is done.
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "core/indices.h"
#include "cuda/batch.h"
#include "cuda/kernels/rows.h"
#include "cuda/ops/ops.h"
#include "cuda/status.h"

namespace tensorlane::cuda {

void gather(CudaLane& lane, const GatherArgs& args) {
  if (args.count == 0) return;
  const bool on_device = args.indices.buffer != nullptr;
  std::vector<std::int64_t> checked;
  Operand indices = args.indices;
  std::optional<StatusWords> outside;
  if (on_device) {
    outside.emplace(lane, 1);
  } else {
    checked = wrapped_indices(args.index_type, args.indices.data, args.count, args.rows);
    indices = {reinterpret_cast<std::byte*>(checked.data()), checked.size() * sizeof(std::int64_t), nullptr};
  }
  const DType index_type = on_device ? args.index_type : DType::Int64;
  const std::array inputs{BatchOperand{&args.a, 0}, BatchOperand{&indices, size_of_elements(index_type, 1)}};
  const std::array outputs{BatchOperand{&args.result, args.row_bytes}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    const auto* rows = static_cast<const std::int64_t*>(chunk.inputs[1]);
    const Temporary wrapped = on_device ? lane.temporary(size_of_elements(DType::Int64, chunk.count)) : Temporary();
    if (on_device) {
      wrap_indices(lane.stream(), index_type, chunk.inputs[1], chunk.count, args.rows, wrapped.as<std::int64_t>(),
                   outside->at(0));
      rows = wrapped.as<std::int64_t>();
    }
    gather_rows(lane.stream(), chunk.inputs[0], args.rows, rows, chunk.count, args.row_bytes, chunk.outputs[0]);
  });
  if (!on_device) return;
  outside->check([rows = args.rows](std::span<const int> found) {
    if (found[0] != 0) throw index_error("an index", rows);
  });
}

}  // namespace tensorlane::cuda
