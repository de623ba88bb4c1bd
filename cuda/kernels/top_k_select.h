// The k <= TopKArgs::kMost largest of a piece of a row, of up to 256 x kSlots elements: a block a piece, which its
// registers hold, so memory is read once. The k-th largest is found digit by digit, of 8 bits: a histogram in shared
// memory, whose bins are one a thread, says in which of the digit's values it lies, and the next digit looks only at
// the elements with that one. It ends as soon as all that are left are wanted, after two or three digits of float32 as
// a rule; without equal values no digit of an index is ever looked at. Lanes with the same digit count as one access
// (ATOMS.POPC.INC), so that values that are much alike cost no more.
//
// Where a row is one piece its k largest are sorted and written. A longer row's pieces leave their k largest as
// candidates, and the next launch finds the largest of these: the blocks of a launch know nothing of each other.
//
// A thread has its whole part under way, 64 bytes (128 of float64) where it has 16 slots, and four blocks a
// multiprocessor 64 KiB.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/top_k_entry.h"

namespace tensorlane::cuda {

inline constexpr unsigned kDigits = kBlock;  // a thread has a bin
inline constexpr int kDigitBits = 8;
// Blocks that a multiprocessor has registers for at least. For a fourth one Turing would have to spill some.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
inline constexpr int kSelectBlocks = 3;
#else
inline constexpr int kSelectBlocks = 4;
#endif

// Largest first; `size` is a power of two.
template <typename T>
__device__ void sort_block(Entry<T>* entries, unsigned size) {
  for (unsigned run = 2; run <= size; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (unsigned pair = threadIdx.x; pair < size / 2; pair += kBlock) {
        const unsigned i = 2 * pair - (pair & (distance - 1));
        const Entry<T> a = entries[i];
        const Entry<T> b = entries[i + distance];
        if (before(b, a) == ((i & run) == 0)) {
          entries[i] = b;
          entries[i + distance] = a;
        }
      }
    }
  }
  __syncthreads();
}

struct Choice {
  unsigned digit, wanted, there;  // how many of the elements with the digit are wanted, and how many there are
};

// The digit of the wanted-th largest of the elements that the histogram counts, which is cleared. Where there are no
// more than are wanted: all of them, and digit 0.
__device__ inline Choice choose(unsigned* histogram, unsigned wanted) {
  __shared__ unsigned of_warps[kBlock / kWarp];
  __shared__ Choice choice;
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  const unsigned digit = kDigits - 1 - threadIdx.x;
  __syncthreads();
  const unsigned mine = histogram[digit];
  histogram[digit] = 0;
  unsigned through = mine;  // with this digit or a larger one
  for (unsigned distance = 1; distance < kWarp; distance *= 2) {
    const unsigned other = __shfl_up_sync(kAllLanes, through, distance);
    if (lane >= distance) through += other;
  }
  if (lane == kWarp - 1) of_warps[warp] = through;
  __syncthreads();
  for (unsigned w = 0; w < warp; ++w) through += of_warps[w];
  if (through >= wanted && through - mine < wanted) choice = {digit, wanted - (through - mine), mine};
  if (digit == 0 && through < wanted) choice = {0, through, through};
  __syncthreads();
  return choice;
}

// What is wanted: the elements whose bits under the masks are above these, or equal to them.
template <typename T>
struct Limit {
  Bits<T> key, key_mask;
  std::uint32_t order, order_mask;

  __device__ bool ties(Bits<T> of_key) const { return (of_key & key_mask) == key; }
};

