// The algebra of complex matrices, which the host does for a CUDA device, as cpu/complex has it.
#pragma once

#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

#define TENSORLANE_ON_HOST(Args) void complex_on_host(CudaLane& lane, const Args& args);
TENSORLANE_ON_HOST(MatmulArgs)
TENSORLANE_ON_HOST(SolveArgs)
TENSORLANE_ON_HOST(InvArgs)
TENSORLANE_ON_HOST(DetArgs)
TENSORLANE_ON_HOST(CholeskyArgs)
TENSORLANE_ON_HOST(QrArgs)
TENSORLANE_ON_HOST(EighArgs)
TENSORLANE_ON_HOST(SvdArgs)
#undef TENSORLANE_ON_HOST

}  // namespace tensorlane::cuda
