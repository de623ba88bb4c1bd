// A number is not finite where all bits of its exponent are set, so the bits are what is looked at.
//
// Items are done by a group of lanes, or by a block, which decides before it copies and then reads once more, from the
// cache. An item that is too long for one block is copied by many, each of which marks it where it finds something; a
// second pass fills those that are marked with zeros.
#include "cuda/kernels/finite.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/warp.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr std::int64_t kGroupElements = 512;    // up to which a group of lanes does an item
constexpr std::int64_t kBlockElements = 32768;  // and a block
constexpr int kFiniteAhead = 4;
constexpr int kMark = 1 << 30;  // on a flag, between the two passes

template <typename Bits>
__device__ bool is_finite(Bits bits) {
  constexpr Bits kExponent =
      static_cast<Bits>(sizeof(Bits) == 4 ? std::uint64_t{0xff} << 23 : std::uint64_t{0x7ff} << 52);
  return (bits & kExponent) != kExponent;
}

// A thread's share of an item: the packs first, first + step, ... Calls `use` with each and the index it begins at;
// what is beyond the item's end is zero.
template <typename Bits, typename Use>
__device__ void for_each_pack(const Bits* item, std::int64_t elements, std::int64_t first, std::int64_t step, Use use) {
  constexpr int kCount = kPack<Bits>;
  const bool aligned = is_aligned(item, 16);
  for (std::int64_t at = first * kCount; at < elements; at += kFiniteAhead * step * kCount) {
    Pack<Bits, kCount> held[kFiniteAhead];
    for (int a = 0; a < kFiniteAhead; ++a) {
      held[a] = load_pack<kCount>(item, at + a * step * kCount, elements, aligned, Bits{0});
    }
    for (int a = 0; a < kFiniteAhead; ++a) use(held[a], at + a * step * kCount);
  }
}

template <typename Bits, int kCount>
__device__ bool all_finite(const Pack<Bits, kCount>& pack) {
  bool finite = true;
  for (int e = 0; e < kCount; ++e) finite = finite && is_finite(pack.v[e]);
  return finite;
}

template <typename Bits, int kCount>
__device__ void store_pack(Bits* row, std::int64_t at, std::int64_t count, const Pack<Bits, kCount>& pack) {
  if (at + kCount <= count && is_aligned(row, 16)) {
    *reinterpret_cast<Pack<Bits, kCount>*>(row + at) = pack;
    return;
  }
  for (int e = 0; e < kCount; ++e) {
    if (at + e < count) row[at + e] = pack.v[e];
  }
}

template <typename Bits>
__device__ bool any_bad(const Bits* item, std::int64_t elements, std::int64_t first, std::int64_t step) {
  bool bad = false;
  for_each_pack(item, elements, first, step,
                [&](const Pack<Bits, kPack<Bits>>& pack, std::int64_t) { bad = bad || !all_finite(pack); });
  return bad;
}

template <typename Bits>
__device__ void copy_or_clear(const Bits* item, Bits* to, std::int64_t elements, std::int64_t first, std::int64_t step,
                              bool clear) {
  if (clear) {
    for (std::int64_t e = first; e < elements; e += step) to[e] = 0;
    return;
  }
  for_each_pack(item, elements, first, step,
                [&](const Pack<Bits, kPack<Bits>>& pack, std::int64_t at) { store_pack(to, at, elements, pack); });
}

// Null `to`: only looks.
template <typename Bits>
__global__ void __launch_bounds__(kBlock)
    finite_group_kernel(const Bits* from, Bits* to, std::int64_t items, std::int64_t elements, int* flags) {
  const unsigned lanes = blockDim.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.y; first < items; first += step) {
    const std::int64_t item = first + threadIdx.y;
    const bool mine = item < items;
    const bool bad = any_of_group(mine && any_bad(from + item * elements, elements, threadIdx.x, lanes), lanes);
    // Where the copy goes to where it comes from: a vote orders no memory.
    __syncwarp();
    if (!mine) continue;
    if (bad && threadIdx.x == 0) flags[item] |= 1;
    if (to != nullptr) copy_or_clear(from + item * elements, to + item * elements, elements, threadIdx.x, lanes, bad);
  }
}

