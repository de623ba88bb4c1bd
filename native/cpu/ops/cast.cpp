// Conversions between element types. Every one rounds once; what they mean is in device.h.
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include "core/error.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/ops/half.h"

namespace tensorlane::cpu {
namespace {

struct Bool {
  std::uint8_t byte;
};

template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

template <typename To>
To narrow(float value) {
  if constexpr (std::is_same_v<To, Half>) {
    return to_half(value);
  } else {
    return to_bfloat16(value);
  }
}

// Truncated, saturated, and 0 for NaN. The limits are powers of two, which every floating-point type has exactly.
template <typename To, typename From>
To saturate(From value) {
  using Limits = std::numeric_limits<To>;
  constexpr From kAbove = From(2) * static_cast<From>(To{1} << (Limits::digits - 1));
  constexpr From kLowest = Limits::is_signed ? -kAbove : From(0);
  if (!(value > kLowest)) return value <= kLowest ? Limits::min() : To{0};
  return value >= kAbove ? Limits::max() : static_cast<To>(value);
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<From, Bool>) {
    return convert<To>(static_cast<std::uint8_t>(value.byte != 0 ? 1 : 0));
  } else if constexpr (kIsHalf<From>) {
    return convert<To>(widen(value));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<std::uint8_t>(value != From{0} ? 1 : 0)};
  } else if constexpr (kIsHalf<To>) {
    if constexpr (std::is_same_v<From, float>) {
      return narrow<To>(value);
    } else if constexpr (std::is_integral_v<From> && sizeof(From) == 8) {
      return narrow<To>(to_odd(to_odd_double(value)));
    } else {
      return narrow<To>(to_odd(static_cast<double>(value)));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return saturate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

// Calls run(T{}) for the element type T.
template <typename Run>
void with_type(DType type, Run run) {
  switch (type) {
    case DType::Float32:
      return run(float{});
    case DType::Float64:
      return run(double{});
    case DType::Float16:
      return run(Half{});
    case DType::BFloat16:
      return run(BFloat16{});
    case DType::Int8:
      return run(std::int8_t{});
    case DType::Int16:
      return run(std::int16_t{});
    case DType::Int32:
      return run(std::int32_t{});
    case DType::Int64:
      return run(std::int64_t{});
    case DType::UInt8:
      return run(std::uint8_t{});
    case DType::UInt16:
      return run(std::uint16_t{});
    case DType::UInt32:
      return run(std::uint32_t{});
    case DType::UInt64:
      return run(std::uint64_t{});
    case DType::Bool:
      return run(Bool{});
    default:
      throw Error(Code::DType, "cast: elements of type " + std::string(dtype_name(type)) +
                                   " cannot be converted; expected floats of 16 to 64 bits, integers of 8 to 64 bits "
                                   "or bool");
  }
}

}  // namespace

void cast(Lane& /*lane*/, const CastArgs& args) {
  with_type(args.from_type, [&](auto from_zero) {
    with_type(args.to_type, [&](auto to_zero) {
      using From = decltype(from_zero);
      using To = decltype(to_zero);
      const From* from = elements<const From>(args.a);
      To* to = elements<To>(args.result);
      for (std::int64_t i = 0; i < args.count; ++i) to[i] = convert<To>(from[i]);
    });
  });
}

}  // namespace tensorlane::cpu
