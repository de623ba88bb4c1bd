// The linear algebra of a CUDA device, one operation a file. Each puts its work on the lane's stream; what it must look
// at when the device is done, it defers. Errors and meaning as in device.h.
#pragma once

#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

void svd(CudaLane& lane, const SvdArgs& args);
void eigh(CudaLane& lane, const EighArgs& args);
void matmul(CudaLane& lane, const MatmulArgs& args);
void solve(CudaLane& lane, const SolveArgs& args);
void inv(CudaLane& lane, const InvArgs& args);
void cholesky(CudaLane& lane, const CholeskyArgs& args);
void qr(CudaLane& lane, const QrArgs& args);
void det(CudaLane& lane, const DetArgs& args);

}  // namespace tensorlane::cuda
