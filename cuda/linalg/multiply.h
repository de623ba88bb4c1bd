// One call of cuBLASLt: products of matrices, a strided batch of them.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

// `count` products c = a b, row-major. A step counts elements from one matrix to the next; 0: the same for all.
struct Product {
  DType type{};
  bool tf32 = false;
  std::int64_t m = 0, k = 0, n = 0, count = 1;
  std::int64_t a_step = 0, b_step = 0;  // c is packed
  const void* a = nullptr;
  const void* b = nullptr;
  void* c = nullptr;
  bool a_transposed = false, b_transposed = false;  // as MatmulArgs has them
};

// Sizes are not 0. Errors: OutOfMemory, NotSupported.
void multiply(CudaLane& lane, const Product& product);

}  // namespace tensorlane::cuda
