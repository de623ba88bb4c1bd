// Rows are copied in the largest unit, of up to 16 bytes, that their size and both addresses are multiples of.
#include <cstring>
#include <string>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pack.h"
#include "cuda/kernels/rows.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

constexpr int kRowsAhead = 4;

// A thread's share of a row: the units first, first + step, ... Null `from`: zeros.
template <typename Unit>
__device__ void copy_row(const Unit* from, Unit* to, std::int64_t units) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * blockDim.x;
  for (std::int64_t u = first; u < units; u += kRowsAhead * step) {
    Unit held[kRowsAhead] = {};
    if (from != nullptr) {
      for (int a = 0; a < kRowsAhead; ++a) {
        if (u + a * step < units) held[a] = from[u + a * step];
      }
    }
    for (int a = 0; a < kRowsAhead; ++a) {
      if (u + a * step < units) to[u + a * step] = held[a];
    }
  }
}

template <typename Index>
__global__ void __launch_bounds__(kBlock)
    wrap_kernel(const Index* indices, std::int64_t count, std::int64_t rows, std::int64_t* to, int* outside) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const std::int64_t index = indices[i];
    if (index < -rows || index >= rows) atomicOr(outside, 1);
    to[i] = index < 0 ? index + rows : index;
  }
}

template <typename Unit>
__global__ void __launch_bounds__(kBlock)
    gather_kernel(const Unit* from, std::int64_t from_rows, const std::int64_t* rows, std::int64_t count,
                  std::int64_t units, Unit* to) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; i < count; i += step) {
    const std::int64_t row = rows[i];
    copy_row(row >= 0 && row < from_rows ? from + row * units : nullptr, to + i * units, units);
  }
}

// Null `winners`: no row is named twice.
template <typename Unit>
__global__ void __launch_bounds__(kBlock)
    scatter_kernel(const Unit* from, const std::int64_t* rows, std::int64_t count, std::int64_t to_rows,
                   std::int64_t units, const unsigned* winners, Unit* to) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; i < count; i += step) {
    const std::int64_t row = rows[i];
    if (row < 0 || row >= to_rows) continue;
    if (winners != nullptr && winners[row] != static_cast<unsigned>(i)) continue;
    copy_row(from + i * units, to + row * units, units);
  }
}

// Both kernels go over the same rows: those that are named.
__global__ void __launch_bounds__(kBlock)
    clear_winners_kernel(const std::int64_t* rows, std::int64_t count, std::int64_t to_rows, unsigned* winners) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    if (rows[i] >= 0 && rows[i] < to_rows) atomicExch(winners + rows[i], 0U);
  }
}
__global__ void __launch_bounds__(kBlock)
    find_winners_kernel(const std::int64_t* rows, std::int64_t count, std::int64_t to_rows, unsigned* winners) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    if (rows[i] >= 0 && rows[i] < to_rows) atomicMax(winners + rows[i], static_cast<unsigned>(i));
  }
}

template <typename T>
struct Fill {
  T value;
};
// Packs under way; one of bytes, each of which takes a register.
template <typename T>
inline constexpr int kPacksAhead = sizeof(T) == 1 ? 1 : kRowsAhead;

// Results are written in packs of 16 bytes where rows begin at multiples of them, and read in packs where the sequence
// begins at one, too.
template <typename T>
__global__ void __launch_bounds__(kBlock) pad_kernel(const T* from, const std::int64_t* offsets, std::int64_t count,
                                                     std::int64_t length, Fill<T> fill, bool packs, T* to) {
  constexpr int kCount = kPack<T>;
  const std::int64_t row_step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; i < count; i += row_step) {
    const T* sequence = from + offsets[i];
    const std::int64_t given = min(offsets[i + 1] - offsets[i], length);
    T* row = to + i * length;
    if (packs) {
      const bool aligned = is_aligned(sequence, 16);
      for (std::int64_t p = first; p < length / kCount; p += kPacksAhead<T> * step) {
        Pack<T, kCount> held[kPacksAhead<T>];
        for (int a = 0; a < kPacksAhead<T>; ++a) {
          held[a] = load_pack<kCount>(sequence, (p + a * step) * kCount, given, aligned, fill.value);
        }
        for (int a = 0; a < kPacksAhead<T>; ++a) {
          if (p + a * step < length / kCount) reinterpret_cast<Pack<T, kCount>*>(row)[p + a * step] = held[a];
        }
      }
    } else {
      for (std::int64_t e = first; e < length; e += kRowsAhead * step) {
        T held[kRowsAhead];
        for (int a = 0; a < kRowsAhead; ++a) held[a] = e + a * step < given ? sequence[e + a * step] : fill.value;
        for (int a = 0; a < kRowsAhead; ++a) {
          if (e + a * step < length) row[e + a * step] = held[a];
        }
      }
    }
  }
}

