// Status words of a batched operation, one for each matrix: written by the device, looked at when it is done.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/error.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

class StatusWords {
 public:
  // All zero, for `batch` matrices. Errors: OutOfMemory.
  StatusWords(CudaLane& lane, std::int64_t batch);

  // On the device, from the word of the matrix `first` on.
  [[nodiscard]] int* at(std::int64_t first) const noexcept { return words_.as<int>() + first; }

  // After the operation was put on the stream: fetches the words, and when the device is done gives them to `look`,
  // which throws what they mean. Words are looked at in the order in which this was called.
  void check(std::function<void(std::span<const int>)> look);
  // The usual look: the matrices whose word is not 0 are those that failed.
  void check(Code code, const char* what);

 private:
  CudaLane& lane_;
  std::int64_t batch_;
  Temporary words_;
};

}  // namespace tensorlane::cuda
