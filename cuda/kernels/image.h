// Images to what vision models take.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace tensorlane::cuda {

struct ImageArgs {
  std::int64_t batch = 0, height = 0, width = 0;  // of the images as given: uint8, HWC
  int channels = 3;                               // 1 to 4
  std::int64_t to_height = 0, to_width = 0;       // of the result
  float scale = 1.0F / 255.0F;                    // (pixel * scale - mean) / deviation, a channel at a time
  float mean[4] = {0, 0, 0, 0};
  float deviation[4] = {1, 1, 1, 1};
  bool swap_red_blue = false;  // BGR from RGB and the other way round, before mean and deviation
};

// uint8 HWC to normalised float CHW, resized by bilinear interpolation with half-pixel centres and edges repeated
// (OpenCV's INTER_LINEAR, torch's interpolate with align_corners=False; no antialiasing), in one pass.
void image_to_tensor(cudaStream_t stream, const ImageArgs& args, const std::uint8_t* images, float* to);

}  // namespace tensorlane::cuda
