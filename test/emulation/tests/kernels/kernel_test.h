// What the tests of the kernels are made of. They use CUDA's own interface only, so that the same sources also run on a
// GPU (test/gpu).
#pragma once

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/dtype.h"

namespace tensorlane::test {

// Large shapes, which go round the loops over a grid, are for where a CUDA thread costs little.
#if !defined(TENSORLANE_EMULATED_CUDA)
// A GPU, perhaps under compute-sanitizer, which makes each access cost a hundred times as much.
inline const int kSpeed = std::getenv("TENSORLANE_SHORT") == nullptr ? 2 : 0;
#elif !defined(__SANITIZE_THREAD__)
inline constexpr int kSpeed = 1;
#else
inline constexpr int kSpeed = 0;  // every CUDA thread is a fiber
#endif

using Random = std::mt19937_64;

template <typename T>
inline constexpr DType kFloatType = sizeof(T) == 4 ? DType::Float32 : DType::Float64;

inline void require(cudaError_t error) { REQUIRE_MESSAGE(error == cudaSuccess, cudaGetErrorString(error)); }

class Stream {
 public:
  Stream() { require(cudaStreamCreate(&stream_)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }
  void wait() const { require(cudaStreamSynchronize(stream_)); }

 private:
  cudaStream_t stream_ = nullptr;
};

// An array on the device, `offset` bytes behind where an allocation begins. What lies before and behind it must stay as
// it was.
template <typename T>
class Array {
 public:
  Array(const Stream& stream, const std::vector<T>& values, std::size_t offset = 0)
      : stream_(stream), offset_(kGuard + offset), count_(values.size()) {
    before_.assign(offset_ + count_ * sizeof(T) + kGuard, std::byte{0xa5});
    if (count_ != 0) std::memcpy(before_.data() + offset_, values.data(), count_ * sizeof(T));
    require(cudaMalloc(reinterpret_cast<void**>(&memory_), before_.size()));
    require(cudaMemcpyAsync(memory_, before_.data(), before_.size(), cudaMemcpyHostToDevice, stream_));
    stream_.wait();
  }
  Array(const Stream& stream, std::size_t count, std::size_t offset = 0)
      : Array(stream, std::vector<T>(count, filler()), offset) {}
  ~Array() { cudaFree(memory_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return reinterpret_cast<T*>(memory_ + offset_); }

  std::vector<T> fetch() const {
    std::vector<std::byte> now(before_.size());
    require(cudaMemcpyAsync(now.data(), memory_, now.size(), cudaMemcpyDeviceToHost, stream_));
    stream_.wait();
    const std::size_t end = offset_ + count_ * sizeof(T);
    CHECK_MESSAGE(std::memcmp(now.data(), before_.data(), offset_) == 0, "something was written before the array");
    CHECK_MESSAGE(std::memcmp(now.data() + end, before_.data() + end, kGuard) == 0,
                  "something was written behind the array");
    std::vector<T> values(count_);
    if (count_ != 0) std::memcpy(values.data(), now.data() + offset_, count_ * sizeof(T));
    return values;
  }

  // What stands where nothing was written.
  static T filler() {
    T value;
    std::memset(static_cast<void*>(&value), 0x5a, sizeof(T));
    return value;
  }

 private:
  static constexpr std::size_t kGuard = 256;
  const Stream& stream_;
  std::size_t offset_;
  std::size_t count_;
  std::vector<std::byte> before_;
  std::byte* memory_ = nullptr;
};

inline std::int64_t between(Random& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

// How many random cases to try.
inline int some(int cases) { return kSpeed == 0 ? (cases + 5) / 6 : cases; }

// Sizes of all kinds: none, one, small ones, those around powers of two, large ones.
inline std::int64_t any_size(Random& random, std::int64_t most) {
  switch (between(random, 0, 5)) {
    case 0:
      return between(random, 0, 2) < most ? between(random, 0, std::min<std::int64_t>(2, most)) : most;
    case 1:
    case 2:
      return between(random, 0, std::min<std::int64_t>(20, most));
    case 3: {
      const std::int64_t power = std::int64_t{1} << between(random, 0, 16);
      return std::min(most, std::max<std::int64_t>(0, power + between(random, -1, 1)));
    }
    default:
      return between(random, 0, most);
  }
}

// 0 in half of the cases, else one of a few elements.
inline std::size_t any_offset(Random& random, std::size_t element_bytes) {
  return between(random, 0, 1) == 0 ? 0 : static_cast<std::size_t>(between(random, 1, 3)) * element_bytes;
}

inline std::vector<std::uint8_t> random_bytes(Random& random, std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

enum class Values { Normal, Ties, Special };

// Special: zeros of both signs, subnormal and huge numbers, infinities and NaNs among others.
template <typename T>
std::vector<T> random_values(Random& random, std::int64_t count, Values kind = Values::Normal) {
  using Limits = std::numeric_limits<T>;
  const T specials[] = {T{0},
                        -T{0},
                        Limits::denorm_min(),
                        -Limits::denorm_min(),
                        Limits::min() / 2,
                        Limits::max(),
                        Limits::lowest(),
                        Limits::infinity(),
                        -Limits::infinity(),
                        Limits::quiet_NaN(),
                        -Limits::quiet_NaN()};
  std::normal_distribution<double> normal;
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values) {
    value = kind == Values::Ties ? static_cast<T>(between(random, -3, 3)) : static_cast<T>(normal(random));
    if (kind == Values::Special && between(random, 0, 3) == 0) value = specials[between(random, 0, 10)];
  }
  return values;
}

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

}  // namespace tensorlane::test
