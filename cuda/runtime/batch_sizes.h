// How a batch of operands in host memory is cut (see batch.h). Below two chunks it goes as one piece.
#pragma once

#include <cstddef>

namespace tensorlane::cuda {

struct BatchSizes {
  std::size_t chunk_bytes = std::size_t{8} << 20U;    // of host operands
  std::size_t piece_bytes = std::size_t{4} << 20U;    // of one pinned block
  std::size_t staged_bytes = std::size_t{16} << 20U;  // pinned in each direction; what fits goes without waiting
};

}  // namespace tensorlane::cuda
