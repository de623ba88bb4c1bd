// Element by element, in runs along the innermost axis, in which an operand advances by one element or stays: the
// compiler makes vectors of each of these loops.
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "core/arithmetic.h"
#include "core/error.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/ops/vector_math.h"

namespace tensorlane::cpu {
namespace {

// Which operations there are of complex numbers: they have no order.
template <typename Operation>
inline constexpr bool kOrders =
    std::is_same_v<Operation, arithmetic::Less> || std::is_same_v<Operation, arithmetic::LessEqual>;

template <typename Operation>
void with_number(DType type, Operation operation) {
  switch (type) {
    case DType::Float32:
      return operation(float{});
    case DType::Float64:
      return operation(double{});
    case DType::Int32:
      return operation(std::int32_t{});
    case DType::Int64:
      return operation(std::int64_t{});
    default:
      throw Error(Code::Internal, "elements of type " + std::string(dtype_name(type)) + " have no arithmetic");
  }
}

// Calls visit(place, places, axis) for each run: where in the result and in the operands it begins, and its axis.
template <std::size_t kOperands, typename Visit>
void for_each_run(const BroadcastWalk<kOperands>& walk, Visit visit) {
  if (walk.total == 0) return;
  const auto& inner = walk.axes.back();
  const std::size_t outer = walk.axes.size() - 1;
  std::array<std::int64_t, BroadcastWalk<kOperands>::kMostAxes> at{};
  std::array<std::int64_t, kOperands> places{};
  for (std::int64_t place = 0; place < walk.total; place += inner.size) {
    visit(place, places, inner);
    for (std::size_t axis = outer; axis-- > 0;) {
      const auto& one = walk.axes[axis];
      ++at[axis];
      for (std::size_t o = 0; o < kOperands; ++o) places[o] += one.strides[o];
      if (at[axis] < one.size) break;
      for (std::size_t o = 0; o < kOperands; ++o) places[o] -= one.strides[o] * one.size;
      at[axis] = 0;
    }
  }
}

template <typename T, typename R, typename Operation>
void run(const T* a, bool a_moves, const T* b, bool b_moves, R* to, std::int64_t count, Operation operation) {
  if (a_moves && b_moves) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = operation(a[i], b[i]);
  } else if (a_moves) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = operation(a[i], *b);
  } else if (b_moves) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = operation(*a, b[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i) to[i] = operation(*a, *b);
  }
}

template <typename T, typename Operation>
void binary_of(const BinaryArgs& args, Operation operation, bool swapped) {
  using R = std::conditional_t<std::is_same_v<decltype(operation(T{}, T{})), bool>, std::uint8_t, T>;
  const T* a = elements<const T>(args.a);
  const T* b = elements<const T>(args.b);
  R* to = elements<R>(args.result);
  const auto result = [operation](T x, T y) { return static_cast<R>(operation(x, y)); };
  for_each_run(args.walk, [&](std::int64_t place, const auto& places, const auto& axis) {
    const T* x = a + places[0];
    const T* y = b + places[1];
    const bool x_moves = axis.strides[0] != 0;
    const bool y_moves = axis.strides[1] != 0;
    if (swapped) {
      run(y, y_moves, x, x_moves, to + place, axis.size, result);
    } else {
      run(x, x_moves, y, y_moves, to + place, axis.size, result);
    }
  });
}

template <typename T, typename R = T, typename Function>
void map(const UnaryArgs& args, Function function) {
  const T* from = elements<const T>(args.a);
  R* to = elements<R>(args.result);
  for (std::int64_t i = 0; i < args.count; ++i) to[i] = function(from[i]);
}

void complex_unary(const UnaryArgs& args) {
  with_field(args.type, [&](auto zero) {
    using T = decltype(zero);
    switch (args.op) {
      case UnaryOp::Exp:
        return map<T>(args, [](const T& value) { return std::exp(value); });
      case UnaryOp::Log:
        return map<T>(args, [](const T& value) { return std::log(value); });
      case UnaryOp::Sqrt:
        return map<T>(args, [](const T& value) { return std::sqrt(value); });
      case UnaryOp::Abs:
        return map<T, Real<T>>(args, [](const T& value) { return std::abs(value); });
    }
  });
}

