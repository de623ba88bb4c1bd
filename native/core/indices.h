// The indices and offsets of rows that an operation is given, checked before any row is touched. Copies: whoever owns
// them may change them meanwhile.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"

namespace tensorlane {

inline Error index_error(const std::string& which, std::int64_t rows) {
  return {Code::Argument, which + " is out of range for " + std::to_string(rows) + " rows; expected -" +
                              std::to_string(rows) + " to " + std::to_string(rows - 1)};
}

// Negative ones count from the end. Errors: Argument.
template <typename Index>
std::vector<std::int64_t> wrapped_indices(const std::byte* indices, std::int64_t count, std::int64_t rows) {
  std::vector<std::int64_t> wrapped(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    Index index;
    std::memcpy(&index, indices + i * sizeof(Index), sizeof(Index));
    if (index < -rows || index >= rows) {
      throw index_error("index " + std::to_string(index) + " at " + std::to_string(i), rows);
    }
    wrapped[i] = index < 0 ? index + rows : index;
  }
  return wrapped;
}

inline std::vector<std::int64_t> wrapped_indices(DType type, const std::byte* indices, std::int64_t count,
                                                 std::int64_t rows) {
  return type == DType::Int32 ? wrapped_indices<std::int32_t>(indices, count, rows)
                              : wrapped_indices<std::int64_t>(indices, count, rows);
}

// Of `count` sequences in so many elements. Errors: Argument.
inline std::vector<std::int64_t> checked_offsets(const std::byte* offsets, std::int64_t count, std::int64_t elements) {
  std::vector<std::int64_t> checked(static_cast<std::size_t>(count) + 1);
  std::memcpy(checked.data(), offsets, checked.size() * sizeof(std::int64_t));
  if (checked.front() < 0 || checked.back() > elements || !std::ranges::is_sorted(checked)) {
    throw Error(Code::Argument, "the offsets do not rise from 0 to " + std::to_string(elements));
  }
  return checked;
}

}  // namespace tensorlane
