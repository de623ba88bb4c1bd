// A CUDA GPU as the device under test, or the emulation of one.
#include "cuda/cuda_device.h"
#include "subject.h"

namespace tensorlane::test {

const Traits& traits() {
  // A batch of small matrices goes to other routines than one of them.
  static const Traits all{"CUDA", {SvdDriver::Auto, SvdDriver::Gesvd, SvdDriver::Gesvdj, SvdDriver::Gesvdp}, false};
  return all;
}

std::shared_ptr<Device> open_device(const SubjectOptions& options) {
  cuda::CudaOptions cuda;
  cuda.lanes = options.lanes;
  cuda.batches = {.chunk_bytes = kChunkBytes, .piece_bytes = kChunkBytes / 2, .staged_bytes = 2 * kChunkBytes};
  return std::make_shared<cuda::CudaDevice>(cuda);
}

}  // namespace tensorlane::test
