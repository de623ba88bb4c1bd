// Copies between the caller's memory and the device through pinned blocks: in pieces, so that a copy of any size pins a
// bounded amount, and without waiting as long as that amount is not used up. Several threads copy a large piece (see
// core/memory/copy_crew.h).
//
// The blocks are the task's: they are given back when the device has done its work.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <deque>
#include <vector>

#include "cuda/runtime/lane.h"
#include "cuda/runtime/stream.h"

namespace tensorlane::cuda {

struct StagingSizes {
  std::size_t piece_bytes = std::size_t{4} << 20U;
  std::size_t staged_bytes = std::size_t{16} << 20U;
};

// To the device. The source is read before copy() returns.
class Uploader {
 public:
  // For `total_bytes` in all.
  Uploader(CudaLane& lane, cudaStream_t stream, std::size_t total_bytes, const StagingSizes& sizes = {})
      : lane_(lane), stream_(stream), sizes_(sizes), reuses_(total_bytes > sizes.staged_bytes) {}

  void copy(void* to, const std::byte* from, std::size_t bytes);

 private:
  struct Block {
    std::byte* data;
    EventRef free;  // when it has been copied
  };
  std::byte* next(std::size_t bytes);

  CudaLane& lane_;
  cudaStream_t stream_;
  StagingSizes sizes_;
  bool reuses_;  // blocks, which are then all of one size; else there are as many as it takes
  std::size_t staged_ = 0;
  std::deque<Block> blocks_;  // the one that is free first at the front
};

// From the device. The target is written by then or, where the blocks suffice, when the task's work is done.
class Downloader {
 public:
  // For `total_bytes` in all.
  Downloader(CudaLane& lane, cudaStream_t stream, std::size_t total_bytes, const StagingSizes& sizes = {})
      : lane_(lane), stream_(stream), sizes_(sizes), reuses_(total_bytes > sizes.staged_bytes) {}

  void copy(std::byte* to, const void* from, std::size_t bytes);
  // After the last copy(): what still lies in pinned blocks is left to the end of the task.
  void finish();

 private:
  struct Piece {
    std::byte* data;
    std::byte* to;
    std::size_t bytes;
    EventRef arrived;
  };
  std::byte* next(std::size_t bytes);

  CudaLane& lane_;
  cudaStream_t stream_;
  StagingSizes sizes_;
  bool reuses_;  // blocks, which are then all of one size; else there are as many as it takes
  std::size_t staged_ = 0;
  std::deque<Piece> pieces_;  // oldest first
};

}  // namespace tensorlane::cuda
