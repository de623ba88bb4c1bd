// Rows of the leading dimension: picked and placed by their indices, and made from sequences of different lengths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "device/request.h"

namespace tensorlane {

// What gather and scatter have in common. Gives the bytes of a row.
template <typename Args>
std::int64_t read_rows(Request& request, Args& args) {
  const std::int64_t row_bytes = request.size("rowBytes");
  args.row_bytes = static_cast<std::size_t>(row_bytes);
  args.rows = request.size("rows");
  args.count = request.size("count");
  args.index_type = request.type("indexType");
  if (args.index_type != DType::Int32 && args.index_type != DType::Int64) {
    throw Error(Code::DType, "indices must be int32 or int64");
  }
  request.operand(args.a, "a", static_cast<std::size_t>(checked_product({args.rows, row_bytes})));
  request.operand(args.indices, "indices", checked_bytes(args.index_type, {args.count}));
  return row_bytes;
}

// result[i] = a[indices[i]], in rows of so many bytes. An index is int32 or int64, from -rows to rows - 1: negative
// ones count from the end. Errors: Argument (an index that is out of range).
struct GatherArgs {
  std::size_t row_bytes = 0;
  std::int64_t rows = 0, count = 0;
  DType index_type{};
  Operand a, indices, result;

  void read(Request& request) {
    const std::int64_t bytes = read_rows(request, *this);
    request.result(result, static_cast<std::size_t>(checked_product({count, bytes})));
  }
};

// result = a, but result[indices[i]] = updates[i], the last one where a row is named several times. Else as in
// GatherArgs.
struct ScatterArgs {
  std::size_t row_bytes = 0;
  std::int64_t rows = 0, count = 0;
  DType index_type{};
  Operand a, indices, updates, result;

  void read(Request& request) {
    const std::int64_t bytes = read_rows(request, *this);
    request.operand(updates, "updates", static_cast<std::size_t>(checked_product({count, bytes})));
    request.result(result, static_cast<std::size_t>(checked_product({rows, bytes})));
  }
};

// `count` sequences that lie one after the other in `elements` elements, the i-th from offsets[i] up to offsets[i + 1]
// (int64, in host memory), to rows of `length` elements: cut off, or filled up with `value`. Errors: Argument (offsets
// that do not rise from 0 to `elements`).
struct PadArgs {
  std::size_t element_bytes = 0;  // 1, 2, 4, 8 or 16
  std::int64_t elements = 0, count = 0, length = 0;
  std::array<std::byte, 16> value{};
  Operand a, offsets, result;

  void read(Request& request) {
    const DType type = request.type();
    element_bytes = byte_size(type, 1);
    elements = request.size("elements");
    count = request.size("count");
    length = request.size("length");
    request.operand(a, "a", checked_bytes(type, {elements}));
    offsets = request.host_operand("offsets", checked_bytes(DType::Int64, {count + 1}));
    std::memcpy(value.data(), request.host_operand("value", element_bytes).data, element_bytes);
    request.result(result, checked_bytes(type, {count, length}));
  }
};

#define TENSORLANE_ROWS(ROW)                 \
  ROW(gather, GatherArgs, "gather", true)    \
  ROW(scatter, ScatterArgs, "scatter", true) \
  ROW(pad, PadArgs, "pad", true)

}  // namespace tensorlane
