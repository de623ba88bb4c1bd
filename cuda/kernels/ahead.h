// Several accesses of memory under way at a time. A GPU's memory is kept busy by the bytes that are asked for and not
// yet there (Little's law): bandwidth times latency, which comes to some 16 KiB a multiprocessor on an H100 (3.35 TB/s,
// of which half are reads, 700 ns, 132 multiprocessors) and to less on smaller ones. A thread that waits for each
// element before it asks for the next has 4 bytes under way; 2048 of them, 8 KiB.
#pragma once

#include <cuda_runtime.h>

namespace tensorlane::cuda {

// Goes through first, first + step, ... below `count`, kAhead of them at a time: all are loaded, by load(i), before the
// first of them is used, by use(i, value). Of the last ones, what would lie beyond the end is the last element once
// more: a load that may or may not be made is a branch, and nvcc waits for what it loads before the next one.
template <int kAhead, typename Load, typename Use>
__device__ void for_each_ahead(unsigned first, unsigned count, unsigned step, Load load, Use use) {
  for (unsigned i = first; i < count; i += kAhead * step) {
    decltype(load(i)) held[kAhead];
    for (int a = 0; a < kAhead; ++a) held[a] = load(min(i + a * step, count - 1));
    for (int a = 0; a < kAhead; ++a) {
      if (i + a * step < count) use(i + a * step, held[a]);
    }
  }
}

}  // namespace tensorlane::cuda
