// Operands over the memory of vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "device/device.h"

namespace tensorlane::test {

// An input is only read, so what is const may be one.
template <typename T>
Operand operand(const std::vector<T>& values) {
  auto* data = const_cast<T*>(values.data());
  return {reinterpret_cast<std::byte*>(data), values.size() * sizeof(T), nullptr};
}

// For a result: anything that is not written stays NaN, and no ratio of NaN is below a threshold.
template <typename T>
std::vector<T> unset(std::int64_t size) {
  return std::vector<T>(static_cast<std::size_t>(size), std::numeric_limits<T>::quiet_NaN());
}

}  // namespace tensorlane::test
