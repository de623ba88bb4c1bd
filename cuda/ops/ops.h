// The operations on tensors that a CUDA device does with kernels of its own, without any library: one family a file.
// Each puts its work on the lane's stream. Errors and meaning as in device.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "cuda/runtime/lane.h"
#include "device/device.h"

namespace tensorlane::cuda {

void cast(CudaLane& lane, const CastArgs& args);
void transpose(CudaLane& lane, const TransposeArgs& args);
void reduce(CudaLane& lane, const ReduceArgs& args);
void argmax(CudaLane& lane, const ArgmaxArgs& args);
void top_k(CudaLane& lane, const TopKArgs& args);
void has_non_finite(CudaLane& lane, const HasNonFiniteArgs& args);
void gather(CudaLane& lane, const GatherArgs& args);
void scatter(CudaLane& lane, const ScatterArgs& args);
void pad(CudaLane& lane, const PadArgs& args);
void image_to_tensor(CudaLane& lane, const ImageToTensorArgs& args);

// Of so many elements of any type that fills whole bytes.
inline std::size_t size_of_elements(DType type, std::int64_t elements) {
  return byte_size(type, static_cast<std::size_t>(elements));
}

}  // namespace tensorlane::cuda
