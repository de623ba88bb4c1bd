// Products of matrices.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "device/algebra/batch.h"

namespace tensorlane {

// float32, float64, complex numbers of these, or integers of 8 to 64 bits and bools. Errors: DType.
inline DType product_type(const Request& request) {
  switch (const DType type = request.type()) {
    case DType::Int8:
    case DType::Int16:
    case DType::Int32:
    case DType::Int64:
    case DType::UInt8:
    case DType::UInt16:
    case DType::UInt32:
    case DType::UInt64:
    case DType::Bool:
      return type;
    default:
      return request.number_type();
  }
}

// For each index of `batch_dims`: c (m x n) = a (m x k) times b (k x n). A stride counts matrices, and 0 broadcasts.
// Signed integers wrap; of bools a sum is whether one of them is true. An operand that is `transposed` lies there as the
// transposes of its matrices: a as k x m each, b as n x k.
struct MatmulArgs {
  DType type{};
  std::int64_t m = 0, k = 0, n = 0;
  std::vector<std::int64_t> batch_dims, a_strides, b_strides;
  bool tf32 = false;  // float32 products may be rounded to 10 bits of mantissa where the device is faster so
  Operand a, b, c;
  bool a_transposed = false, b_transposed = false;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(std::min({m, k, n})); }

  void read(Request& request) {
    type = product_type(request);
    m = request.size("m");
    k = request.size("k");
    n = request.size("n");
    tf32 = request.flag("tf32");
    a_transposed = request.flag("aTransposed");
    b_transposed = request.flag("bTransposed");
    read_pair(request, *this, {m, k}, {k, n}, c, {m, n});
  }
};

#define TENSORLANE_PRODUCTS(ROW) ROW(matmul, MatmulArgs, "matmul", true)

}  // namespace tensorlane
