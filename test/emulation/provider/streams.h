// The runtime's streams and their notifications: CUDA's streams and events.
#pragma once

#include <cuda_runtime_api.h>

#include "provider/ort.h"

namespace emulated_provider {

// Errors: Failure.
SyncStreamTable* make_stream(const MemoryDevice* memory);
// One that is somebody else's, who keeps it for as long.
SyncStreamTable* lend_stream(int device, cudaStream_t stream);

}  // namespace emulated_provider
