// A thread converts as many elements as make 16 bytes of the wider type, so that a warp's reads and writes are both
// without gaps. Every conversion rounds once.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <limits>
#include <string>
#include <type_traits>

#include "core/error.h"
#include "cuda/kernels/cast.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

struct Bool {
  std::uint8_t byte;
};
template <std::size_t kBytes>
using UInt = std::conditional_t<
    kBytes == 1, std::uint8_t,
    std::conditional_t<kBytes == 2, std::uint16_t, std::conditional_t<kBytes == 4, std::uint32_t, std::uint64_t>>>;
template <typename T>
inline constexpr bool kIsHalf = std::is_same_v<T, __half> || std::is_same_v<T, __nv_bfloat16>;

// Rounds to float so that another rounding, to half the mantissa or less, comes out as if it were the only one: where
// the number is not a float, to the one of its neighbours whose last bit is set.
__device__ inline float to_odd(double value) {
  const float near = static_cast<float>(value);
  const auto back = static_cast<double>(near);
  const unsigned bits = __float_as_uint(near);
  if (back == value || value != value || (bits & 1U) != 0) return near;
  const bool away = (back > value) == (value > 0);  // from zero
  return __uint_as_float(away ? bits - 1 : bits + 1);
}

// The same from integers: what is beyond the mantissa's 53 or 24 bits is gathered in the last bit that is kept.
__device__ inline double to_odd_double(std::int64_t value) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  if (value >= -kExact && value <= kExact) return static_cast<double>(value);
  return static_cast<double>((value & ~std::int64_t{0x7ff}) | ((value & 0x7ff) != 0 ? 0x800 : 0));
}
__device__ inline double to_odd_double(std::uint64_t value) {
  if (value <= (std::uint64_t{1} << 53)) return static_cast<double>(value);
  return static_cast<double>((value & ~std::uint64_t{0x7ff}) | ((value & 0x7ff) != 0 ? 0x800U : 0U));
}
template <typename T>
__device__ float to_odd_float(T value) {
  if constexpr (sizeof(T) == 8) {
    return to_odd(to_odd_double(value));
  } else if constexpr (sizeof(T) == 4) {
    constexpr T kExact = T{1} << 24;
    bool exact = value <= kExact;
    if constexpr (std::is_signed_v<T>) exact = exact && value >= -kExact;
    if (exact) return static_cast<float>(value);
    return static_cast<float>(static_cast<T>((value & ~T{0xff}) | ((value & T{0xff}) != 0 ? T{0x100} : T{0})));
  } else {
    return static_cast<float>(value);
  }
}

template <typename To>
__device__ To narrow(float value) {
  if constexpr (std::is_same_v<To, __half>) {
    return __float2half_rn(value);
  } else {
    return __float2bfloat16_rn(value);
  }
}
__device__ inline float widen(__half value) { return __half2float(value); }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

// Truncated, saturated, and 0 for NaN. The limits are powers of two, which every floating-point type has exactly.
template <typename To, typename From>
__device__ To saturate(From value) {
  using Limits = std::numeric_limits<To>;
  constexpr From kAbove = From(2) * static_cast<From>(To{1} << (Limits::digits - 1));
  constexpr From kLowest = Limits::is_signed ? -kAbove : From(0);
  if (!(value > kLowest)) return value <= kLowest ? Limits::min() : To{0};
  return value >= kAbove ? Limits::max() : static_cast<To>(value);
}

