// A thread makes a pixel of the result, in all of its channels. Where a pixel of the result lies between those of the
// image is computed in integers, so that it is exact however large they are.
#include <string>

#include "core/error.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/image.h"
#include "cuda/kernels/pack.h"
#include "cuda/runtime/launch.h"

namespace tensorlane::cuda {
namespace {

struct Plan {
  std::int64_t batch, height, width, to_height, to_width;
  float factor[4], offset[4];  // pixel * factor + offset
  bool swap;
};

struct Between {
  std::int64_t low, high;
  float weight;  // of high
};

// The centre of pixel i of `to` pixels, (i + 1/2) * from / to - 1/2, as low + weight. Index is wide enough for 2 * to *
// from.
template <typename Index>
__device__ Between between(std::int64_t i, std::int64_t from, std::int64_t to) {
  const std::int64_t twice = (2 * i + 1) * from - to;  // over 2 * to
  if (twice <= 0) return {0, 0, 0.0F};
  const auto numerator = static_cast<Index>(twice);
  const auto denominator = static_cast<Index>(2 * to);
  const Index low = numerator / denominator;
  const std::int64_t last = from - 1;
  return {static_cast<std::int64_t>(low), min(static_cast<std::int64_t>(low) + 1, last),
          static_cast<float>(numerator - low * denominator) / static_cast<float>(denominator)};
}

template <int kChannels>
__device__ Pack<std::uint8_t, 4> pixel_at(const std::uint8_t* image, std::int64_t pixel) {
  Pack<std::uint8_t, 4> result = {};
  for (int c = 0; c < kChannels; ++c) result.v[c] = image[pixel * kChannels + c];
  return result;
}

__device__ inline float mix(float a, float b, float weight) { return fmaf(b - a, weight, a); }

template <int kChannels, bool kResize, typename Index>
__global__ void __launch_bounds__(kBlock) image_kernel(Plan plan, const std::uint8_t* images, float* to) {
  const std::int64_t plane = plan.to_height * plan.to_width;
  const std::int64_t x_step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t y_step = static_cast<std::int64_t>(gridDim.y) * blockDim.y;
  const std::int64_t first_y = static_cast<std::int64_t>(blockIdx.y) * blockDim.y + threadIdx.y;
  for (std::int64_t x = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; x < plan.to_width;
       x += x_step) {
    const Between across = kResize ? between<Index>(x, plan.width, plan.to_width) : Between{x, x, 0.0F};
    for (std::int64_t y = first_y; y < plan.to_height; y += y_step) {
      const Between down = kResize ? between<Index>(y, plan.height, plan.to_height) : Between{y, y, 0.0F};
      for (std::int64_t b = blockIdx.z; b < plan.batch; b += gridDim.z) {
        const std::uint8_t* image = images + b * plan.height * plan.width * kChannels;
        float* out = to + b * plane * kChannels + y * plan.to_width + x;
        float value[kChannels];
        if constexpr (kResize) {
          const auto a = pixel_at<kChannels>(image, down.low * plan.width + across.low);
          const auto c = pixel_at<kChannels>(image, down.low * plan.width + across.high);
          const auto d = pixel_at<kChannels>(image, down.high * plan.width + across.low);
          const auto e = pixel_at<kChannels>(image, down.high * plan.width + across.high);
          for (int k = 0; k < kChannels; ++k) {
            value[k] = mix(mix(a.v[k], c.v[k], across.weight), mix(d.v[k], e.v[k], across.weight), down.weight);
          }
        } else {
          const auto a = pixel_at<kChannels>(image, y * plan.width + x);
          for (int k = 0; k < kChannels; ++k) value[k] = a.v[k];
        }
        for (int k = 0; k < kChannels; ++k) {
          // Written out, for an index that is not constant would put the array into local memory.
          float pixel = value[k];
          if constexpr (kChannels >= 3) {
            if (plan.swap && k == 0) pixel = value[2];
            if (plan.swap && k == 2) pixel = value[0];
          }
          out[k * plane] = fmaf(pixel, plan.factor[k], plan.offset[k]);
        }
      }
    }
  }
}

template <int kChannels>
void run(cudaStream_t stream, const Plan& plan, const std::uint8_t* images, float* to) {
  const Shape shape = matrix_shape(1, plan.to_height, plan.to_width);
  const dim3 grid(shape.grid.x, shape.grid.y, limited(plan.batch, kGridYZ));
  const bool resize = plan.height != plan.to_height || plan.width != plan.to_width;
  constexpr std::int64_t kLimit = std::int64_t{1} << 32;
  const bool fits = 2 * plan.to_height * plan.height < kLimit && 2 * plan.to_width * plan.width < kLimit;
  const auto kernel = !resize ? &image_kernel<kChannels, false, std::uint32_t>
                      : fits  ? &image_kernel<kChannels, true, std::uint32_t>
                              : &image_kernel<kChannels, true, std::uint64_t>;
  launch(stream, grid, shape.block, 0, kernel, plan, images, to);
}

}  // namespace

void image_to_tensor(cudaStream_t stream, const ImageArgs& args, const std::uint8_t* images, float* to) {
  if (args.channels < 1 || args.channels > 4) {
    throw Error(Code::Argument, "image_to_tensor: " + std::to_string(args.channels) + " channels; expected 1 to 4");
  }
  if (args.swap_red_blue && args.channels < 3) {
    throw Error(Code::Argument, "image_to_tensor: red and blue cannot be swapped in an image of " +
                                    std::to_string(args.channels) + " channels; expected 3 or 4");
  }
  if (args.batch == 0 || args.to_height == 0 || args.to_width == 0) return;
  if (args.height == 0 || args.width == 0) {
    throw Error(Code::Shape, "image_to_tensor: an image of " + std::to_string(args.height) + " x " +
                                 std::to_string(args.width) + " pixels cannot be resized; expected at least one");
  }
  Plan plan{};
  plan.batch = args.batch;
  plan.height = args.height;
  plan.width = args.width;
  plan.to_height = args.to_height;
  plan.to_width = args.to_width;
  plan.swap = args.swap_red_blue;
  for (int c = 0; c < args.channels; ++c) {
    const double deviation = args.deviation[c];
    plan.factor[c] = static_cast<float>(args.scale / deviation);
    plan.offset[c] = static_cast<float>(-args.mean[c] / deviation);
  }
  switch (args.channels) {
    case 1:
      return run<1>(stream, plan, images, to);
    case 2:
      return run<2>(stream, plan, images, to);
    case 3:
      return run<3>(stream, plan, images, to);
    default:
      return run<4>(stream, plan, images, to);
  }
}

}  // namespace tensorlane::cuda
