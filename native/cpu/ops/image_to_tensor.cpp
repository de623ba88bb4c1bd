// Images to what vision models take: resized, normalised, and a plane for each channel, in one pass.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

// Where a pixel of the result lies between two pixels of the image, along one axis.
struct Between {
  std::int64_t low, high;
  float weight;  // of high
};

// The centre of pixel i of `to` pixels is at (i + 1/2) * from / to - 1/2: computed in integers, so that it is exact
// however large they are.
std::vector<Between> between(std::int64_t from, std::int64_t to) {
  std::vector<Between> pixels(static_cast<std::size_t>(to), Between{0, 0, 0});
  for (std::int64_t i = 0; i < to; ++i) {
    const std::int64_t twice = (2 * i + 1) * from - to;  // over 2 * to
    if (twice <= 0) continue;
    const std::int64_t low = twice / (2 * to);
    const auto rest = static_cast<float>(twice - low * 2 * to);
    pixels[static_cast<std::size_t>(i)] = {low, std::min(low + 1, from - 1), rest / static_cast<float>(2 * to)};
  }
  return pixels;
}

float mix(float a, float b, float weight) { return a + (b - a) * weight; }

}  // namespace

void image_to_tensor(Lane& /*lane*/, const ImageToTensorArgs& args) {
  if (args.batch == 0) return;
  const std::vector<Between> down = between(args.height, args.to_height);
  const std::vector<Between> across = between(args.width, args.to_width);
  const std::int64_t channels = args.channels;
  float* to = elements<float>(args.result);
  for (std::int64_t image = 0; image < args.batch; ++image) {
    const auto* from = elements<const std::uint8_t>(args.a) + image * args.height * args.width * channels;
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto channel = static_cast<std::size_t>(c);
      const double deviation = args.deviation.at(channel);
      const auto factor = static_cast<float>(args.scale / deviation);
      const auto offset = static_cast<float>(-args.mean.at(channel) / deviation);
      const std::uint8_t* plane = from + (args.swap_red_blue && c != 1 && c < 3 ? 2 - c : c);
      for (const Between& y : down) {
        const std::uint8_t* above = plane + y.low * args.width * channels;
        const std::uint8_t* below = plane + y.high * args.width * channels;
        for (const Between& x : across) {
          const std::int64_t left = x.low * channels;
          const std::int64_t right = x.high * channels;
          const float top = mix(above[left], above[right], x.weight);
          const float bottom = mix(below[left], below[right], x.weight);
          *to++ = mix(top, bottom, y.weight) * factor + offset;
        }
      }
    }
  }
}

}  // namespace tensorlane::cpu
