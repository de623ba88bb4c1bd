// A kernel's static shared memory, which holds anything at all when a block begins: here NaNs and -1, so that a kernel
// which takes it for zeros, or for what the block before has left, gives wrong results. Not under ThreadSanitizer, for
// which this would be a write of its own, and not of kernels that NVRTC compiled, whose modules come and go.
#pragma once

namespace emulation {

// Before a grid: finds the variables of libraries that were opened since.
void find_static_shared();
// Before each block, on the thread that runs it.
void spoil_static_shared();

}  // namespace emulation
