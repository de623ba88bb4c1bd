// What is done to each element of a tensor, whatever its shape.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "device/request.h"

namespace tensorlane {

// The elements as another type, as numpy's astype and ONNX's Cast do it: to a smaller float rounded to the nearest,
// ties to even; float to integer truncated, and saturated where it does not fit (NaN becomes 0); integers wrap; to bool
// whether it is not zero. All types but strings, the 8-bit floats and the 4-bit integers.
struct CastArgs {
  DType from_type{}, to_type{};
  std::int64_t count = 0;
  Operand a, result;

  void read(Request& request) {
    from_type = request.type();
    to_type = request.type("to");
    count = request.size("count");
    request.operand(a, "a", checked_bytes(from_type, {count}));
    request.result(result, checked_bytes(to_type, {count}));
  }
};

// The axes in another order: that of the result's axis i is axes[i] of the operand, whose dims these are.
struct TransposeArgs {
  std::size_t element_bytes = 0;  // 1, 2, 4, 8 or 16
  std::vector<std::int64_t> dims, axes;
  Operand a, result;

  void read(Request& request) {
    const DType type = request.type();
    element_bytes = byte_size(type, 1);
    dims = request.sizes("dims");
    axes = request.sizes("axes");
    std::vector<std::int64_t> sorted = axes;
    std::ranges::sort(sorted);
    std::int64_t count = 1;
    bool is_permutation = sorted.size() == dims.size();
    for (std::size_t i = 0; i < dims.size(); ++i) {
      count = checked_product({count, dims[i]});
      is_permutation = is_permutation && sorted[i] == static_cast<std::int64_t>(i);
    }
    if (!is_permutation) throw Error(Code::Argument, "transpose: every axis must be named once");
    const std::size_t bytes = checked_bytes(type, {count});
    request.operand(a, "a", bytes);
    request.result(result, bytes);
  }
};

// One bool for each of `items` runs of `elements` float32 or float64: whether one of them is a NaN or an infinity.
struct HasNonFiniteArgs {
  DType type{};
  std::int64_t items = 0, elements = 0;
  Operand a, result;

  void read(Request& request) {
    type = request.float_type();
    items = request.size("items");
    elements = request.size("elements");
    request.operand(a, "a", checked_bytes(type, {items, elements}));
    request.result(result, checked_bytes(DType::Bool, {items}));
  }
};

#define TENSORLANE_ELEMENTS(ROW)                   \
  ROW(cast, CastArgs, "cast", true)                \
  ROW(transpose, TransposeArgs, "transpose", true) \
  ROW(has_non_finite, HasNonFiniteArgs, "hasNonFinite", true)

}  // namespace tensorlane
