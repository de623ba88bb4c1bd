// The runtime's streams and their notifications: CUDA's streams and events.
#pragma once

#include "provider/ort.h"

namespace emulated_provider {

// Errors: Failure.
SyncStreamTable* make_stream(const MemoryDevice* memory);

}  // namespace emulated_provider
