#include <algorithm>
#include <array>

#include "cuda/kernels/image.h"
#include "cuda/ops/ops.h"
#include "cuda/runtime/batch.h"

namespace tensorlane::cuda {

void image_to_tensor(CudaLane& lane, const ImageToTensorArgs& args) {
  ImageArgs image;
  image.height = args.height;
  image.width = args.width;
  image.channels = args.channels;
  image.to_height = args.to_height;
  image.to_width = args.to_width;
  image.scale = args.scale;
  std::ranges::copy(args.mean, image.mean);
  std::ranges::copy(args.deviation, image.deviation);
  image.swap_red_blue = args.swap_red_blue;
  const std::array inputs{
      BatchOperand{&args.a, size_of_elements(DType::UInt8, args.height * args.width * args.channels)}};
  const std::array outputs{
      BatchOperand{&args.result, size_of_elements(DType::Float32, args.to_height * args.to_width * args.channels)}};
  run_batch(lane, args.batch, inputs, outputs, [&](const Chunk& chunk) {
    image.batch = chunk.count;
    image_to_tensor(lane.stream(), image, static_cast<const std::uint8_t*>(chunk.inputs[0]),
                    static_cast<float*>(chunk.outputs[0]));
  });
}

}  // namespace tensorlane::cuda
