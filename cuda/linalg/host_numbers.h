// What the host computes for a CUDA device, with numbers for which there are no kernels here: complex ones, and products of integers.
#pragma once

#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

#define TENSORLANE_ON_HOST(Args) void compute_on_host(CudaLane& lane, const Args& args);
TENSORLANE_ON_HOST(MatmulArgs)
TENSORLANE_ON_HOST(SolveArgs)
TENSORLANE_ON_HOST(InvArgs)
TENSORLANE_ON_HOST(DetArgs)
TENSORLANE_ON_HOST(CholeskyArgs)
TENSORLANE_ON_HOST(QrArgs)
TENSORLANE_ON_HOST(EighArgs)
TENSORLANE_ON_HOST(SvdArgs)
TENSORLANE_ON_HOST(LuFactorArgs)
TENSORLANE_ON_HOST(LuSolveArgs)
TENSORLANE_ON_HOST(SolveTriangularArgs)
TENSORLANE_ON_HOST(BinaryArgs)
TENSORLANE_ON_HOST(UnaryArgs)
#undef TENSORLANE_ON_HOST

template <typename Args>
bool is_of_host(const Args& args) {
  return is_complex(args.type);
}
inline bool is_of_host(const MatmulArgs& args) { return !is_float(args.type); }

}  // namespace tensorlane::cuda
