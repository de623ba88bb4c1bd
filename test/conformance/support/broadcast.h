// Broadcasting as numpy has it, for the tests to compute the strides that an operation is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tensorlane::test {

using Dims = std::vector<std::int64_t>;

struct Broadcast {
  Dims dims, a, b;  // the common shape, and each operand's stride along each of its axes: 0 where it is repeated
};

inline Dims strides_within(const Dims& own, const Dims& common) {
  Dims strides(common.size(), 0);
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < own.size(); ++i) {
    const std::int64_t dim = own[own.size() - 1 - i];
    if (dim != 1) strides[common.size() - 1 - i] = stride;
    stride *= dim;
  }
  return strides;
}

inline Broadcast broadcast(const Dims& a, const Dims& b) {
  Broadcast result;
  result.dims.resize(std::max(a.size(), b.size()), 1);
  for (const Dims* own : {&a, &b}) {
    const std::size_t missing = result.dims.size() - own->size();
    for (std::size_t i = 0; i < own->size(); ++i) {
      if ((*own)[i] != 1) result.dims[missing + i] = (*own)[i];
    }
  }
  result.a = strides_within(a, result.dims);
  result.b = strides_within(b, result.dims);
  return result;
}

inline std::int64_t product(const Dims& dims) {
  std::int64_t all = 1;
  for (const std::int64_t dim : dims) all *= dim;
  return all;
}

inline std::string text(const Dims& dims) {
  std::string all = "[";
  for (const std::int64_t dim : dims) all += (all.size() > 1 ? ", " : "") + std::to_string(dim);
  return all + "]";
}

}  // namespace tensorlane::test
