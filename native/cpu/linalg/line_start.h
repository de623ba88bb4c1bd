// Where LAPACK leaves a result: memory that begins a cache line.
//
// The last bits of what it computes depend on where in a line its memory begins, wherever BLAS's kernels go up to the next line by
// other steps than from there on (OpenBLAS's for processors without AVX, in syevd, gesdd and potrf). They must not depend on a
// matrix' place in a batch. So one whose own memory begins no line is computed in the lane's, and copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/memory/workspace.h"
#include "cpu/linalg/operation.h"

namespace tensorlane::cpu {

// The matrices (or rows) of one result.
template <typename T>
class LineStart {
 public:
  LineStart(const Operand& result, std::int64_t count, std::int64_t batch)
      : result_(elements<T>(result)),
        count_(count),
        all_begin_(begins(result_) && (batch < 2 || begins(result_ + count))) {}

  // How many elements of the lane's it takes, and what is to be set to where they are (by std::tie, of take_arrays).
  [[nodiscard]] std::int64_t spare_count() const { return all_begin_ ? 0 : count_; }
  [[nodiscard]] T*& spare() { return spare_; }

  [[nodiscard]] T* operator[](std::int64_t i) const {
    T* own = result_ + i * count_;
    return begins(own) ? own : spare_;
  }
  // The one at operator[] is as the result wants it.
  void keep(std::int64_t i) const {
    T* own = result_ + i * count_;
    if (!begins(own)) std::copy_n(spare_, count_, own);
  }

 private:
  static bool begins(const T* memory) { return reinterpret_cast<std::uintptr_t>(memory) % Workspace::kAlignment == 0; }

  T* result_;
  std::int64_t count_;
  bool all_begin_;
  T* spare_ = nullptr;
};

}  // namespace tensorlane::cpu
