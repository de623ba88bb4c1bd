#include "cuda/runtime/batch.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/lanes/stop.h"
#include "cuda/cuda_device.h"
#include "cuda/memory/staging.h"
#include "cuda/runtime/context.h"
#include "cuda/runtime/errors.h"

namespace tensorlane::cuda {
namespace {

// An operand, and where the device finds it.
struct Side {
  const Operand* operand;
  std::size_t item_bytes;
  std::byte* fixed = nullptr;     // of a buffer, or of an operand that serves every item
  std::array<Temporary, 2> sets;  // of one that comes and goes in chunks

  [[nodiscard]] bool is_host() const { return operand->bytes != 0 && operand->buffer == nullptr; }
  [[nodiscard]] bool is_chunked() const { return is_host() && item_bytes != 0; }
};

std::vector<Side> sides_of(std::span<const BatchOperand> operands) {
  std::vector<Side> sides;
  sides.reserve(operands.size());
  for (const BatchOperand& given : operands) sides.push_back({given.operand, given.item_bytes, nullptr, {}});
  return sides;
}

std::size_t bytes_of(const std::vector<Side>& sides, std::size_t batch) {
  std::size_t bytes = 0;
  for (const Side& side : sides) {
    if (side.is_host()) bytes += side.item_bytes == 0 ? side.operand->bytes : side.item_bytes * batch;
  }
  return bytes;
}

std::size_t item_bytes_of(const std::vector<Side>& sides) {
  std::size_t bytes = 0;
  for (const Side& side : sides) bytes += side.is_chunked() ? side.item_bytes : 0;
  return bytes;
}

class Batch {
 public:
  Batch(CudaLane& lane, std::size_t batch, std::span<const BatchOperand> inputs, std::span<const BatchOperand> outputs,
        const BatchSizes& sizes)
      : lane_(lane), batch_(batch), inputs_(sides_of(inputs)), outputs_(sides_of(outputs)) {
    const std::size_t item = item_bytes_of(inputs_) + item_bytes_of(outputs_);
    chunk_ = batch;
    // Written so that no product of sizes is needed that could overflow.
    if (item > 0 && batch / 2 >= std::max<std::size_t>(1, sizes.chunk_bytes / item)) {
      chunk_ = std::max<std::size_t>(1, sizes.chunk_bytes / item);
    }
    several_ = chunk_ < batch;
    const StagingSizes staging{sizes.piece_bytes, sizes.staged_bytes};
    in_ = several_ ? lane.copy_in() : lane.stream();
    out_ = several_ ? lane.copy_out() : lane.stream();
    upload_.emplace(lane, in_, bytes_of(inputs_, batch), staging);
    download_.emplace(lane, out_, bytes_of(outputs_, batch), staging);
    place(inputs_, false);
    place(outputs_, true);
    take_sets();
  }

  // Before the memory that the copies use is freed.
  ~Batch() {
    if (several_) lane_.join_copies();
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void run(const std::function<void(const Chunk&)>& body) {
    // The copies must not begin before the memory is there.
    if (several_) lane_.context().events().record(lane_.stream())->let_wait(in_);
    for (Side& side : inputs_) {
      if (side.is_host() && side.item_bytes == 0) upload_->copy(side.fixed, side.operand->data, side.operand->bytes);
    }
    const std::size_t chunks = (batch_ + chunk_ - 1) / chunk_;
    bring(0);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      Stop::look();
      compute(chunk, body);
      if (chunk + 1 < chunks) bring(chunk + 1);
      fetch(chunk);
    }
    download_->finish();
  }

 private:
  void place(std::vector<Side>& sides, bool writes) {
    for (Side& side : sides) {
      if (side.operand->bytes == 0) continue;
      if (side.operand->buffer != nullptr) {
        side.fixed = static_cast<std::byte*>(writes ? lane_.writes(*side.operand) : lane_.reads(*side.operand));
      } else if (side.item_bytes == 0) {
        whole_.push_back(lane_.temporary(side.operand->bytes));
        side.fixed = whole_.back().as<std::byte>();
      }
    }
  }

  // Two sets, so that copies and computation overlap; one for huge items of which two do not fit.
  void take_sets() {
    sets_ = several_ ? 2 : 1;
    try {
      for (std::size_t set = 0; set < sets_; ++set) {
        take_set(inputs_, set);
        take_set(outputs_, set);
      }
    } catch (const Error& error) {
      const bool first_failed = std::ranges::any_of(inputs_, [](const Side& side) { return lacks(side, 0); }) ||
                                std::ranges::any_of(outputs_, [](const Side& side) { return lacks(side, 0); });
      if (error.code() != Code::OutOfMemory || first_failed) throw;
      for (Side& side : inputs_) side.sets[1] = {};
      for (Side& side : outputs_) side.sets[1] = {};
      sets_ = 1;
    }
  }

