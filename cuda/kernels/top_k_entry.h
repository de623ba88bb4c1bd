// The order of the elements of a row: by a key of bits, which rises with the value, and among equal keys by the index,
// the lower one first. No two elements are equal in it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "cuda/kernels/pack.h"
#include "cuda/kernels/warp.h"

namespace tensorlane::cuda {

template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <typename T>
__device__ Bits<T> bits_of(T value) {
  if constexpr (sizeof(T) == 4) {
    return __float_as_uint(value);
  } else {
    return static_cast<Bits<T>>(__double_as_longlong(value));
  }
}

// NaN above all, and the zeros equal. No value has the key 0, which stands for no element.
template <typename T>
__device__ Bits<T> key_of(T value) {
  constexpr Bits<T> kSign = Bits<T>{1} << (sizeof(T) * 8 - 1);
  const Bits<T> bits = value == T{0} ? Bits<T>{0} : bits_of(value);
  const Bits<T> key = bits ^ ((bits & kSign) != 0 ? ~Bits<T>{0} : kSign);
  return value != value ? ~Bits<T>{0} : key;
}

template <typename T>
struct Entry {
  Bits<T> key;
  std::uint32_t order;  // the index, negated bit by bit: the larger one comes first, as with keys
};

template <typename T>
__device__ bool before(const Entry<T>& a, const Entry<T>& b) {
  return static_cast<bool>((a.key > b.key) | ((a.key == b.key) & (a.order > b.order)));  // without a branch
}

template <typename T>
__device__ Entry<T> from_lane(const Entry<T>& entry, unsigned lane) {
  return {__shfl_sync(kAllLanes, entry.key, static_cast<int>(lane)),
          __shfl_sync(kAllLanes, entry.order, static_cast<int>(lane))};
}

// What a thread of kThreads has of a row of `count` elements: `kSlots` of them, by packs of 16 bytes where the row is
// made of them, else one by one; both ways all loads are under way at once. Beyond the row's end its last elements are
// loaded once more, so that no load hangs on a branch.
template <int kSlots, unsigned kThreads, typename T>
struct Slots {
  static constexpr int kCount = static_cast<int>(16 / sizeof(T));
  static_assert(kSlots % kCount == 0);

  T value[kSlots];
  unsigned thread;
  bool packs;

  __device__ Slots(const T* row, unsigned count, unsigned as_thread)
      : thread(as_thread), packs(count % kCount == 0 && is_aligned(row, 16)) {
    if (packs) {
      for (int p = 0; p < kSlots / kCount; ++p) {
        const auto pack = *reinterpret_cast<const Pack<T, kCount>*>(row + min(index(p * kCount), count - kCount));
        for (int e = 0; e < kCount; ++e) value[p * kCount + e] = pack.v[e];
      }
    } else {
      for (int s = 0; s < kSlots; ++s) value[s] = row[min(index(s), count - 1)];
    }
  }

  // Of the slot's element in the row; beyond the row's end where there is none.
  __device__ unsigned index(int slot) const {
    const auto s = static_cast<unsigned>(slot);
    return packs ? (s / kCount * kThreads + thread) * kCount + s % kCount : s * kThreads + thread;
  }
};

}  // namespace tensorlane::cuda
