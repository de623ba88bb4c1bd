// Fibers of streams that ended, for later ones. A stack costs nine calls of the kernel, AddressSanitizer's second one among
// them, and ThreadSanitizer keeps half a megabyte for each, which it clears whenever one is made: streams that live as
// briefly as those of the tests would spend most of their time on that.
//
// To ThreadSanitizer a fiber stays ordered after all that its stream was ordered after, which must not hide a race of the next stream's.
// So it rests until no device or pinned memory is alive. Kernels touch no other, and memory that comes later has no
// history.
#pragma once

#include <cstddef>

#include "runtime/fibers.h"

namespace emulation {

// Takes a fiber that waits for its next CUDA thread, or has not begun; false: there are enough.
bool rest_fiber(Fiber& fiber);
// A fiber to restart, or null: make one.
Fiber* rested_fiber();
// Before memory is given out; under the lock.
void wake_fibers_if_nothing_lives();

}  // namespace emulation
