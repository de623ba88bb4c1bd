// Messages in Protocol Buffers' wire format, for the tiny models that are made here. Field numbers are those of onnx.proto
// (https://github.com/onnx/onnx).
#pragma once

#include <cstdint>
#include <string>

namespace tensorlane::graph {

using Encoded = std::string;

inline Encoded varint(std::uint64_t value) {
  Encoded bytes;
  for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(value | 0x80U);
  return bytes + static_cast<char>(value);
}

inline Encoded integer(unsigned field, std::int64_t value) {
  return varint(field << 3U) + varint(static_cast<std::uint64_t>(value));
}

// Also of a message inside of another.
inline Encoded text(unsigned field, const Encoded& value) {
  return varint(field << 3U | 2U) + varint(value.size()) + value;
}

}  // namespace tensorlane::graph
