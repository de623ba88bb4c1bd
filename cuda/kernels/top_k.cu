// A block a row. Elements are ordered by a key of bits: those of the value, made to rise with it, then those of the
// index, which fall, so that no two keys are equal. Rows of up to kMost elements are sorted as they are. Of longer ones
// the k largest are found digit by digit: a histogram of one digit says in which of its values the k-th largest key
// lies, and the next one looks only at those keys. It ends as soon as all keys that are left are wanted; without equal
// values no digit of the index is ever looked at.
#include <type_traits>

#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/reduce.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr int kMost = 1024;  // k, and what is sorted
constexpr unsigned kThreads = 512;
constexpr int kDigitBits = 11;
constexpr unsigned kDigits = 1U << kDigitBits;

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

// NaN above all, and the zeros equal. No value has the key 0.
template <typename T>
__device__ Bits<T> key_of(T value) {
  constexpr Bits<T> kSign = Bits<T>{1} << (sizeof(T) * 8 - 1);
  if (value != value) return ~Bits<T>{0};
  const Bits<T> bits = value == T{0} ? Bits<T>{0} : bits_of(value);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

template <typename T>
struct Entry {
  Bits<T> key;
  std::int64_t index;
};

template <typename T>
__device__ bool before(const Entry<T>& a, const Entry<T>& b) {
  return a.key > b.key || (a.key == b.key && a.index < b.index);
}

// Largest first; `size` is a power of two.
template <typename T>
__device__ void sort(Entry<T>* entries, unsigned size) {
  for (unsigned run = 2; run <= size; run *= 2) {
    for (unsigned distance = run / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
        const unsigned other = i ^ distance;
        if (other < i) continue;
        const Entry<T> a = entries[i];
        const Entry<T> b = entries[other];
        if (before(b, a) == ((i & run) == 0)) {
          entries[i] = b;
          entries[other] = a;
        }
      }
    }
  }
  __syncthreads();
}

// Digit `digit` of a key of `bits` bits, from the top; the last may be narrower.
template <typename U>
__device__ unsigned digit_of(U key, int digit) {
  constexpr int kBits = static_cast<int>(sizeof(U) * 8);
  const int low = kBits - (digit + 1) * kDigitBits;
  return static_cast<unsigned>(low >= 0 ? key >> low : key << -low) & (kDigits - 1);
}
template <typename U>
__device__ U with_digit(unsigned value, int digit) {
  constexpr int kBits = static_cast<int>(sizeof(U) * 8);
  const int low = kBits - (digit + 1) * kDigitBits;
  return low >= 0 ? static_cast<U>(value) << low : static_cast<U>(value) >> -low;
}
// The bits of all digits before `digit`.
template <typename U>
__device__ U mask_before(int digit) {
  constexpr int kBits = static_cast<int>(sizeof(U) * 8);
  const int low = kBits - digit * kDigitBits;
  return digit == 0 ? U{0} : low <= 0 ? ~U{0} : ~U{0} << low;
}
template <typename U>
inline constexpr int kDigitCount = static_cast<int>(sizeof(U) * 8 + kDigitBits - 1) / kDigitBits;

// Adds the lanes' digits to the histogram. Values of a row are often alike, so the lanes that share the first lane's
// digit are counted at once.
__device__ inline void count_digits(unsigned* histogram, bool counts, unsigned digit) {
  const unsigned counting = __ballot_sync(kAllLanes, counts ? 1 : 0);
  if (counting == 0) return;
  const int leader = __ffs(static_cast<int>(counting)) - 1;
  const unsigned common = __shfl_sync(kAllLanes, digit, leader);
  const unsigned alike = __ballot_sync(kAllLanes, counts && digit == common ? 1 : 0);
  if (static_cast<int>(threadIdx.x % kWarp) == leader) {
    atomicAdd(histogram + common, static_cast<unsigned>(__popc(alike)));
  } else if (counts && digit != common) {
    atomicAdd(histogram + digit, 1U);
  }
}

// The keys that are wanted: those whose bits under the masks are above the limit's, or equal to them.
template <typename T>
struct Limit {
  Bits<T> key, key_mask;
  std::uint32_t order, order_mask;  // of the index, negated bit by bit
};

struct Choice {
  unsigned digit, wanted, there;  // how many of the keys with the digit are wanted, and how many there are
};

// The digit of the wanted-th largest key: the first warp, each lane with its part of the histogram.
__device__ inline void choose(const unsigned* histogram, unsigned wanted, Choice* choice) {
  constexpr unsigned kPart = kDigits / kWarp;
  if (threadIdx.x >= kWarp) return;
  const unsigned last = kDigits - 1 - threadIdx.x * kPart;  // lane 0 has the largest digits
  unsigned mine = 0;
  for (unsigned d = 0; d < kPart; ++d) mine += histogram[last - d];
  unsigned through = mine;  // in this lane's part and all above
  for (unsigned distance = 1; distance < kWarp; distance *= 2) {
    const unsigned other = __shfl_up_sync(kAllLanes, through, distance);
    if (threadIdx.x >= distance) through += other;
  }
  unsigned above = through - mine;
  if (above >= wanted || through < wanted) return;
  for (unsigned d = 0; d < kPart; ++d) {
    const unsigned there = histogram[last - d];
    if (above + there >= wanted) {
      *choice = {last - d, wanted - above, there};
      return;
    }
    above += there;
  }
}

