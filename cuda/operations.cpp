// The operations on tensors of a CUDA device, as Device has them.
#include "cuda/cuda_device.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/lane.h"

namespace tensorlane::cuda {

void CudaDevice::cast(Lane& lane, const CastArgs& args) { cuda::cast(CudaLane::of(lane), args); }
void CudaDevice::transpose(Lane& lane, const TransposeArgs& args) { cuda::transpose(CudaLane::of(lane), args); }
void CudaDevice::reduce(Lane& lane, const ReduceArgs& args) { cuda::reduce(CudaLane::of(lane), args); }
void CudaDevice::argmax(Lane& lane, const ArgmaxArgs& args) { cuda::argmax(CudaLane::of(lane), args); }
void CudaDevice::top_k(Lane& lane, const TopKArgs& args) { cuda::top_k(CudaLane::of(lane), args); }
void CudaDevice::has_non_finite(Lane& lane, const HasNonFiniteArgs& args) {
  cuda::has_non_finite(CudaLane::of(lane), args);
}
void CudaDevice::gather(Lane& lane, const GatherArgs& args) { cuda::gather(CudaLane::of(lane), args); }
void CudaDevice::scatter(Lane& lane, const ScatterArgs& args) { cuda::scatter(CudaLane::of(lane), args); }
void CudaDevice::pad(Lane& lane, const PadArgs& args) { cuda::pad(CudaLane::of(lane), args); }
void CudaDevice::image_to_tensor(Lane& lane, const ImageToTensorArgs& args) {
  cuda::image_to_tensor(CudaLane::of(lane), args);
}

}  // namespace tensorlane::cuda
