#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cuda/linalg/scale.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr int kThreads = 256;
constexpr unsigned kAll = 0xffffffffU;

// A magnitude orders numbers by their absolute value, as an integer: a float's bits, or the upper half of a double's.
// It is 0 for zero alone.
__device__ int magnitude(float value) { return __float_as_int(value) & 0x7fffffff; }
__device__ int magnitude(double value) {
  const long long bits = __double_as_longlong(value) & 0x7fffffffffffffffLL;
  const int upper = static_cast<int>(bits >> 32);
  return upper == 0 && bits != 0 ? 1 : upper;
}

// By which power of two items with this magnitude are divided.
__device__ int exponent_of(float, int magnitude) {
  if (magnitude == 0) return 0;
  const int biased = magnitude >> 23;
  const int exponent = biased == 0 ? -149 : biased - 127;  // a subnormal number becomes at most 2^23
  return exponent >= -32 && exponent <= 32 ? 0 : exponent;
}
__device__ int exponent_of(double, int magnitude) {
  if (magnitude == 0) return 0;
  const int biased = magnitude >> 20;
  const int exponent = biased == 0 ? -1074 : biased - 1023;
  return exponent >= -256 && exponent <= 256 ? 0 : exponent;
}

__device__ float times_power(float value, int exponent) { return scalbnf(value, exponent); }
__device__ double times_power(double value, int exponent) { return scalbn(value, exponent); }

// The blocks along x share an item.
template <typename T>
__global__ void find_magnitudes(const T* a, std::int64_t items, std::int64_t elements, int* magnitudes) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t item = blockIdx.y; item < items; item += gridDim.y) {
    int largest = 0;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < elements; i += step) {
      const int one = magnitude(a[item * elements + i]);
      largest = one > largest ? one : largest;
    }
    for (int offset = 16; offset > 0; offset /= 2) {
      const int other = __shfl_down_sync(kAll, largest, static_cast<unsigned>(offset));
      largest = other > largest ? other : largest;
    }
    if (threadIdx.x % 32 == 0 && largest > 0) atomicMax(magnitudes + item, largest);
  }
}

// Multiplies by `direction` times the exponent that the magnitudes say.
template <typename T>
__global__ void scale(T* a, std::int64_t items, std::int64_t elements, const int* magnitudes, int direction) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t item = blockIdx.y; item < items; item += gridDim.y) {
    const int exponent = exponent_of(T{}, magnitudes[item]);
    if (exponent == 0) continue;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < elements; i += step) {
      a[item * elements + i] = times_power(a[item * elements + i], direction * exponent);
    }
  }
}

dim3 grid_for(std::int64_t items, std::int64_t elements) {
  constexpr std::int64_t kPerThread = 8;
  const std::int64_t x = (elements + kThreads * kPerThread - 1) / (kThreads * kPerThread);
  return {static_cast<unsigned>(std::clamp<std::int64_t>(x, 1, 1024)),
          static_cast<unsigned>(std::clamp<std::int64_t>(items, 1, 65535)), 1};
}

template <typename T>
void scale_to_unit(cudaStream_t stream, T* a, std::int64_t items, std::int64_t elements, int* magnitudes) {
  const dim3 grid = grid_for(items, elements);
  launch(stream, grid, dim3(kThreads), 0, find_magnitudes<T>, a, items, elements, magnitudes);
  launch(stream, grid, dim3(kThreads), 0, scale<T>, a, items, elements, magnitudes, -1);
}

}  // namespace

void scale_to_unit(cudaStream_t stream, DType type, void* a, std::int64_t items, std::int64_t elements,
                   int* magnitudes) {
  if (items == 0) return;
  check(cudaMemsetAsync(magnitudes, 0, static_cast<std::size_t>(items) * sizeof(int), stream), "cudaMemsetAsync");
  if (elements == 0) return;
  if (type == DType::Float32) {
    scale_to_unit(stream, static_cast<float*>(a), items, elements, magnitudes);
  } else {
    scale_to_unit(stream, static_cast<double*>(a), items, elements, magnitudes);
  }
}

void scale_back(cudaStream_t stream, DType type, void* values, std::int64_t items, std::int64_t elements,
                const int* magnitudes) {
  if (items == 0 || elements == 0) return;
  const dim3 grid = grid_for(items, elements);
  if (type == DType::Float32) {
    launch(stream, grid, dim3(kThreads), 0, scale<float>, static_cast<float*>(values), items, elements, magnitudes, 1);
  } else {
    launch(stream, grid, dim3(kThreads), 0, scale<double>, static_cast<double*>(values), items, elements, magnitudes,
           1);
  }
}

}  // namespace tensorlane::cuda