template <typename T>
__device__ Limit<T> find_limit(const T* row, std::int64_t columns, unsigned k, unsigned* histogram, Choice* choice) {
  constexpr int kCount = kPack<T>;
  const bool aligned = is_aligned(row, 16);
  Limit<T> limit = {0, 0, 0, 0};
  unsigned wanted = k;
  for (int d = 0; d < kDigitCount<Bits<T>> + kDigitCount<std::uint32_t>; ++d) {
    const bool of_key = d < kDigitCount<Bits<T>>;
    const int digit = of_key ? d : d - kDigitCount<Bits<T>>;
    for (unsigned i = threadIdx.x; i < kDigits; i += blockDim.x) histogram[i] = 0;
    __syncthreads();
    // All lanes of a warp go on together.
    for (std::int64_t base = 0; base < columns; base += static_cast<std::int64_t>(blockDim.x) * kCount) {
      const std::int64_t at = base + static_cast<std::int64_t>(threadIdx.x) * kCount;
      const auto pack = load_pack<kCount>(row, at, columns, aligned, T{0});
      for (int e = 0; e < kCount; ++e) {
        const Bits<T> key = key_of(pack.v[e]);
        const std::uint32_t order = ~static_cast<std::uint32_t>(at + e);
        const bool counts =
            at + e < columns && (key & limit.key_mask) == limit.key && (order & limit.order_mask) == limit.order;
        count_digits(histogram, counts, of_key ? digit_of(key, digit) : digit_of(order, digit));
      }
    }
    __syncthreads();
    choose(histogram, wanted, choice);
    __syncthreads();
    const Choice chosen = *choice;
    wanted = chosen.wanted;
    if (of_key) {
      limit.key_mask = mask_before<Bits<T>>(digit + 1);
      limit.key |= with_digit<Bits<T>>(chosen.digit, digit);
    } else {
      limit.order_mask = mask_before<std::uint32_t>(digit + 1);
      limit.order |= with_digit<std::uint32_t>(chosen.digit, digit);
    }
    if (chosen.wanted == chosen.there) break;
  }
  return limit;
}

template <typename T>
__global__ void __launch_bounds__(kThreads) top_k_kernel(const T* from, std::int64_t rows, std::int64_t columns,
                                                         unsigned k, unsigned size, T* values, std::int64_t* indices) {
  __shared__ Entry<T> entries[kMost];
  __shared__ unsigned histogram[kDigits];
  __shared__ Choice choice;
  __shared__ unsigned found;
  for (std::int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* row = from + r * columns;
    // Fillers come last: no element has the key 0.
    for (unsigned i = threadIdx.x; i < size; i += blockDim.x) {
      entries[i] = columns <= kMost && i < columns ? Entry<T>{key_of(row[i]), static_cast<std::int64_t>(i)}
                                                   : Entry<T>{0, columns};
    }
    if (columns > kMost) {
      if (threadIdx.x == 0) found = 0;
      const Limit<T> limit = find_limit(row, columns, k, histogram, &choice);
      // In any order: they are sorted next.
      for (std::int64_t i = threadIdx.x; i < columns; i += blockDim.x) {
        const Bits<T> key = key_of(row[i]);
        const Bits<T> high = key & limit.key_mask;
        const std::uint32_t order = ~static_cast<std::uint32_t>(i) & limit.order_mask;
        if (high > limit.key || (high == limit.key && order >= limit.order)) entries[atomicAdd(&found, 1U)] = {key, i};
      }
    }
    sort(entries, size);
    for (unsigned i = threadIdx.x; i < k; i += blockDim.x) {
      const std::int64_t index = entries[i].index;
      values[r * k + i] = row[index];
      indices[r * k + i] = index;
    }
    __syncthreads();
  }
}

}  // namespace

void top_k(cudaStream_t stream, DType type, const void* from, std::int64_t rows, std::int64_t columns, std::int64_t k,
           void* values, std::int64_t* indices) {
  if (k < 0 || k > columns || k > kMost) {
    throw Error(Code::Argument, "top_k: k is " + std::to_string(k) + " for rows of " + std::to_string(columns) +
                                    " elements; expected at most that many, and at most " + std::to_string(kMost));
  }
  with_float("top_k", type, [&](auto zero) {
    using T = decltype(zero);
    if (rows == 0 || k == 0) return;
    if (columns > std::int64_t{0xffffffff}) {
      throw Error(Code::Shape,
                  "top_k: rows of " + std::to_string(columns) + " elements; at most 2^32 - 1 can be counted");
    }
    const unsigned size = power_of_two(columns <= kMost ? columns : k, kMost);
    unsigned threads = power_of_two(ceil_div(columns, 2), kThreads);  // an exchange has two sides
    if (threads < kWarp) threads = kWarp;
    launch(stream, dim3(limited(rows, kGridX)), dim3(threads), 0, &top_k_kernel<T>, static_cast<const T*>(from), rows,
           columns, static_cast<unsigned>(k), size, static_cast<T*>(values), indices);
  });
}

}  // namespace tensorlane::cuda
