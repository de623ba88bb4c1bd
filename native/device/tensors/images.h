// Images, made into what models take.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "device/request.h"

namespace tensorlane {

// uint8 images, batch x height x width x channels, to float32, batch x channels x to_height x to_width, resized by
// bilinear interpolation with half-pixel centres and edges repeated: (pixel * scale - mean) / deviation.
struct ImageToTensorArgs {
  static constexpr int kMostChannels = 4;
  static constexpr std::int64_t kMostSide = (std::int64_t{1} << 31) - 1;  // nothing made of two of them overflows
  std::int64_t batch = 0, height = 0, width = 0;
  int channels = 0;
  std::int64_t to_height = 0, to_width = 0;
  float scale = 1;
  std::array<float, kMostChannels> mean{}, deviation{};  // a channel
  bool swap_red_blue = false;                            // of 3 or 4 channels, before mean and deviation
  Operand a, result;

  // Of an image that is made much smaller only a part is read; each element takes several steps.
  [[nodiscard]] double work(double bytes) const { return 6 * std::min(bytes, 2 * static_cast<double>(result.bytes)); }

  void read(Request& request) {
    batch = request.size("batch");
    height = request.size("height");
    width = request.size("width");
    to_height = request.size("toHeight");
    to_width = request.size("toWidth");
    const std::int64_t of_image = request.size("channels");
    const bool is_image = std::min({height, width, to_height, to_width}) >= 1 &&
                          std::max({height, width, to_height, to_width}) <= kMostSide;
    if (!is_image || of_image < 1 || of_image > kMostChannels)
      throw Error(Code::Shape, "imageToTensor: these are no images");
    channels = static_cast<int>(of_image);
    scale = request.number("scale");
    mean = of_channels(request, "mean");
    deviation = of_channels(request, "std");
    swap_red_blue = request.flag("swapRedBlue");
    if (swap_red_blue && channels < 3) {
      throw Error(Code::Argument, "imageToTensor: there is no red and blue to swap");
    }
    request.operand(a, "a", checked_bytes(DType::UInt8, {batch, height, width, of_image}));
    request.result(result, checked_bytes(DType::Float32, {batch, of_image, to_height, to_width}));
  }

 private:
  [[nodiscard]] std::array<float, kMostChannels> of_channels(const Request& request, const char* name) const {
    const std::vector<float> given = request.numbers(name);
    if (given.size() < static_cast<std::size_t>(channels)) {
      throw Error(Code::Argument, std::string(name) + " must have a number for every channel");
    }
    std::array<float, kMostChannels> found{};
    std::copy_n(given.begin(), channels, found.begin());
    return found;
  }
};

#define TENSORLANE_IMAGES(ROW) ROW(image_to_tensor, ImageToTensorArgs, "imageToTensor", true)

}  // namespace tensorlane
