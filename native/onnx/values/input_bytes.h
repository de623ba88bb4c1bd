// The bytes of an input's parts, wherever they go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "device/memory.h"

namespace tensorlane {

inline std::size_t total_bytes(std::span<const Operand> parts) {
  return std::transform_reduce(parts.begin(), parts.end(), std::size_t{0}, std::plus<>(),
                               [](const Operand& part) { return part.bytes; });
}

// A bool is one byte, 0 or anything else, as numpy and our callers have it; the runtime's operators compare bytes, and take
// 255 for neither true nor false.
inline std::byte* copy_elements(DType type, const Operand& from, std::byte* to) {
  if (type != DType::Bool) return std::copy_n(from.data, from.bytes, to);
  return std::transform(from.data, from.data + from.bytes, to,
                        [](std::byte value) { return std::byte{value != std::byte{0}}; });
}

// Of bools in host memory: copies of them, which `to` keeps.
inline void normalize_bools(std::vector<Operand>& parts, std::vector<std::byte>& to) {
  to.resize(total_bytes(parts));
  std::byte* end = to.data();
  for (const Operand& part : parts) end = copy_elements(DType::Bool, part, end);
  parts = {{to.data(), to.size(), nullptr}};
}

}  // namespace tensorlane