// Calls `run` with a zero of the unit to copy in.
template <typename Run>
void with_unit(std::size_t row_bytes, const void* from, const void* to, Run run) {
  const auto fits = [&](std::size_t bytes) {
    return row_bytes % bytes == 0 && is_aligned(from, bytes) && is_aligned(to, bytes);
  };
  if (fits(16)) return run(uint4{});
  if (fits(8)) return run(std::uint64_t{});
  if (fits(4)) return run(std::uint32_t{});
  if (fits(2)) return run(std::uint16_t{});
  run(std::uint8_t{});
}

template <typename T>
void pad_rows_of(cudaStream_t stream, const void* from, const std::int64_t* offsets, std::int64_t count,
                 std::int64_t length, const void* fill, void* to) {
  Fill<T> value{};
  std::memcpy(&value.value, fill, sizeof(T));
  const bool packs = length % kPack<T> == 0 && is_aligned(to, 16);
  const Shape shape = row_shape(count, packs ? length / kPack<T> : length, packs ? kPacksAhead<T> : kRowsAhead);
  launch(stream, shape.grid, shape.block, 0, &pad_kernel<T>, static_cast<const T*>(from), offsets, count, length, value,
         packs, static_cast<T*>(to));
}

}  // namespace

void wrap_indices(cudaStream_t stream, DType type, const void* indices, std::int64_t count, std::int64_t rows,
                  std::int64_t* to, int* outside) {
  if (type != DType::Int32 && type != DType::Int64) {
    throw Error(Code::DType, "indices of type " + std::string(dtype_name(type)) + "; expected int32 or int64");
  }
  if (count == 0) return;
  const Shape shape = flat_shape(count);
  if (type == DType::Int32) {
    launch(stream, shape.grid, shape.block, 0, &wrap_kernel<std::int32_t>, static_cast<const std::int32_t*>(indices),
           count, rows, to, outside);
  } else {
    launch(stream, shape.grid, shape.block, 0, &wrap_kernel<std::int64_t>, static_cast<const std::int64_t*>(indices),
           count, rows, to, outside);
  }
}

void gather_rows(cudaStream_t stream, const void* from, std::int64_t from_rows, const std::int64_t* rows,
                 std::int64_t count, std::size_t row_bytes, void* to) {
  if (count == 0 || row_bytes == 0) return;
  with_unit(row_bytes, from, to, [&](auto unit) {
    using Unit = decltype(unit);
    const auto units = static_cast<std::int64_t>(row_bytes / sizeof(Unit));
    const Shape shape = row_shape(count, units, kRowsAhead);
    launch(stream, shape.grid, shape.block, 0, &gather_kernel<Unit>, static_cast<const Unit*>(from), from_rows, rows,
           count, units, static_cast<Unit*>(to));
  });
}

void scatter_rows(cudaStream_t stream, const void* from, const std::int64_t* rows, std::int64_t count,
                  std::int64_t to_rows, std::size_t row_bytes, void* to, void* workspace) {
  if (count == 0 || row_bytes == 0) return;
  auto* winners = static_cast<unsigned*>(workspace);
  if (winners != nullptr) {
    if (count > std::int64_t{0xffffffff}) {
      throw Error(Code::Shape,
                  "scatter_rows: " + std::to_string(count) + " rows; at most 2^32 - 1 can be placed at once");
    }
    const Shape shape = flat_shape(count);
    launch(stream, shape.grid, shape.block, 0, &clear_winners_kernel, rows, count, to_rows, winners);
    launch(stream, shape.grid, shape.block, 0, &find_winners_kernel, rows, count, to_rows, winners);
  }
  with_unit(row_bytes, from, to, [&](auto unit) {
    using Unit = decltype(unit);
    const auto units = static_cast<std::int64_t>(row_bytes / sizeof(Unit));
    const Shape shape = row_shape(count, units, kRowsAhead);
    launch(stream, shape.grid, shape.block, 0, &scatter_kernel<Unit>, static_cast<const Unit*>(from), rows, count,
           to_rows, units, static_cast<const unsigned*>(winners), static_cast<Unit*>(to));
  });
}

std::size_t scatter_workspace(std::int64_t to_rows) { return static_cast<std::size_t>(to_rows) * sizeof(unsigned); }

void pad_rows(cudaStream_t stream, const void* from, const std::int64_t* offsets, std::int64_t count,
              std::int64_t length, std::size_t element_bytes, const void* fill, void* to) {
  if (count == 0 || length == 0) return;
  switch (element_bytes) {
    case 1:
      return pad_rows_of<std::uint8_t>(stream, from, offsets, count, length, fill, to);
    case 2:
      return pad_rows_of<std::uint16_t>(stream, from, offsets, count, length, fill, to);
    case 4:
      return pad_rows_of<std::uint32_t>(stream, from, offsets, count, length, fill, to);
    case 8:
      return pad_rows_of<std::uint64_t>(stream, from, offsets, count, length, fill, to);
    case 16:
      return pad_rows_of<uint4>(stream, from, offsets, count, length, fill, to);
    default:
      throw Error(Code::Argument,
                  "pad_rows: elements of " + std::to_string(element_bytes) + " bytes; expected 1, 2, 4, 8 or 16");
  }
}

}  // namespace tensorlane::cuda
