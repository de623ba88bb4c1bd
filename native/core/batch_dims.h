// Walks the leading (batch) dimensions of an operation whose operands broadcast against each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/lanes/stop.h"

namespace tensorlane {

// Calls visit(index, a_index, b_index) for every element of `dims` in row-major order, where the last two are the
// operands' matrices by their strides. Errors: Aborted, between two of them.
template <typename Visit>
void for_each_batch(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& a_strides,
                    const std::vector<std::int64_t>& b_strides, Visit visit) {
  std::int64_t total = 1;
  for (const std::int64_t dim : dims) total *= dim;
  std::vector<std::int64_t> at(dims.size(), 0);
  std::int64_t a = 0;
  std::int64_t b = 0;
  for (std::int64_t index = 0; index < total; ++index) {
    Stop::look();
    visit(index, a, b);
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      a += a_strides[axis];
      b += b_strides[axis];
      if (++at[axis] < dims[axis]) break;
      a -= a_strides[axis] * dims[axis];
      b -= b_strides[axis] * dims[axis];
      at[axis] = 0;
    }
  }
}

}  // namespace tensorlane