template <typename To, typename From>
__device__ To convert(From value) {
  if constexpr (std::is_same_v<From, Bool>) {
    return convert<To>(static_cast<std::uint8_t>(value.byte != 0 ? 1 : 0));
  } else if constexpr (kIsHalf<From>) {
    return convert<To>(widen(value));
  } else if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<std::uint8_t>(value != From{0} ? 1 : 0)};
  } else if constexpr (kIsHalf<To>) {
    if constexpr (std::is_same_v<From, double>) {
      return narrow<To>(to_odd(value));
    } else if constexpr (std::is_same_v<From, float>) {
      return narrow<To>(value);
    } else {
      return narrow<To>(to_odd_float(value));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return saturate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <typename From, typename To>
inline constexpr int kCount = kPack<std::conditional_t<(sizeof(From) > sizeof(To)), From, To>>;
template <typename From, typename To>
inline constexpr int kCastAhead = kCount<From, To> >= 8 ? 2 : 4;

// The first `packs` packs as such, and what is behind them one by one.
template <typename From, typename To>
__global__ void __launch_bounds__(kBlock, 4)
    cast_kernel(const From* from, To* to, std::int64_t packs, std::int64_t count) {
  constexpr int kElements = kCount<From, To>;
  constexpr int kPacks = kCastAhead<From, To>;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const auto* in = reinterpret_cast<const Pack<From, kElements>*>(from);
  auto* out = reinterpret_cast<Pack<To, kElements>*>(to);
  for (std::int64_t p = first; p < packs; p += kPacks * step) {
    Pack<From, kElements> held[kPacks];
    for (int a = 0; a < kPacks; ++a) {
      if (p + a * step < packs) held[a] = in[p + a * step];
    }
    for (int a = 0; a < kPacks; ++a) {
      if (p + a * step >= packs) break;
      Pack<To, kElements> result;
      for (int e = 0; e < kElements; ++e) result.v[e] = convert<To>(held[a].v[e]);
      out[p + a * step] = result;
    }
  }
  for (std::int64_t i = packs * kElements + first; i < count; i += step) to[i] = convert<To>(from[i]);
}

template <typename From, typename To>
void launch_cast(cudaStream_t stream, const void* from, void* to, std::int64_t count) {
  constexpr int kElements = kCount<From, To>;
  const bool aligned = is_aligned(from, kElements * sizeof(From)) && is_aligned(to, kElements * sizeof(To));
  const std::int64_t packs = aligned ? count / kElements : 0;
  const Shape shape = flat_shape(ceil_div(aligned ? ceil_div(count, kElements) : count, kCastAhead<From, To>));
  launch(stream, shape.grid, shape.block, 0, &cast_kernel<From, To>, static_cast<const From*>(from),
         static_cast<To*>(to), packs, count);
}

// Fewer kernels for the same bits: elements of one type are copied whatever they are, and between integers only the
// sign of one that becomes wider makes a difference.
template <typename From, typename To>
void cast_as(cudaStream_t stream, const void* from, void* to, std::int64_t count) {
  if constexpr (std::is_same_v<From, To>) {
    launch_cast<UInt<sizeof(From)>, UInt<sizeof(From)>>(stream, from, to, count);
  } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    using Source = std::conditional_t<(sizeof(To) > sizeof(From)), From, UInt<sizeof(From)>>;
    launch_cast<Source, UInt<sizeof(To)>>(stream, from, to, count);
  } else if constexpr (std::is_same_v<From, Bool> && std::is_integral_v<To>) {
    launch_cast<Bool, UInt<sizeof(To)>>(stream, from, to, count);
  } else if constexpr (std::is_same_v<To, Bool> && std::is_integral_v<From>) {
    launch_cast<UInt<sizeof(From)>, Bool>(stream, from, to, count);
  } else {
    launch_cast<From, To>(stream, from, to, count);
  }
}

template <typename T>
struct Type {
  using type = T;
};

template <typename Run>
void with_type(DType type, Run run) {
  switch (type) {
    case DType::Float32:
      return run(Type<float>{});
    case DType::Float64:
      return run(Type<double>{});
    case DType::Float16:
      return run(Type<__half>{});
    case DType::BFloat16:
      return run(Type<__nv_bfloat16>{});
    case DType::Int8:
      return run(Type<std::int8_t>{});
    case DType::Int16:
      return run(Type<std::int16_t>{});
    case DType::Int32:
      return run(Type<std::int32_t>{});
    case DType::Int64:
      return run(Type<std::int64_t>{});
    case DType::UInt8:
      return run(Type<std::uint8_t>{});
    case DType::UInt16:
      return run(Type<std::uint16_t>{});
    case DType::UInt32:
      return run(Type<std::uint32_t>{});
    case DType::UInt64:
      return run(Type<std::uint64_t>{});
    case DType::Bool:
      return run(Type<Bool>{});
    default:
      throw Error(Code::DType, "cast: elements of type " + std::string(dtype_name(type)) +
                                   " cannot be converted on the device; expected floats of 16 to 64 bits, integers of "
                                   "8 to 64 bits or bool");
  }
}

}  // namespace

void cast(cudaStream_t stream, DType from_type, const void* from, DType to_type, void* to, std::int64_t count) {
  with_type(from_type, [&](auto source) {
    with_type(to_type, [&](auto target) {
      if (count == 0) return;
      cast_as<typename decltype(source)::type, typename decltype(target)::type>(stream, from, to, count);
    });
  });
}

}  // namespace tensorlane::cuda