template <typename Bits>
__global__ void __launch_bounds__(kBlock)
    finite_block_kernel(const Bits* from, Bits* to, std::int64_t items, std::int64_t elements, int* flags) {
  for (std::int64_t item = blockIdx.x; item < items; item += gridDim.x) {
    const Bits* in = from + item * elements;
    const bool bad = __syncthreads_or(any_bad(in, elements, threadIdx.x, blockDim.x) ? 1 : 0) != 0;
    if (bad && threadIdx.x == 0) flags[item] |= 1;
    copy_or_clear(in, to + item * elements, elements, threadIdx.x, blockDim.x, bad);
  }
}

// `mark` goes onto the flags of the items that are not finite. Null `to`: only looks.
template <typename Bits>
__global__ void __launch_bounds__(kBlock)
    finite_part_kernel(const Bits* from, Bits* to, std::int64_t items, std::int64_t elements, int mark, int* flags) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t item = blockIdx.y; item < items; item += gridDim.y) {
    bool bad = false;
    for_each_pack(from + item * elements, elements, first, step,
                  [&](const Pack<Bits, kPack<Bits>>& pack, std::int64_t at) {
                    bad = bad || !all_finite(pack);
                    if (to != nullptr) store_pack(to + item * elements, at, elements, pack);
                  });
    if (__any_sync(kAllLanes, bad ? 1 : 0) != 0 && threadIdx.x % kWarp == 0) atomicOr(flags + item, mark);
  }
}

template <typename Bits>
__global__ void __launch_bounds__(kBlock)
    clear_marked_kernel(Bits* to, std::int64_t items, std::int64_t elements, int* flags) {
  for (std::int64_t item = blockIdx.x; item < items; item += gridDim.x) {
    const int flag = flags[item];
    __syncthreads();
    if ((flag & kMark) == 0) continue;
    for (std::int64_t e = threadIdx.x; e < elements; e += blockDim.x) to[item * elements + e] = 0;
    if (threadIdx.x == 0) flags[item] = flag & ~kMark;
  }
}

template <typename Bits>
void finite_of(cudaStream_t stream, const void* from_bytes, void* to_bytes, std::int64_t items, std::int64_t elements,
               int* flags) {
  const auto* from = static_cast<const Bits*>(from_bytes);
  auto* to = static_cast<Bits*>(to_bytes);
  constexpr int kCount = kPack<Bits>;
  if (elements <= kGroupElements) {
    const Shape shape = group_shape(items, power_of_two(ceil_div(elements, std::int64_t{2} * kCount), kWarp));
    launch(stream, shape.grid, shape.block, 0, &finite_group_kernel<Bits>, from, to, items, elements, flags);
    return;
  }
  if (to != nullptr && elements <= kBlockElements) {
    launch(stream, dim3(limited(items, kGridX)), dim3(kBlock), 0, &finite_block_kernel<Bits>, from, to, items, elements,
           flags);
    return;
  }
  const dim3 grid(limited(ceil_div(elements, std::int64_t{kBlock} * kCount * kFiniteAhead), kGridX),
                  limited(items, kGridYZ));
  launch(stream, grid, dim3(kBlock), 0, &finite_part_kernel<Bits>, from, to, items, elements,
         to == nullptr ? 1 : 1 | kMark, flags);
  if (to == nullptr) return;
  launch(stream, dim3(limited(items, kGridX)), dim3(kBlock), 0, &clear_marked_kernel<Bits>, to, items, elements, flags);
}

void finite(const char* what, cudaStream_t stream, DType type, const void* from, void* to, std::int64_t items,
            std::int64_t elements, int* flags) {
  with_float(what, type, [&](auto zero) {
    if (items == 0 || elements == 0) return;
    if constexpr (sizeof(zero) == 4) {
      finite_of<std::uint32_t>(stream, from, to, items, elements, flags);
    } else {
      finite_of<std::uint64_t>(stream, from, to, items, elements, flags);
    }
  });
}

}  // namespace

void find_not_finite(cudaStream_t stream, DType type, const void* from, std::int64_t items, std::int64_t elements,
                     int* flags) {
  finite("find_not_finite", stream, type, from, nullptr, items, elements, flags);
}

void copy_finite(cudaStream_t stream, DType type, const void* from, void* to, std::int64_t items, std::int64_t elements,
                 int* flags) {
  finite("copy_finite", stream, type, from, to, items, elements, flags);
}

}  // namespace tensorlane::cuda
