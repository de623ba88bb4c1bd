// Rows of the leading dimension, picked by their indices.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/indices.h"
#include "cpu/cpu_device.h"

namespace tensorlane {

void CpuDevice::gather(Lane& /*lane*/, const GatherArgs& args) {
  const std::vector<std::int64_t> rows = wrapped_indices(args.index_type, args.indices.data, args.count, args.rows);
  if (args.row_bytes == 0) return;
  std::byte* to = args.result.data;
  for (const std::int64_t row : rows) {
    std::memcpy(to, args.a.data + static_cast<std::size_t>(row) * args.row_bytes, args.row_bytes);
    to += args.row_bytes;
  }
}

}  // namespace tensorlane
