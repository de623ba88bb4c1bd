// Rows of the leading dimension. Indices in host memory are checked before anything is put on the stream; those that
// are on the device already by the device, which touches no row that is not there, and the task fails when it is done.
#include "cuda/kernels/rows.h"

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "core/indices.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"
#include "cuda/runtime/errors.h"
#include "cuda/runtime/status_words.h"

namespace tensorlane::cuda {
namespace {

Operand operand_of(std::vector<std::int64_t>& numbers) {
  return {reinterpret_cast<std::byte*>(numbers.data()), numbers.size() * sizeof(std::int64_t), nullptr};
}

// The indices of an operation on its way to the device, as rows from 0 on.
class Indices {
 public:
  // Errors: Argument.
  Indices(CudaLane& lane, DType type, const Operand& given, std::int64_t count, std::int64_t rows)
      : lane_(lane), type_(type), rows_(rows), operand_(given) {
    if (given.buffer != nullptr) {
      outside_.emplace(lane, 1);
    } else {
      type_ = DType::Int64;
      checked_ = wrapped_indices(type, given.data, count, rows);
      operand_ = operand_of(checked_);
    }
  }
  Indices(const Indices&) = delete;
  Indices& operator=(const Indices&) = delete;

  // For run_batch(): the indices, and the bytes of one.
  [[nodiscard]] const Operand& operand() const noexcept { return operand_; }
  [[nodiscard]] std::size_t bytes() const { return size_of_elements(type_, 1); }

  // `count` of them that run_batch() has brought to the device. `wrapped` is memory for them where they need some.
  const std::int64_t* rows(const void* brought, std::int64_t count, Temporary& wrapped) {
    if (!outside_.has_value()) return static_cast<const std::int64_t*>(brought);
    wrapped = lane_.temporary(size_of_elements(DType::Int64, count));
    wrap_indices(lane_.stream(), type_, brought, count, rows_, wrapped.as<std::int64_t>(), outside_->at(0));
    return wrapped.as<std::int64_t>();
  }

  // After all of them were used.
  void check() {
    if (!outside_.has_value()) return;
    outside_->check([rows = rows_](std::span<const int> found) {
      if (found[0] != 0) throw index_error("an index", rows);
    });
  }

 private:
  CudaLane& lane_;
  DType type_;
  std::int64_t rows_;
  Operand operand_;
  std::vector<std::int64_t> checked_;
  std::optional<StatusWords> outside_;  // of those that are on the device
};

}  // namespace

void gather(CudaLane& lane, const GatherArgs& args) {
  if (args.count == 0) return;
  Indices indices(lane, args.index_type, args.indices, args.count, args.rows);
  const std::array inputs{BatchOperand{&args.a, 0}, BatchOperand{&indices.operand(), indices.bytes()}};
  const std::array outputs{BatchOperand{&args.result, args.row_bytes}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    Temporary wrapped;
    const std::int64_t* rows = indices.rows(chunk.inputs[1], chunk.count, wrapped);
    gather_rows(lane.stream(), chunk.inputs[0], args.rows, rows, chunk.count, args.row_bytes, chunk.outputs[0]);
  });
  indices.check();
}

void scatter(CudaLane& lane, const ScatterArgs& args) {
  Indices indices(lane, args.index_type, args.indices, args.count, args.rows);
  const std::size_t bytes = static_cast<std::size_t>(args.rows) * args.row_bytes;
  const std::array inputs{BatchOperand{&args.a, 0}, BatchOperand{&indices.operand(), 0},
                          BatchOperand{&args.updates, 0}};
  const std::array outputs{BatchOperand{&args.result, 0}};
  run_batch(lane, 1, inputs, outputs, [&](const Chunk& chunk) {
    if (bytes != 0) {
      check(cudaMemcpyAsync(chunk.outputs[0], chunk.inputs[0], bytes, cudaMemcpyDeviceToDevice, lane.stream()),
            "cudaMemcpyAsync");
    }
    if (args.count == 0) return;
    Temporary wrapped;
    const std::int64_t* rows = indices.rows(chunk.inputs[1], args.count, wrapped);
    const Temporary workspace = lane.temporary(scatter_workspace(args.rows));
    scatter_rows(lane.stream(), chunk.inputs[2], rows, args.count, args.rows, args.row_bytes, chunk.outputs[0],
                 workspace.as());
  });
  indices.check();
}

void pad(CudaLane& lane, const PadArgs& args) {
  std::vector<std::int64_t> checked = checked_offsets(args.offsets.data, args.count, args.elements);
  const Operand offsets = operand_of(checked);
  const std::array inputs{BatchOperand{&args.a, 0}, BatchOperand{&offsets, 0}};
  const std::array outputs{BatchOperand{&args.result, args.element_bytes * static_cast<std::size_t>(args.length)}};
  run_batch(lane, args.count, inputs, outputs, [&](const Chunk& chunk) {
    pad_rows(lane.stream(), chunk.inputs[0], static_cast<const std::int64_t*>(chunk.inputs[1]) + chunk.first,
             chunk.count, args.length, args.element_bytes, args.value.data(), chunk.outputs[0]);
  });
}

}  // namespace tensorlane::cuda
