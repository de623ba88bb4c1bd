// The k <= 32 largest of rows of up to 32 x kSlots elements: a warp a row, which its registers hold. The k-th largest
// of the lanes' largest elements is no larger than the row's k-th largest, so only elements from it on are looked at
// further: of normally distributed ones k and a few. They are collected 32 at a time, sorted across the lanes (15
// exchanges) and merged with the 32 largest so far (6). Without equal values that is once or twice a row; a row of one
// value takes as many looks as a lane has elements.
//
// A thread has its whole part of the row under way: 4 kSlots bytes (8 of float64), 128 for rows of 1024, and as many
// blocks as registers leave room for, four at least: 128 KiB a multiprocessor.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/top_k_entry.h"

namespace tensorlane::cuda {

// The lanes' values, largest first.
template <typename T>
__device__ Bits<T> sort_keys(Bits<T> mine, unsigned lane) {
  for (unsigned run = 2; run <= kWarp; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      const Bits<T> other = __shfl_xor_sync(kAllLanes, mine, static_cast<int>(distance));
      const bool keep_larger = ((lane & run) == 0) == ((lane & distance) == 0);
      mine = keep_larger ? max(mine, other) : min(mine, other);
    }
  }
  return mine;
}

template <typename T>
__device__ Entry<T> exchange(const Entry<T>& mine, unsigned lane, unsigned distance, bool keep_first) {
  const Entry<T> other = from_lane(mine, lane ^ distance);
  const bool take = before(other, mine) == keep_first;
  return {take ? other.key : mine.key, take ? other.order : mine.order};
}

// First the one that comes before all others.
template <typename T>
__device__ Entry<T> sort_entries(Entry<T> mine, unsigned lane) {
  for (unsigned run = 2; run <= kWarp; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      mine = exchange(mine, lane, distance, ((lane & run) == 0) == ((lane & distance) == 0));
    }
  }
  return mine;
}

// The first 32 of two sorted lists.
template <typename T>
__device__ Entry<T> merge_entries(Entry<T> mine, const Entry<T>& others, unsigned lane) {
  const Entry<T> other = from_lane(others, kWarp - 1 - lane);
  if (before(other, mine)) mine = other;
  for (unsigned distance = kWarp / 2; distance > 0; distance /= 2) {
    mine = exchange(mine, lane, distance, (lane & distance) == 0);
  }
  return mine;
}

template <typename T, int kSlots>
__global__ void __launch_bounds__(kBlock, 4) top_k_warp_kernel(const T* from, std::int64_t rows, unsigned columns,
                                                               unsigned k, T* values, std::int64_t* indices) {
  __shared__ Entry<T> collected[kBlock / kWarp][kWarp];
  const unsigned lane = threadIdx.x % kWarp;
  const unsigned warp = threadIdx.x / kWarp;
  Entry<T>* pending = collected[warp];
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * (kBlock / kWarp);
  for (std::int64_t r = static_cast<std::int64_t>(blockIdx.x) * (kBlock / kWarp) + warp; r < rows; r += step) {
    const T* row = from + r * columns;
    const Slots<kSlots, kWarp, T> slots(row, columns, lane);
    Bits<T> keys[kSlots];
    Bits<T> most = 0;
    for (int s = 0; s < kSlots; ++s) {
      keys[s] = slots.index(s) < columns ? key_of(slots.value[s]) : Bits<T>{0};
      most = max(most, keys[s]);
    }
    // All that is wanted comes before `least`.
    Entry<T> least = {max(__shfl_sync(kAllLanes, sort_keys<T>(most, lane), static_cast<int>(k) - 1), Bits<T>{1}), 0};
    std::uint32_t left = 0;  // a bit for each slot that may be wanted
    for (int s = 0; s < kSlots; ++s) left |= keys[s] >= least.key ? 1U << s : 0U;
    Entry<T> best = {0, 0};  // of all lanes: the 32 first ones so far
    unsigned count = 0;      // pending
    for (;;) {
      const bool more = __any_sync(kAllLanes, left != 0 ? 1 : 0) != 0;
      Entry<T> mine = {0, 0};
      if (left != 0) {
        const unsigned index = slots.index(__ffs(static_cast<int>(left)) - 1);
        left &= left - 1;
        mine = {key_of(row[index]), ~index};  // an array of registers cannot be asked for any slot
      }
      const bool wanted = before(mine, least);
      const unsigned votes = __ballot_sync(kAllLanes, wanted ? 1 : 0);
      const auto joining = static_cast<unsigned>(__popc(votes));
      if (count != 0 && (!more || count + joining > kWarp)) {
        __syncwarp();
        const Entry<T> sorted = sort_entries(lane < count ? pending[lane] : Entry<T>{0, 0}, lane);
        best = merge_entries(best, sorted, lane);
        const Entry<T> last = from_lane(best, k - 1);
        if (before(last, least)) least = last;
        count = 0;
        __syncwarp();
      }
      if (!more) break;
      if (wanted) pending[count + static_cast<unsigned>(__popc(votes & ((1U << lane) - 1U)))] = mine;
      count += joining;
    }
    if (lane < k) {
      const std::uint32_t index = ~best.order;
      values[r * k + lane] = row[index];
      indices[r * k + lane] = index;
    }
  }
}

}  // namespace tensorlane::cuda
