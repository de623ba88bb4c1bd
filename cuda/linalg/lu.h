// LU factors with partial pivoting, of one large matrix or of a batch of small ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

// Of matrices by columns, as the libraries have them.
class LuFactors {
 public:
  // Factorises `count` packed m x n matrices where they are; they must stay there. info[i] > 0: matrix i is exactly
  // singular. None of m, n and count is 0. Errors: OutOfMemory.
  LuFactors(CudaLane& lane, DType type, std::int64_t m, std::int64_t n, std::int64_t count, void* a, int* info);
  // The same of n x n.
  LuFactors(CudaLane& lane, DType type, std::int64_t n, std::int64_t count, void* a, int* info)
      : LuFactors(lane, type, n, n, count, a, info) {}

  // For the square matrices from `first` on: replaces the `columns` right-hand sides of each, n x columns by columns, packed,
  // by the solutions.
  void solve(std::int64_t first, std::int64_t count, std::int64_t columns, void* b) const;

  // All inverses, packed and by columns: what solves A X = 1.
  void invert(void* inverses) const;

  // L and U, where the matrices were.
  [[nodiscard]] const void* factors() const noexcept { return a_; }
  // 1-based, min(m, n) a matrix.
  [[nodiscard]] const void* pivots() const noexcept { return pivots_.as(); }
  [[nodiscard]] std::size_t pivot_bytes() const noexcept { return batched_ ? sizeof(int) : sizeof(std::int64_t); }

 private:
  void factorise_batch(int* info);
  void factorise_each(int* info);

  CudaLane& lane_;
  DType type_;
  std::int64_t m_;
  std::int64_t n_;
  std::int64_t count_;
  void* a_;
  bool batched_;
  Temporary pivots_;
  Temporary pointers_;  // of the matrices, where batched
};

// An array of `count` pointers on the device, `step` elements apart.
[[nodiscard]] Temporary pointers_to(CudaLane& lane, DType type, void* base, std::int64_t step, std::int64_t count);

// Batches of matrices up to this size go to the batched routines, of larger ones one after the other. From PyTorch,
// which draws the line for LU factors there; not measured here.
inline constexpr std::int64_t kLargestBatched = 511;
inline bool goes_batched(std::int64_t n, std::int64_t count) { return count > 1 && n <= kLargestBatched; }

}  // namespace tensorlane::cuda
