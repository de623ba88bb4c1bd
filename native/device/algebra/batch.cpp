#include "device/algebra/batch.h"

namespace tensorlane {

BroadcastBatch::BroadcastBatch(const Request& request)
    : dims(request.sizes("batchDims")), a_strides(request.sizes("aStrides")), b_strides(request.sizes("bStrides")) {
  if (a_strides.size() != dims.size() || b_strides.size() != dims.size()) {
    throw Error(Code::Argument, "one stride for every batch dimension is needed");
  }
  for (const std::int64_t dim : dims) total = checked_product({total, dim});
}

std::int64_t BroadcastBatch::matrices(const std::vector<std::int64_t>& strides) const {
  if (total == 0) return 0;
  std::int64_t count = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (__builtin_add_overflow(count, checked_product({strides[i], dims[i] - 1}), &count)) {
      throw Error(Code::Shape, "an operand has more matrices than can be counted");
    }
  }
  return count;
}

}  // namespace tensorlane
