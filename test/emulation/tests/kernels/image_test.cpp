#include "cuda/kernels/image.h"

#include <algorithm>

#include "core/error.h"
#include "kernel_test.h"

namespace tensorlane::test {
namespace {

// One channel at one place, by the definition and in double.
double sample(const std::vector<std::uint8_t>& images, const cuda::ImageArgs& args, std::int64_t b, std::int64_t y,
              std::int64_t x, int channel) {
  const auto at = [&](std::int64_t row, std::int64_t column) {
    row = std::clamp<std::int64_t>(row, 0, args.height - 1);
    column = std::clamp<std::int64_t>(column, 0, args.width - 1);
    return static_cast<double>(
        images[static_cast<std::size_t>(((b * args.height + row) * args.width + column) * args.channels + channel)]);
  };
  const auto place = [](std::int64_t i, std::int64_t from, std::int64_t to) {
    return (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
  };
  const double row = place(y, args.height, args.to_height);
  const double column = place(x, args.width, args.to_width);
  const auto top = static_cast<std::int64_t>(std::floor(row));
  const auto left = static_cast<std::int64_t>(std::floor(column));
  const double down = row - std::floor(row);
  const double across = column - std::floor(column);
  return (1 - down) * ((1 - across) * at(top, left) + across * at(top, left + 1)) +
         down * ((1 - across) * at(top + 1, left) + across * at(top + 1, left + 1));
}

void check_image(Random& random, const cuda::ImageArgs& args, std::size_t from_at) {
  CAPTURE(args.batch);
  CAPTURE(args.height);
  CAPTURE(args.width);
  CAPTURE(args.to_height);
  CAPTURE(args.to_width);
  CAPTURE(args.channels);
  CAPTURE(args.swap_red_blue);
  const Stream stream;
  const auto images =
      random_bytes(random, static_cast<std::size_t>(args.batch * args.height * args.width * args.channels));
  const std::int64_t count = args.batch * args.channels * args.to_height * args.to_width;
  const Array<std::uint8_t> source(stream, images, from_at);
  const Array<float> target(stream, static_cast<std::size_t>(count), from_at * sizeof(float));
  cuda::image_to_tensor(stream, args, source.data(), target.data());
  const std::vector<float> result = target.fetch();
  double worst = 0;
  std::size_t i = 0;
  for (std::int64_t b = 0; b < args.batch; ++b) {
    for (int c = 0; c < args.channels; ++c) {
      const int channel = args.swap_red_blue && c != 1 && c != 3 ? 2 - c : c;
      for (std::int64_t y = 0; y < args.to_height; ++y) {
        for (std::int64_t x = 0; x < args.to_width; ++x, ++i) {
          const double pixel = sample(images, args, b, y, x, channel);
          const double expected = (pixel * args.scale - args.mean[c]) / args.deviation[c];
          // In units of what a float32 can tell apart of the largest number on the way.
          const double unit = (255 * std::abs(args.scale) + std::abs(args.mean[c])) / std::abs(args.deviation[c]) *
                              std::numeric_limits<float>::epsilon();
          worst = std::max(worst, std::abs(static_cast<double>(result[i]) - expected) / unit);
        }
      }
    }
  }
  CHECK_MESSAGE(worst <= 4.0, "off by units in the last place: " << worst);
}

TEST_CASE("kernels: images are resized, normalised and put into planes") {
  Random random(6);
  for (int i = 0; i < some(60); ++i) {
    cuda::ImageArgs args;
    args.batch = between(random, 0, 3);
    args.height = between(random, 1, 40);
    args.width = between(random, 1, 40);
    args.channels = static_cast<int>(between(random, 1, 4));
    const bool keep = i % 4 == 0;
    args.to_height = keep ? args.height : any_size(random, 70);
    args.to_width = keep ? args.width : any_size(random, 70);
    args.swap_red_blue = args.channels >= 3 && i % 2 == 0;
    if (i % 3 != 0) {
      for (int c = 0; c < 4; ++c) {
        args.mean[c] = 0.4F + 0.1F * static_cast<float>(c);
        args.deviation[c] = 0.2F + 0.05F * static_cast<float>(c);
      }
    }
    if (i % 5 == 0) args.scale = 2.0F;
    check_image(random, args, static_cast<std::size_t>(i % 2));
  }
}

TEST_CASE("kernels: what lies between pixels is found exactly in large images") {
  Random random(7);
  cuda::ImageArgs args;
  args.batch = 1;
  args.channels = 1;
  args.height = 1;
  args.to_height = 1;
  args.width = 50'000;
  args.to_width = 60'000;  // beyond 32 bits
  check_image(random, args, 0);
  args.to_width = 100;
  check_image(random, args, 0);
  if (kSpeed >= 1) {
    args.width = 3;
    args.to_width = 600'000;  // more columns than the grid has threads
    check_image(random, args, 0);
  }
}

TEST_CASE("kernels: image_to_tensor refuses what it cannot do") {
  cuda::ImageArgs args;
  args.batch = args.to_height = args.to_width = 1;
  CHECK_THROWS_AS(cuda::image_to_tensor(nullptr, args, nullptr, nullptr), Error);
  args.height = args.width = 1;
  args.channels = 5;
  CHECK_THROWS_AS(cuda::image_to_tensor(nullptr, args, nullptr, nullptr), Error);
  args.channels = 2;
  args.swap_red_blue = true;
  CHECK_THROWS_AS(cuda::image_to_tensor(nullptr, args, nullptr, nullptr), Error);
}

}  // namespace
}  // namespace tensorlane::test
