// Three kernels, by the rows and k: short rows, a thread each (top_k_thread.h); the few largest of rows that a warp's
// registers hold (top_k_warp.h); and all others, a block for each piece of a row (top_k_select.h). All read memory
// once, the last one a quarter more for each pass over its candidates where k is as large as it may be. What ptxas and
// the machine code of sm_75 and sm_90 say, without spills:
//
//   columns        k           kernel    registers   threads   shared memory   loads under way before the first wait
//   up to 32       any         thread    38 to 47    128       21 or 38 KiB    32 bytes a thread
//   up to 1024     up to 32    warp      37 to 64    256       2 or 4 KiB      all of a lane's: up to 128 bytes
//   (float64: 512)
//   others         any         select    45 to 64    256       9 or 17 KiB     all of a thread's: up to 64 bytes
//                                        (sm_75: 80)                           (float64: 128)
//
// So there are 24 KiB and more under way a multiprocessor, of rows of some length 64 KiB and more.
#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/top_k.h"
#include "cuda/kernels/top_k_select.h"
#include "cuda/kernels/top_k_thread.h"
#include "cuda/kernels/top_k_warp.h"
#include "cuda/runtime/launch.h"
#include "device/device.h"

namespace tensorlane::cuda {
namespace {

constexpr unsigned kMost = TopKArgs::kMost;
constexpr int kFewSlots = 4;  // of a thread of a block
constexpr int kManySlots = 16;
constexpr std::int64_t kPiece = std::int64_t{kBlock} * kManySlots;
constexpr std::int64_t kWorkspace = 16 << 20;  // bytes, where a row is content with them

// A launch over the pieces of `columns` elements.
struct Pass {
  std::int64_t columns, piece, pieces;
};

Pass pass_of(std::int64_t columns) {
  constexpr std::int64_t kAligned = 4;  // elements; a piece begins at 16 bytes where its row does
  const std::int64_t pieces = std::max<std::int64_t>(ceil_div(columns, kPiece), 1);
  return {columns, ceil_div(ceil_div(columns, pieces), kAligned) * kAligned, pieces};
}

// Where the candidates of a number of rows are, one pass's and the next one's.
template <typename T>
struct Candidates {
  Candidates(std::int64_t columns, std::int64_t k) {
    Pass pass = pass_of(columns);
    for (std::int64_t& each : a_row) {
      if (pass.pieces == 1) break;
      each = pass.pieces * k;
      pass = pass_of(each);
    }
  }
  [[nodiscard]] std::int64_t row_bytes() const {
    return (a_row[0] + a_row[1]) * static_cast<std::int64_t>(sizeof(Bits<T>) + sizeof(std::uint32_t));
  }
  // That are done at once.
  [[nodiscard]] std::int64_t rows(std::int64_t of) const {
    return row_bytes() == 0 ? of : std::clamp<std::int64_t>(kWorkspace / row_bytes(), 1, std::max<std::int64_t>(of, 1));
  }
  // Of the first pass, third, ... (0) or of the others (1), with room for `rows` rows.
  [[nodiscard]] Bits<T>* keys(void* workspace, std::int64_t rows, int which) const {
    return static_cast<Bits<T>*>(workspace) + (which == 0 ? 0 : rows * a_row[0]);
  }
  [[nodiscard]] std::uint32_t* orders(void* workspace, std::int64_t rows, int which) const {
    auto* all = reinterpret_cast<std::uint32_t*>(static_cast<Bits<T>*>(workspace) + rows * (a_row[0] + a_row[1]));
    return all + (which == 0 ? 0 : rows * a_row[0]);
  }

