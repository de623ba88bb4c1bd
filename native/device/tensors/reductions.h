// What the elements along an axis come to.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/reduction.h"
#include "device/request.h"

namespace tensorlane {

// The operand of an operation along one axis, row-major: outer x length x inner, of which the axis is the middle one.
struct AxisDims {
  std::int64_t outer = 0, length = 0, inner = 0;

  // And the operand `a` with them.
  void read(Request& request, DType type, Operand& a) {
    outer = request.size("outer");
    length = request.size("length");
    inner = request.size("inner");
    request.operand(a, "a", checked_bytes(type, {outer, length, inner}));
  }
};

// outer x inner results of the operand's type, float32 or float64. Of nothing the sum and the norm are 0, the mean NaN,
// the maximum -infinity and the minimum infinity; a NaN gives NaN. float32 is summed in float64.
struct ReduceArgs {
  DType type{};
  Reduction reduction{};
  AxisDims dims;
  Operand a, result;

  void read(Request& request) {
    type = request.float_type();
    reduction = request.choice<Reduction>("reduction");
    dims.read(request, type, a);
    request.result(result, checked_bytes(type, {dims.outer, dims.inner}));
  }
};

// outer x inner indices (int64): of the largest element along the axis, of the first one where several are; a NaN
// counts as the largest. -1 of nothing.
struct ArgmaxArgs {
  DType type{};
  AxisDims dims;
  Operand a, result;

  void read(Request& request) {
    type = request.float_type();
    dims.read(request, type, a);
    request.result(result, checked_bytes(DType::Int64, {dims.outer, dims.inner}));
  }
};

// The k <= columns largest elements of each row, largest first, the one with the lower index first where they are
// equal, and their indices (int64). A NaN counts as the largest.
struct TopKArgs {
  static constexpr std::int64_t kMost = 1024;  // k
  DType type{};
  std::int64_t rows = 0, columns = 0, k = 0;
  Operand a, values, indices;

  void read(Request& request) {
    type = request.float_type();
    rows = request.size("rows");
    columns = request.size("columns");
    k = request.size("k");
    if (k > columns) throw Error(Code::Argument, "topK: k is larger than a row");
    if (k > kMost) {
      throw Error(Code::Argument, "topK: k must be at most " + std::to_string(kMost) + ", got " + std::to_string(k) +
                                      "; use a smaller one");
    }
    request.operand(a, "a", checked_bytes(type, {rows, columns}));
    request.result(values, checked_bytes(type, {rows, k}));
    request.result(indices, checked_bytes(DType::Int64, {rows, k}));
  }
};

#define TENSORLANE_REDUCTIONS(ROW)        \
  ROW(reduce, ReduceArgs, "reduce", true) \
  ROW(argmax, ArgmaxArgs, "argmax", true) \
  ROW(top_k, TopKArgs, "topK", true)

}  // namespace tensorlane
