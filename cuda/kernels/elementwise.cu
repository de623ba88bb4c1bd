// A thread for each element of the result, which finds its place in each operand by its index. Neighbouring threads read
// neighbouring elements, or one for all of them.
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>

#include "core/error.h"
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

template <typename Run>
void with_number(const char* what, DType type, Run run) {
  if (type == DType::Int32) return run(std::int32_t{});
  if (type == DType::Int64) return run(std::int64_t{});
  with_float(what, type, run);
}

// In 32 bits where that is enough: GPUs have no division of 64.
__device__ inline std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if ((static_cast<std::uint64_t>(a | b) >> 32) == 0) {
    return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  }
  return a / b;
}

template <std::size_t kOperands>
struct Places {
  std::int64_t at[kOperands];
};

template <std::size_t kOperands>
__device__ Places<kOperands> places_of(const Axes<kOperands>& axes, std::int64_t index) {
  Places<kOperands> places = {};
  for (int axis = axes.rank - 1; axis > 0; --axis) {
    const std::int64_t further = quotient(index, axes.sizes[axis]);
    const std::int64_t along = index - further * axes.sizes[axis];
    for (std::size_t o = 0; o < kOperands; ++o) places.at[o] += along * axes.strides[axis][o];
    index = further;
  }
  for (std::size_t o = 0; o < kOperands; ++o) places.at[o] += index * axes.strides[0][o];
  return places;
}

template <typename T, typename R, typename Operation, bool kSwapped>
__global__ void __launch_bounds__(kBlock)
    binary_kernel(Axes<2> axes, const T* a, const T* b, R* to, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const Places<2> places = places_of(axes, i);
    const T x = a[places.at[0]];
    const T y = b[places.at[1]];
    to[i] = static_cast<R>(kSwapped ? Operation{}(y, x) : Operation{}(x, y));
  }
}

struct Exp {
  __device__ float operator()(float value) const { return expf(value); }
  __device__ double operator()(double value) const { return exp(value); }
};
struct Log {
  __device__ float operator()(float value) const { return logf(value); }
  __device__ double operator()(double value) const { return log(value); }
};
struct Sqrt {
  __device__ float operator()(float value) const { return sqrtf(value); }
  __device__ double operator()(double value) const { return sqrt(value); }
};
struct Abs {
  __device__ float operator()(float value) const { return fabsf(value); }
  __device__ double operator()(double value) const { return fabs(value); }
  template <typename T>
  __device__ T operator()(T value) const {
    return value < 0 ? arithmetic::Sub{}(T{0}, value) : value;
  }
};

template <typename T>
struct Clip {
  T low, high;
  __device__ T operator()(T value) const { return arithmetic::clip(value, low, high); }
};

template <typename T, typename Function>
__global__ void __launch_bounds__(kBlock) map_kernel(Function function, const T* from, T* to, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    to[i] = function(from[i]);
  }
}

template <typename T, typename Function>
void map(cudaStream_t stream, Function function, const void* from, void* to, std::int64_t count) {
  const Shape shape = flat_shape(count);
  launch(stream, shape.grid, shape.block, 0, map_kernel<T, Function>, function, static_cast<const T*>(from),
         static_cast<T*>(to), count);
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    where_kernel(Axes<3> axes, const std::uint8_t* condition, const T* a, const T* b, T* to, std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const Places<3> places = places_of(axes, i);
    to[i] = condition[places.at[0]] != 0 ? a[places.at[1]] : b[places.at[2]];
  }
}

}  // namespace

void binary(cudaStream_t stream, BinaryOp op, DType type, const Axes<2>& axes, const void* a, const void* b, void* to,
            std::int64_t count) {
  if (count == 0) return;
  const Shape shape = flat_shape(count);
  with_number("binary", type, [&](auto zero) {
    using T = decltype(zero);
    arithmetic::with_operation(op, [&](auto operation, bool swapped) {
      using Operation = decltype(operation);
      using R = std::conditional_t<std::is_same_v<decltype(operation(zero, zero)), bool>, std::uint8_t, T>;
      if constexpr (std::is_same_v<Operation, arithmetic::Div> && !std::is_floating_point_v<T>) {
        throw Error(Code::Internal, "binary: integers have no quotient");
      } else {
        const auto start = [&](auto kernel) {
          launch(stream, shape.grid, shape.block, 0, kernel, axes, static_cast<const T*>(a), static_cast<const T*>(b),
                 static_cast<R*>(to), count);
        };
        if (swapped) {
          start(binary_kernel<T, R, Operation, true>);
        } else {
          start(binary_kernel<T, R, Operation, false>);
        }
      }
    });
  });
}

void unary(cudaStream_t stream, UnaryOp op, DType type, const void* from, void* to, std::int64_t count) {
  if (count == 0) return;
  if (op == UnaryOp::Abs) {
    with_number("abs", type, [&](auto zero) { map<decltype(zero)>(stream, Abs{}, from, to, count); });
    return;
  }
  with_float("unary", type, [&](auto zero) {
    using T = decltype(zero);
    if (op == UnaryOp::Exp) map<T>(stream, Exp{}, from, to, count);
    if (op == UnaryOp::Log) map<T>(stream, Log{}, from, to, count);
    if (op == UnaryOp::Sqrt) map<T>(stream, Sqrt{}, from, to, count);
  });
}

void clip(cudaStream_t stream, DType type, const void* low, const void* high, const void* from, void* to,
          std::int64_t count) {
  if (count == 0) return;
  with_number("clip", type, [&](auto zero) {
    using T = decltype(zero);
    Clip<T> bounds{};
    std::memcpy(&bounds.low, low, sizeof(T));
    std::memcpy(&bounds.high, high, sizeof(T));
    map<T>(stream, bounds, from, to, count);
  });
}

void where(cudaStream_t stream, std::size_t element_bytes, const Axes<3>& axes, const void* condition, const void* a,
           const void* b, void* to, std::int64_t count) {
  if (count == 0) return;
  const Shape shape = flat_shape(count);
  const auto start = [&](auto zero) {
    using T = decltype(zero);
    launch(stream, shape.grid, shape.block, 0, where_kernel<T>, axes, static_cast<const std::uint8_t*>(condition),
           static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(to), count);
  };
  switch (element_bytes) {
    case 1:
      return start(std::uint8_t{});
    case 2:
      return start(std::uint16_t{});
    case 4:
      return start(std::uint32_t{});
    case 8:
      return start(std::uint64_t{});
    case 16:
      return start(uint4{});
    default:
      throw Error(Code::Internal, "where: elements of " + std::to_string(element_bytes) + " bytes");
  }
}

}  // namespace tensorlane::cuda