  static bool lacks(const Side& side, std::size_t set) { return side.is_chunked() && side.sets.at(set).bytes() == 0; }

  void take_set(std::vector<Side>& sides, std::size_t set) {
    for (Side& side : sides) {
      if (side.is_chunked()) side.sets.at(set) = lane_.temporary(side.item_bytes * chunk_);
    }
  }

  [[nodiscard]] std::size_t first_of(std::size_t chunk) const { return chunk * chunk_; }
  [[nodiscard]] std::size_t count_of(std::size_t chunk) const { return std::min(chunk_, batch_ - first_of(chunk)); }

  void bring(std::size_t chunk) {
    const std::size_t set = chunk % sets_;
    if (computed_.at(set) != nullptr) computed_.at(set)->let_wait(in_);
    for (Side& side : inputs_) {
      if (!side.is_chunked()) continue;
      upload_->copy(side.sets.at(set).as(), side.operand->data + first_of(chunk) * side.item_bytes,
                    count_of(chunk) * side.item_bytes);
    }
    if (several_) arrived_.at(set) = lane_.context().events().record(in_);
  }

  void compute(std::size_t chunk, const std::function<void(const Chunk&)>& body) {
    const std::size_t set = chunk % sets_;
    if (arrived_.at(set) != nullptr) arrived_.at(set)->let_wait(lane_.stream());
    if (fetched_.at(set) != nullptr) fetched_.at(set)->let_wait(lane_.stream());
    const std::vector<void*> inputs = addresses(inputs_, chunk);
    const std::vector<void*> outputs = addresses(outputs_, chunk);
    body({static_cast<std::int64_t>(first_of(chunk)), static_cast<std::int64_t>(count_of(chunk)), inputs, outputs});
    if (several_) computed_.at(set) = lane_.context().events().record(lane_.stream());
  }

  void fetch(std::size_t chunk) {
    const std::size_t set = chunk % sets_;
    if (computed_.at(set) != nullptr) computed_.at(set)->let_wait(out_);
    for (Side& side : outputs_) {
      if (!side.is_host()) continue;
      const bool whole = side.item_bytes == 0;
      if (whole && first_of(chunk) + count_of(chunk) < batch_) continue;
      if (whole) {
        download_->copy(side.operand->data, side.fixed, side.operand->bytes);
      } else {
        download_->copy(side.operand->data + first_of(chunk) * side.item_bytes, side.sets.at(set).as(),
                        count_of(chunk) * side.item_bytes);
      }
    }
    if (several_) fetched_.at(set) = lane_.context().events().record(out_);
  }

  [[nodiscard]] std::vector<void*> addresses(const std::vector<Side>& sides, std::size_t chunk) const {
    std::vector<void*> addresses;
    addresses.reserve(sides.size());
    for (const Side& side : sides) {
      void* address = side.fixed == nullptr ? nullptr : side.fixed + first_of(chunk) * side.item_bytes;
      addresses.push_back(side.is_chunked() ? side.sets.at(chunk % sets_).as() : address);
    }
    return addresses;
  }

  CudaLane& lane_;
  std::size_t batch_;
  std::size_t chunk_ = 0;  // items in one, the last one excepted
  bool several_ = false;
  std::size_t sets_ = 1;
  std::vector<Side> inputs_, outputs_;
  std::vector<Temporary> whole_;
  cudaStream_t in_ = nullptr;
  cudaStream_t out_ = nullptr;
  std::optional<Uploader> upload_;
  std::optional<Downloader> download_;
  // Of each set: when its inputs were there, its operation was done, its outputs were fetched. Null: no need to wait.
  std::array<EventRef, 2> arrived_, computed_, fetched_;
};

}  // namespace

void run_batch(CudaLane& lane, std::int64_t batch, std::span<const BatchOperand> inputs,
               std::span<const BatchOperand> outputs, const std::function<void(const Chunk&)>& body,
               const BatchSizes& sizes) {
  if (batch <= 0) return;
  Batch work(lane, static_cast<std::size_t>(batch), inputs, outputs, sizes);
  work.run(body);
}

void run_batch(CudaLane& lane, std::int64_t batch, std::span<const BatchOperand> inputs,
               std::span<const BatchOperand> outputs, const std::function<void(const Chunk&)>& body) {
  run_batch(lane, batch, inputs, outputs, body, lane.device().options().batches);
}

}  // namespace tensorlane::cuda
