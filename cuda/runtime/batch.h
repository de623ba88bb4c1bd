// Runs an operation over a batch whose operands may lie in host memory.
//
// Operands in device memory are used where they are. Host operands go through pinned blocks. A small batch goes as one
// piece and the lane does not wait for it. A large one is cut into chunks with two sets of device and pinned memory, so
// that while one chunk computes, the next is copied in and the one before copied out (three streams, ordered by
// events); then the lane's thread, with helpers, copies between the caller's memory and the pinned blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "cuda/runtime/batch_sizes.h"
#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

struct BatchOperand {
  const Operand* operand;
  std::size_t item_bytes;  // of one item of the batch. 0: the whole operand serves every item
};

// What the body gets: `count` items from `first` on, and the address of each operand's part on the device.
struct Chunk {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::span<void* const> inputs;
  std::span<void* const> outputs;
};

// `body` puts the operation on lane.stream(). Operands without bytes have null addresses. Inputs must not be written
// to, whether they are copies or not. Errors: OutOfMemory, DeviceLost, Aborted between two chunks, and what `body` throws.
void run_batch(CudaLane& lane, std::int64_t batch, std::span<const BatchOperand> inputs,
               std::span<const BatchOperand> outputs, const std::function<void(const Chunk&)>& body,
               const BatchSizes& sizes);
// Cut as the lane's device has it.
void run_batch(CudaLane& lane, std::int64_t batch, std::span<const BatchOperand> inputs,
               std::span<const BatchOperand> outputs, const std::function<void(const Chunk&)>& body);

}  // namespace tensorlane::cuda
