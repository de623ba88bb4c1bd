// Several neighbouring elements as one access of memory: 16 bytes a thread is what a GPU's memory is fastest with.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace tensorlane::cuda {

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T v[kCount];
};

// How many elements fill 16 bytes.
template <typename T>
inline constexpr int kPack = static_cast<int>(16 / sizeof(T));

__host__ __device__ inline bool is_aligned(const void* pointer, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

// The elements of a row from `at` on; `other` stands for those beyond the row's `count`. `aligned` says whether the row
// begins where packs do; where it does not, the elements come one by one but in the same places, so that what is
// computed from a row does not depend on where it lies.
template <int kCount, typename T>
__device__ Pack<T, kCount> load_pack(const T* row, std::int64_t at, std::int64_t count, bool aligned, T other) {
  if (aligned && at + kCount <= count) return *reinterpret_cast<const Pack<T, kCount>*>(row + at);
  Pack<T, kCount> pack;
  for (int e = 0; e < kCount; ++e) pack.v[e] = at + e < count ? row[at + e] : other;
  return pack;
}

}  // namespace tensorlane::cuda