  std::int64_t a_row[2] = {0, 0};
};

template <typename T, bool kFirst>
auto select_kernel(std::int64_t piece) {
  return piece <= std::int64_t{kBlock} * kFewSlots ? &top_k_select_kernel<T, kFewSlots, kFirst, kMost>
                                                   : &top_k_select_kernel<T, kManySlots, kFirst, kMost>;
}

template <typename T>
void select(cudaStream_t stream, const T* from, std::int64_t rows, std::int64_t columns, std::int64_t k, T* values,
            std::int64_t* indices, void* workspace) {
  const Candidates<T> candidates(columns, k);
  const std::int64_t at_once = candidates.rows(rows);
  const unsigned size = power_of_two(k, kMost);
  for (std::int64_t first = 0; first < rows; first += at_once) {
    const std::int64_t here = std::min(at_once, rows - first);
    const Bits<T>* keys = nullptr;
    const std::uint32_t* orders = nullptr;
    Pass pass = pass_of(columns);
    for (int which = 0;; which = 1 - which) {
      Bits<T>* keys_out = candidates.keys(workspace, at_once, which);
      std::uint32_t* orders_out = candidates.orders(workspace, at_once, which);
      const auto kernel = keys == nullptr ? select_kernel<T, true>(pass.piece) : select_kernel<T, false>(pass.piece);
      launch(stream, dim3(limited(here * pass.pieces, kGridX)), dim3(kBlock), 0, kernel, from + first * columns,
             columns, keys, orders, here * pass.pieces, pass.columns, static_cast<unsigned>(pass.piece),
             static_cast<unsigned>(pass.pieces), static_cast<unsigned>(k), size, keys_out, orders_out,
             values + first * k, indices + first * k);
      if (pass.pieces == 1) break;
      keys = keys_out;
      orders = orders_out;
      pass = pass_of(pass.pieces * k);
    }
  }
}

template <typename T>
auto warp_kernel(std::int64_t columns) {
  if (columns <= 4 * std::int64_t{kWarp}) return &top_k_warp_kernel<T, 4>;
  if (columns <= 8 * std::int64_t{kWarp}) return &top_k_warp_kernel<T, 8>;
  if constexpr (sizeof(T) == 4) {
    if (columns > 16 * std::int64_t{kWarp}) return &top_k_warp_kernel<T, 32>;
  }
  return &top_k_warp_kernel<T, 16>;
}

template <typename T>
void top_k_of(cudaStream_t stream, const T* from, std::int64_t rows, std::int64_t columns, std::int64_t k, T* values,
              std::int64_t* indices, void* workspace) {
  constexpr std::int64_t kWarpColumns = 4096 / sizeof(T);  // 128 bytes a lane
  if (columns <= kThreadColumns) {
    launch(stream, dim3(limited(ceil_div(rows, kThreadRows), kGridX)), dim3(kThreadRows), 0, &top_k_thread_kernel<T>,
           from, rows, static_cast<unsigned>(columns), static_cast<unsigned>(k), divisor(columns), divisor(k), values,
           indices);
  } else if (k <= kWarp && columns <= kWarpColumns) {
    launch(stream, dim3(limited(ceil_div(rows, kBlock / kWarp), kGridX)), dim3(kBlock), 0, warp_kernel<T>(columns),
           from, rows, static_cast<unsigned>(columns), static_cast<unsigned>(k), values, indices);
  } else {
    select(stream, from, rows, columns, k, values, indices, workspace);
  }
}

}  // namespace

std::size_t top_k_workspace(DType type, std::int64_t rows, std::int64_t columns, std::int64_t k) {
  std::size_t bytes = 0;
  with_float("top_k", type, [&](auto zero) {
    const Candidates<decltype(zero)> candidates(columns, k);
    bytes = static_cast<std::size_t>(candidates.rows(rows) * candidates.row_bytes());
  });
  return bytes;
}

void top_k(cudaStream_t stream, DType type, const void* from, std::int64_t rows, std::int64_t columns, std::int64_t k,
           void* values, std::int64_t* indices, void* workspace) {
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
    top_k_of(stream, static_cast<const T*>(from), rows, columns, k, static_cast<T*>(values), indices, workspace);
  });
}

}  // namespace tensorlane::cuda
