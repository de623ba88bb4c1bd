// The linear algebra of a CUDA device, as Device has it.
#include "cuda/cuda_device.h"
#include "cuda/linalg/linalg.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

void CudaDevice::svd(Lane& lane, const SvdArgs& args) { cuda::svd(CudaLane::of(lane), args); }
void CudaDevice::eigh(Lane& lane, const EighArgs& args) { cuda::eigh(CudaLane::of(lane), args); }
void CudaDevice::matmul(Lane& lane, const MatmulArgs& args) { cuda::matmul(CudaLane::of(lane), args); }
void CudaDevice::solve(Lane& lane, const SolveArgs& args) { cuda::solve(CudaLane::of(lane), args); }
void CudaDevice::inv(Lane& lane, const InvArgs& args) { cuda::inv(CudaLane::of(lane), args); }
void CudaDevice::cholesky(Lane& lane, const CholeskyArgs& args) { cuda::cholesky(CudaLane::of(lane), args); }
void CudaDevice::qr(Lane& lane, const QrArgs& args) { cuda::qr(CudaLane::of(lane), args); }
void CudaDevice::det(Lane& lane, const DetArgs& args) { cuda::det(CudaLane::of(lane), args); }

}  // namespace tensorlane::cuda