// kFirst: of the rows of `from`. Else of candidates, `columns` of a row, keys and orders. Results where there is one
// piece a row (`values` and `indices`), else k candidates a piece.
template <typename T, int kSlots, bool kFirst, unsigned kMost>
__global__ void __launch_bounds__(kBlock, kSelectBlocks)
    top_k_select_kernel(const T* from, std::int64_t from_columns, const Bits<T>* keys_in,
                        const std::uint32_t* orders_in, std::int64_t items, std::int64_t columns, unsigned piece,
                        unsigned pieces, unsigned k, unsigned size, Bits<T>* keys_out, std::uint32_t* orders_out,
                        T* values, std::int64_t* indices) {
  __shared__ Entry<T> entries[kMost];
  __shared__ unsigned histogram[kDigits];
  __shared__ unsigned found;
  histogram[threadIdx.x] = 0;
  for (std::int64_t item = blockIdx.x; item < items; item += gridDim.x) {
    const std::int64_t row = item / pieces;
    const std::int64_t begin = (item - row * pieces) * piece;
    const auto count = static_cast<unsigned>(min(std::int64_t{piece}, columns - begin));
    const std::int64_t start = row * columns + begin;
    if (threadIdx.x == 0) found = 0;
    for (unsigned i = threadIdx.x; i < size; i += kBlock) entries[i] = {0, 0};

    using Held = std::conditional_t<kFirst, T, Bits<T>>;
    const Held* source = nullptr;
    if constexpr (kFirst) {
      source = from + start;
    } else {
      source = keys_in + start;
    }
    const Slots<kSlots, kBlock, Held> slots(source, count, threadIdx.x);
    Bits<T> keys[kSlots];
    for (int s = 0; s < kSlots; ++s) {
      Bits<T> key = 0;
      if constexpr (kFirst) {
        key = key_of(slots.value[s]);
      } else {
        key = slots.value[s];
      }
      keys[s] = slots.index(s) < count ? key : 0;
    }
    const auto order_of = [&](int s) {
      if constexpr (kFirst) {
        return ~(static_cast<std::uint32_t>(begin) + slots.index(s));
      } else {
        return orders_in[start + slots.index(s)];
      }
    };

    Limit<T> limit = {0, 0, 0, 0};
    unsigned wanted = k;
    bool settled = false;
    __syncthreads();
    for (int shift = sizeof(T) * 8 - kDigitBits; shift >= 0 && !settled; shift -= kDigitBits) {
      for (int s = 0; s < kSlots; ++s) {
        if (keys[s] != 0 && limit.ties(keys[s])) {
          atomicAdd(histogram + (static_cast<unsigned>(keys[s] >> shift) & (kDigits - 1)), 1U);
        }
      }
      const Choice choice = choose(histogram, wanted);
      wanted = choice.wanted;
      settled = choice.wanted == choice.there;
      limit.key |= static_cast<Bits<T>>(choice.digit) << shift;
      limit.key_mask |= static_cast<Bits<T>>(kDigits - 1) << shift;
    }
    for (int shift = 32 - kDigitBits; shift >= 0 && !settled; shift -= kDigitBits) {
      for (int s = 0; s < kSlots; ++s) {
        if (keys[s] != limit.key) continue;
        const std::uint32_t order = order_of(s);
        if ((order & limit.order_mask) == limit.order) {
          atomicAdd(histogram + (order >> shift & (kDigits - 1)), 1U);
        }
      }
      const Choice choice = choose(histogram, wanted);
      wanted = choice.wanted;
      settled = choice.wanted == choice.there;
      limit.order |= static_cast<std::uint32_t>(choice.digit) << shift;
      limit.order_mask |= static_cast<std::uint32_t>(kDigits - 1) << shift;
    }

    // In any order: they are sorted in the end.
    for (int s = 0; s < kSlots; ++s) {
      const Bits<T> high = keys[s] & limit.key_mask;
      bool mine = keys[s] != 0 && high >= limit.key;
      std::uint32_t order = 0;
      if (mine) {
        order = order_of(s);
        mine = high > limit.key || (order & limit.order_mask) >= limit.order;
      }
      const unsigned votes = __ballot_sync(kAllLanes, mine ? 1 : 0);
      if (votes == 0) continue;
      const int leader = __ffs(static_cast<int>(votes)) - 1;
      const unsigned lane = threadIdx.x % kWarp;
      unsigned place = 0;
      if (static_cast<int>(lane) == leader) place = atomicAdd(&found, static_cast<unsigned>(__popc(votes)));
      place = __shfl_sync(kAllLanes, place, leader) + static_cast<unsigned>(__popc(votes & ((1U << lane) - 1U)));
      if (mine) entries[place] = {keys[s], order};
    }
    __syncthreads();
    if (pieces == 1) {
      sort_block(entries, size);
      for (unsigned i = threadIdx.x; i < k; i += kBlock) {
        const std::uint32_t index = ~entries[i].order;
        values[row * k + i] = from[row * from_columns + index];
        indices[row * k + i] = index;
      }
    } else {
      for (unsigned i = threadIdx.x; i < k; i += kBlock) {
        keys_out[item * k + i] = entries[i].key;
        orders_out[item * k + i] = entries[i].order;
      }
    }
    __syncthreads();
  }
}

}  // namespace tensorlane::cuda
