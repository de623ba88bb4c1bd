// Rows of the leading dimension: picked and placed by their indices, and made from sequences of different lengths.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/indices.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

void copy_bytes(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes != 0) std::memcpy(to, from, bytes);
}

}  // namespace

void gather(Lane& /*lane*/, const GatherArgs& args) {
  std::byte* to = args.result.data;
  for (const std::int64_t row : wrapped_indices(args.index_type, args.indices.data, args.count, args.rows)) {
    copy_bytes(to, args.a.data + static_cast<std::size_t>(row) * args.row_bytes, args.row_bytes);
    to += args.row_bytes;
  }
}

void scatter(Lane& /*lane*/, const ScatterArgs& args) {
  const auto rows = wrapped_indices(args.index_type, args.indices.data, args.count, args.rows);
  copy_bytes(args.result.data, args.a.data, static_cast<std::size_t>(args.rows) * args.row_bytes);
  const std::byte* from = args.updates.data;
  for (const std::int64_t row : rows) {
    copy_bytes(args.result.data + static_cast<std::size_t>(row) * args.row_bytes, from, args.row_bytes);
    from += args.row_bytes;
  }
}

void pad(Lane& /*lane*/, const PadArgs& args) {
  const auto offsets = checked_offsets(args.offsets.data, args.count, args.elements);
  std::byte* to = args.result.data;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::int64_t given = std::min(offsets[i + 1] - offsets[i], args.length);
    const std::size_t bytes = static_cast<std::size_t>(given) * args.element_bytes;
    copy_bytes(to, args.a.data + static_cast<std::size_t>(offsets[i]) * args.element_bytes, bytes);
    to += bytes;
    for (std::int64_t e = given; e < args.length; ++e, to += args.element_bytes) {
      std::memcpy(to, args.value.data(), args.element_bytes);
    }
  }
}

}  // namespace tensorlane::cpu
