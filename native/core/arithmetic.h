// What element by element operations do to one or two elements, for every device. Integers wrap, as numpy's do.
#pragma once

#include <array>
#include <type_traits>

#include "core/words.h"

namespace tensorlane {

enum class BinaryOp { Add, Sub, Mul, Div, Equal, NotEqual, Less, LessEqual, Greater, GreaterOrEqual };
enum class UnaryOp { Exp, Log, Sqrt, Abs };

template <>
struct Words<BinaryOp> {
  static constexpr std::array kTable{
      Word{BinaryOp::Add, "add"},         Word{BinaryOp::Sub, "sub"},
      Word{BinaryOp::Mul, "mul"},         Word{BinaryOp::Div, "div"},
      Word{BinaryOp::Equal, "equal"},     Word{BinaryOp::NotEqual, "notEqual"},
      Word{BinaryOp::Less, "less"},       Word{BinaryOp::LessEqual, "lessEqual"},
      Word{BinaryOp::Greater, "greater"}, Word{BinaryOp::GreaterOrEqual, "greaterOrEqual"},
  };
};

template <>
struct Words<UnaryOp> {
  static constexpr std::array kTable{
      Word{UnaryOp::Exp, "exp"},
      Word{UnaryOp::Log, "log"},
      Word{UnaryOp::Sqrt, "sqrt"},
      Word{UnaryOp::Abs, "abs"},
  };
};

// Those that ask which of two is larger.
constexpr bool orders(BinaryOp op) { return op >= BinaryOp::Less; }

// Those whose results are bools.
constexpr bool compares(BinaryOp op) { return op >= BinaryOp::Equal; }

namespace arithmetic {

// Signed integers that wrap are computed as unsigned ones.
template <typename T>
using Wrapping = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, std::type_identity<T>>::type;

struct Add {
  template <typename T>
  constexpr T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) + static_cast<Wrapping<T>>(b));
  }
};
struct Sub {
  template <typename T>
  constexpr T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};
struct Mul {
  template <typename T>
  constexpr T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  }
};
struct Div {
  template <typename T>
  constexpr T operator()(T a, T b) const {
    return a / b;
  }
};
struct Equal {
  template <typename T>
  constexpr bool operator()(T a, T b) const {
    return a == b;
  }
};
struct NotEqual {
  template <typename T>
  constexpr bool operator()(T a, T b) const {
    return a != b;
  }
};
struct Less {
  template <typename T>
  constexpr bool operator()(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  template <typename T>
  constexpr bool operator()(T a, T b) const {
    return a <= b;
  }
};

// Calls use(operation, swapped) with what does it; swapped: of b and a.
template <typename Use>
constexpr void with_operation(BinaryOp op, Use use) {
  switch (op) {
    case BinaryOp::Add:
      return use(Add{}, false);
    case BinaryOp::Sub:
      return use(Sub{}, false);
    case BinaryOp::Mul:
      return use(Mul{}, false);
    case BinaryOp::Div:
      return use(Div{}, false);
    case BinaryOp::Equal:
      return use(Equal{}, false);
    case BinaryOp::NotEqual:
      return use(NotEqual{}, false);
    case BinaryOp::Less:
      return use(Less{}, false);
    case BinaryOp::LessEqual:
      return use(LessEqual{}, false);
    case BinaryOp::Greater:
      return use(Less{}, true);
    case BinaryOp::GreaterOrEqual:
      return use(LessEqual{}, true);
  }
}

// At least `low`, then at most `high`; a NaN stays.
template <typename T>
constexpr T clip(T value, T low, T high) {
  const T raised = value < low ? low : value;
  return raised > high ? high : raised;
}

}  // namespace arithmetic
}  // namespace tensorlane
