// Conv of images, [batch, channels, height, width], and GlobalAveragePool.
#include <algorithm>
#include <string>
#include <utility>

#include "emulation.h"
#include "provider/operators.h"

namespace emulated_provider {
namespace {

struct ConvOptions {
  Shape strides, dilations, pads;  // pads: at the beginning of each axis, then at the ends
  std::string auto_pad;
  std::int64_t groups;
};

// One axis: how long the output is, and how far before the input it begins.
struct Axis {
  std::int64_t in, kernel, stride, dilation, begin, out;
};

Axis axis_of(const ConvOptions& options, std::size_t i, std::int64_t in, std::int64_t kernel) {
  const std::int64_t stride = options.strides.at(i);
  const std::int64_t dilation = options.dilations.at(i);
  const std::int64_t window = (kernel - 1) * dilation + 1;
  std::int64_t begin = options.pads.at(i);
  std::int64_t end = options.pads.at(i + 2);
  if (options.auto_pad == "VALID") {
    begin = end = 0;
  } else if (options.auto_pad.starts_with("SAME")) {
    const std::int64_t out = (in + stride - 1) / stride;
    const std::int64_t all = std::max<std::int64_t>(0, (out - 1) * stride + window - in);
    begin = options.auto_pad == "SAME_LOWER" ? (all + 1) / 2 : all / 2;
    end = all - begin;
  }
  return {in, kernel, stride, dilation, begin, (in + begin + end - window) / stride + 1};
}

void convolve(const Run& run, const ConvOptions& options) {
  const Input x = run.input(0);
  const Input w = run.input(1);
  const Input bias = run.input(2);
  const std::int64_t channels = w.dims.at(1);  // of a group
  const std::int64_t outputs = w.dims.at(0) / options.groups;
  if (x.dims.at(1) != channels * options.groups) throw Failure("Conv: the input's channels are not the filters'");
  const Axis high = axis_of(options, 0, x.dims.at(2), w.dims.at(2));
  const Axis wide = axis_of(options, 1, x.dims.at(3), w.dims.at(3));
  const Shape dims{x.dims[0], w.dims[0], high.out, wide.out};
  auto* y = static_cast<float*>(run.output(dims));
  if (elements_of(dims) == 0) return;
  run.on_stream([=] {
    const float* image = emulation::on_device(x.floats());
    const float* filters = emulation::on_device(w.floats());
    const float* added = bias.there ? emulation::on_device(bias.floats()) : nullptr;
    float* to = emulation::on_device(y);
    const auto sum_at = [&](std::int64_t n, std::int64_t o, std::int64_t row, std::int64_t column) {
      double sum = added == nullptr ? 0 : added[o];
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t channel = o / outputs * channels + c;
        const float* plane = image + (n * x.dims[1] + channel) * high.in * wide.in;
        const float* filter = filters + (o * channels + c) * high.kernel * wide.kernel;
        for (std::int64_t i = 0; i < high.kernel; ++i) {
          const std::int64_t at = row * high.stride - high.begin + i * high.dilation;
          if (at < 0 || at >= high.in) continue;
          for (std::int64_t j = 0; j < wide.kernel; ++j) {
            const std::int64_t beside = column * wide.stride - wide.begin + j * wide.dilation;
            if (beside < 0 || beside >= wide.in) continue;
            sum += static_cast<double>(plane[at * wide.in + beside]) * filter[i * wide.kernel + j];
          }
        }
      }
      return static_cast<float>(sum);
    };
    for (std::int64_t n = 0; n < dims[0]; ++n)
      for (std::int64_t o = 0; o < dims[1]; ++o)
        for (std::int64_t row = 0; row < dims[2]; ++row)
          for (std::int64_t column = 0; column < dims[3]; ++column) *to++ = sum_at(n, o, row, column);
  });
}

void average(const Run& run) {
  const Input x = run.input(0);
  Shape dims = x.dims;
  for (std::size_t axis = 2; axis < dims.size(); ++axis) dims[axis] = 1;
  auto* y = static_cast<float*>(run.output(dims));
  const std::int64_t planes = elements_of(dims);
  if (planes == 0) return;
  const std::int64_t area = elements_of(x.dims) / planes;
  run.on_stream([from = x.floats(), y, planes, area] {
    const float* plane = emulation::on_device(from);
    float* to = emulation::on_device(y);
    for (std::int64_t i = 0; i < planes; ++i, plane += area) {
      double sum = 0;
      for (std::int64_t j = 0; j < area; ++j) sum += plane[j];
      to[i] = static_cast<float>(sum / static_cast<double>(area));
    }
  });
}

}  // namespace

Compute make_conv(const Attributes& attributes) {
  const ConvOptions options{attributes.integers("strides", {1, 1}), attributes.integers("dilations", {1, 1}),
                            attributes.integers("pads", {0, 0, 0, 0}), attributes.text("auto_pad", "NOTSET"),
                            attributes.integer("group", 1)};
  return [options](const Run& run) { convolve(run, options); };
}

Compute make_global_average_pool(const Attributes&) { return average; }

}  // namespace emulated_provider
