// What the operations share: a type at compile time from one at run time, sizes as the libraries want them, and the
// workspace of cuSOLVER's 64-bit routines.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "cuda/libraries/libraries.h"
#include "cuda/runtime/errors.h"
#include "cuda/runtime/lane.h"
#include "cuda/runtime/status_words.h"

namespace tensorlane::cuda {

inline std::size_t size_of(DType type) { return byte_size(type, 1); }
inline cudaDataType data_type(DType type) { return type == DType::Float32 ? CUDA_R_32F : CUDA_R_64F; }

inline std::size_t bytes_of(DType type, std::int64_t elements) {
  return byte_size(type, static_cast<std::size_t>(elements));
}

// The address of an element; null stays null.
inline void* at(DType type, void* base, std::int64_t element) {
  return base == nullptr ? nullptr : static_cast<std::byte*>(base) + bytes_of(type, element);
}
inline const void* at(DType type, const void* base, std::int64_t element) {
  return base == nullptr ? nullptr : static_cast<const std::byte*>(base) + bytes_of(type, element);
}

// Calls function(float{}) or function(double{}).
template <typename Function>
void with_type(DType type, Function function) {
  if (type == DType::Float32) {
    function(float{});
  } else {
    function(double{});
  }
}

// That of two routines which is for T.
template <typename T, typename Single, typename Double>
constexpr auto pick(Single for_float, Double for_double) {
  if constexpr (std::is_same_v<T, float>) {
    return for_float;
  } else {
    return for_double;
  }
}

// For the routines whose sizes are 32 bits. Errors: Shape.
inline int to_int(std::int64_t size, const char* operation) {
  if (size >= 0 && size <= std::numeric_limits<int>::max()) return static_cast<int>(size);
  throw Error(Code::Shape, std::string(operation) + ": a size of " + std::to_string(size) +
                               " is more than the GPU's library can index (2^31 - 1); split the matrix");
}

// A batch is handed to the libraries' batched routines in parts of this many: a launch's grid ends there along its
// second and third dimensions.
inline constexpr std::int64_t kMostAtOnce = 65535;

template <typename Visit>
void in_parts(std::int64_t count, std::int64_t most, Visit visit) {
  for (std::int64_t first = 0; first < count; first += most) visit(first, std::min(most, count - first));
}

// Memory on both sides for a routine of the X interface. It may serve one call after the other.
class SolverWorkspace {
 public:
  // `query` is the routine's _bufferSize, given where the two sizes go.
  template <typename Query>
  SolverWorkspace(CudaLane& lane, const char* what, Query query) {
    std::size_t device_bytes = 0;
    std::size_t host_bytes = 0;
    check(query(&device_bytes, &host_bytes), what);
    device_ = lane.temporary(device_bytes);
    host_ = std::make_shared<std::vector<std::byte>>(host_bytes);
    lane.keep(host_);
  }

  [[nodiscard]] void* device() const noexcept { return device_.as(); }
  [[nodiscard]] std::size_t device_bytes() const noexcept { return device_.bytes(); }
  [[nodiscard]] void* host() const noexcept { return host_->empty() ? nullptr : host_->data(); }
  [[nodiscard]] std::size_t host_bytes() const noexcept { return host_->size(); }

 private:
  Temporary device_;
  std::shared_ptr<std::vector<std::byte>> host_;
};

// Looks for results that are beyond what the type holds: where the input is finite, no infinity and no NaN comes out
// unsaid.
inline void check_beyond(StatusWords& words, DType type, const char* what) {
  words.check([what, type](std::span<const int> flags) {
    std::vector<std::int64_t> failed;
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if (flags[i] != 0) failed.push_back(static_cast<std::int64_t>(i));
    }
    throw_beyond(failed, static_cast<std::int64_t>(flags.size()), type, what);
  });
}

// Fetches the routine's info words: positive ones are the matrices that failed with `code`, negative ones mistakes of
// ours.
inline void check_info(StatusWords& words, Code code, const char* what) {
  words.check([code, what](std::span<const int> info) {
    std::vector<std::int64_t> failed;
    for (std::size_t i = 0; i < info.size(); ++i) {
      if (info[i] < 0) {
        throw Error(Code::Internal, std::string(what) + ": the library rejected argument " + std::to_string(-info[i]));
      }
      if (info[i] > 0) failed.push_back(static_cast<std::int64_t>(i));
    }
    throw_for(failed, static_cast<std::int64_t>(info.size()), code, what);
  });
}

}  // namespace tensorlane::cuda