template <typename T>
void where_of(const WhereArgs& args) {
  const auto* condition = elements<const std::uint8_t>(args.condition);
  const T* a = elements<const T>(args.a);
  const T* b = elements<const T>(args.b);
  T* to = elements<T>(args.result);
  for_each_run(args.walk, [&](std::int64_t place, const auto& places, const auto& axis) {
    const std::uint8_t* holds = condition + places[0];
    const T* x = a + places[1];
    const T* y = b + places[2];
    T* chosen = to + place;
    if (axis.strides[0] != 0 && axis.strides[1] != 0 && axis.strides[2] != 0) {
      for (std::int64_t i = 0; i < axis.size; ++i) {
        const T one = x[i];
        const T other = y[i];
        chosen[i] = holds[i] != 0 ? one : other;
      }
      return;
    }
    for (std::int64_t i = 0; i < axis.size; ++i) {
      chosen[i] = holds[i * axis.strides[0]] != 0 ? x[i * axis.strides[1]] : y[i * axis.strides[2]];
    }
  });
}

}  // namespace

void binary(Lane& /*lane*/, const BinaryArgs& args) {
  if (is_complex(args.type)) {
    with_field(args.type, [&](auto zero) {
      using T = decltype(zero);
      arithmetic::with_operation(args.op, [&](auto operation, bool swapped) {
        if constexpr (kIsComplex<T> && !kOrders<decltype(operation)>) binary_of<T>(args, operation, swapped);
      });
    });
    return;
  }
  with_number(args.type, [&](auto zero) {
    using T = decltype(zero);
    arithmetic::with_operation(args.op, [&](auto operation, bool swapped) {
      // The quotient of integers is refused before.
      if constexpr (std::is_floating_point_v<T> || !std::is_same_v<decltype(operation), arithmetic::Div>) {
        binary_of<T>(args, operation, swapped);
      }
    });
  });
}

void unary(Lane& /*lane*/, const UnaryArgs& args) {
  if (is_complex(args.type)) return complex_unary(args);
  if (args.op == UnaryOp::Abs) {
    with_number(args.type, [&](auto zero) {
      using T = decltype(zero);
      map<T>(args, [](T value) {
        if constexpr (std::is_floating_point_v<T>) {
          return std::abs(value);
        } else {
          return value < 0 ? arithmetic::Sub{}(T{0}, value) : value;
        }
      });
    });
    return;
  }
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    switch (args.op) {
      case UnaryOp::Exp:
        return vector_math().exp(elements<const T>(args.a), elements<T>(args.result), args.count);
      case UnaryOp::Log:
        return vector_math().log(elements<const T>(args.a), elements<T>(args.result), args.count);
      case UnaryOp::Sqrt:
        return map<T>(args, [](T value) { return std::sqrt(value); });
      case UnaryOp::Abs:
        return;
    }
  });
}

void clip(Lane& /*lane*/, const ClipArgs& args) {
  with_number(args.type, [&](auto zero) {
    using T = decltype(zero);
    const T low = ClipArgs::bound<T>(args.low);
    const T high = ClipArgs::bound<T>(args.high);
    const T* from = elements<const T>(args.a);
    T* to = elements<T>(args.result);
    for (std::int64_t i = 0; i < args.count; ++i) to[i] = arithmetic::clip(from[i], low, high);
  });
}

void where(Lane& /*lane*/, const WhereArgs& args) {
  switch (args.element_bytes) {
    case 1:
      return where_of<std::uint8_t>(args);
    case 2:
      return where_of<std::uint16_t>(args);
    case 4:
      return where_of<std::uint32_t>(args);
    case 8:
      return where_of<std::uint64_t>(args);
    case 16:
      return where_of<std::array<std::uint64_t, 2>>(args);
    default:
      throw Error(Code::Internal, "where: elements of " + std::to_string(args.element_bytes) + " bytes");
  }
}

}  // namespace tensorlane::cpu
