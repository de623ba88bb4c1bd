// Element by element: of one operand, or of several that broadcast against each other as numpy's do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/arithmetic.h"
#include "device/tensors/broadcast_walk.h"
#include "device/tensors/reductions.h"

namespace tensorlane {

// float32, float64, int32 or int64. Errors: DType.
inline DType number_type(const Request& request) {
  const DType type = request.type();
  if (type == DType::Float32 || type == DType::Float64 || type == DType::Int32 || type == DType::Int64) return type;
  throw Error(Code::DType, "expected float32, float64, int32 or int64, not " + std::string(dtype_name(type)));
}

// The same, and complex64 and complex128. Errors: DType.
inline DType arithmetic_type(const Request& request) {
  const DType type = request.type();
  return is_complex(type) ? type : number_type(request);
}

// Both operands of one type; comparisons give bools. Errors: DType for the quotient of integers, and for the order of complex numbers,
// which have none.
struct BinaryArgs {
  DType type{};
  BinaryOp op{};
  BroadcastWalk<2> walk;
  Operand a, b, result;

  [[nodiscard]] DType result_type() const { return compares(op) ? DType::Bool : type; }

  void read(Request& request) {
    op = request.choice<BinaryOp>("op");
    type = op == BinaryOp::Div ? request.number_type() : arithmetic_type(request);
    if (orders(op) && is_complex(type)) throw Error(Code::DType, "complex numbers have no order");
    walk.read(request, {"aStrides", "bStrides"});
    request.operand(a, "a", checked_bytes(type, {walk.counts[0]}));
    request.operand(b, "b", checked_bytes(type, {walk.counts[1]}));
    request.result(result, checked_bytes(result_type(), {walk.total}));
  }
};

// The absolute values of complex numbers are real. Errors: DType for other functions of integers than the absolute value.
struct UnaryArgs {
  DType type{};
  UnaryOp op{};
  std::int64_t count = 0;
  Operand a, result;

  [[nodiscard]] DType result_type() const { return op == UnaryOp::Abs ? real_of(type) : type; }

  void read(Request& request) {
    op = request.choice<UnaryOp>("op");
    type = op == UnaryOp::Abs ? arithmetic_type(request) : request.number_type();
    count = request.size("count");
    request.operand(a, "a", checked_bytes(type, {count}));
    request.result(result, checked_bytes(result_type(), {count}));
  }
};

// Each at least `low`, then at most `high`; a NaN stays. The bounds lie in host memory.
struct ClipArgs {
  DType type{};
  std::int64_t count = 0;
  std::array<std::byte, 8> low{}, high{};
  Operand a, result;

  void read(Request& request) {
    type = number_type(request);
    count = request.size("count");
    const std::size_t one = byte_size(type, 1);
    std::memcpy(low.data(), request.host_operand("low", one).data, one);
    std::memcpy(high.data(), request.host_operand("high", one).data, one);
    const std::size_t bytes = checked_bytes(type, {count});
    request.operand(a, "a", bytes);
    request.result(result, bytes);
  }

  template <typename T>
  [[nodiscard]] static T bound(const std::array<std::byte, 8>& bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
};

// a where the condition, a bool of any byte but 0, holds, else b. Elements of any type that fills whole bytes.
struct WhereArgs {
  std::size_t element_bytes = 0;  // 1, 2, 4, 8 or 16
  BroadcastWalk<3> walk;          // of the condition, a and b
  Operand condition, a, b, result;

  void read(Request& request) {
    const DType type = request.type();
    element_bytes = byte_size(type, 1);
    walk.read(request, {"conditionStrides", "aStrides", "bStrides"});
    request.operand(condition, "condition", checked_bytes(DType::Bool, {walk.counts[0]}));
    request.operand(a, "a", checked_bytes(type, {walk.counts[1]}));
    request.operand(b, "b", checked_bytes(type, {walk.counts[2]}));
    request.result(result, checked_bytes(type, {walk.total}));
  }
};

// exp(x) / sum(exp(x)) along an axis, of float32 or float64, so that no exponential overflows. The sum of float32 is
// formed in float64.
struct SoftmaxArgs {
  DType type{};
  AxisDims dims;
  Operand a, result;

  void read(Request& request) {
    type = request.float_type();
    dims.read(request, type, a);
    request.result(result, checked_bytes(type, {dims.outer, dims.length, dims.inner}));
  }
};

#define TENSORLANE_ELEMENTWISE(ROW)       \
  ROW(binary, BinaryArgs, "binary", true) \
  ROW(unary, UnaryArgs, "unary", true)    \
  ROW(clip, ClipArgs, "clip", true)       \
  ROW(where, WhereArgs, "where", true)    \
  ROW(softmax, SoftmaxArgs, "softmax", true)

}  // namespace tensorlane
