// Runs the blocks of a kernel, one after the other, on the thread of a stream.
#pragma once

#include <cstddef>
#include <functional>

#include "cuda_runtime.h"

namespace emulation {

struct Grid {
  dim3 grid;
  dim3 block;
  std::size_t shared = 0;  // bytes of dynamic shared memory
};

// Returns what went wrong: cudaSuccess, a barrier that cannot complete, or a kernel's trap.
cudaError_t run_grid(const Grid& grid, const std::function<void()>& body);
// Before the thread ends.
void release_block_runner();

}  // namespace emulation
