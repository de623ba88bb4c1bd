// Softmax, and what only moves elements: Reshape, Flatten, Transpose, and copies to and from the host.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "emulation.h"
#include "provider/operators.h"

namespace emulated_provider {
namespace {

std::int64_t from_start(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

void copy_to(const Run& run, const Input& x, const Shape& dims) {
  void* y = run.output(dims);
  if (x.bytes == 0) return;
  check(cudaMemcpyAsync(y, x.data, x.bytes, cudaMemcpyDefault, run.stream()), "cudaMemcpyAsync");
}

void softmax(const Run& run, std::int64_t given_axis) {
  const Input x = run.input(0);
  auto* y = static_cast<float*>(run.output(x.dims));
  const std::int64_t count = elements_of(x.dims);
  if (count == 0) return;
  const auto axis = static_cast<std::size_t>(from_start(given_axis, x.dims.size()));
  const std::int64_t along = x.dims.at(axis);
  const std::int64_t inner = elements_of(std::span(x.dims).subspan(axis + 1));
  run.on_stream([=, from = x.floats()] {
    const float* source = emulation::on_device(from);
    float* to = emulation::on_device(y);
    for (std::int64_t i = 0; i < count / along; ++i) {
      const std::int64_t start = i / inner * along * inner + i % inner;
      float greatest = source[start];
      for (std::int64_t j = 1; j < along; ++j) greatest = std::max(greatest, source[start + j * inner]);
      double sum = 0;
      for (std::int64_t j = 0; j < along; ++j) sum += std::exp(source[start + j * inner] - greatest);
      for (std::int64_t j = 0; j < along; ++j) {
        to[start + j * inner] = static_cast<float>(std::exp(source[start + j * inner] - greatest) / sum);
      }
    }
  });
}

void reshape(const Run& run, bool keeps_zeros) {
  const Input x = run.input(0);
  const Input shape = run.input(1);
  const auto* asked = static_cast<const std::int64_t*>(shape.data);
  Shape dims(asked, asked + elements_of(shape.dims));
  const std::int64_t count = elements_of(x.dims);
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !keeps_zeros) dims[i] = x.dims.at(i);
    if (dims[i] == -1) {
      open = &dims[i];
    } else {
      known *= dims[i];
    }
  }
  if (open != nullptr) *open = known == 0 ? 0 : count / known;
  if (elements_of(dims) != count) throw Failure("The input tensor cannot be reshaped to the requested shape");
  copy_to(run, x, dims);
}

void flatten(const Run& run, std::int64_t given_axis) {
  const Input x = run.input(0);
  const auto axis = static_cast<std::size_t>(from_start(given_axis, x.dims.size()));
  const std::span<const std::int64_t> dims(x.dims);
  copy_to(run, x, {elements_of(dims.first(axis)), elements_of(dims.subspan(axis))});
}

void transpose(const Run& run, Shape order) {
  const Input x = run.input(0);
  const std::size_t rank = x.dims.size();
  if (order.empty()) {
    order.resize(rank);
    std::iota(order.rbegin(), order.rend(), 0);
  }
  Shape own(rank, 1);  // how far apart neighbours of x lie
  for (std::size_t axis = rank; axis-- > 1;) own[axis - 1] = own[axis] * x.dims[axis];
  Shape dims;
  Shape steps;
  for (const std::int64_t axis : order) {
    dims.push_back(x.dims.at(static_cast<std::size_t>(axis)));
    steps.push_back(own.at(static_cast<std::size_t>(axis)));
  }
  auto* y = static_cast<float*>(run.output(dims));
  const std::int64_t count = elements_of(dims);
  if (count == 0) return;
  run.on_stream([=, from = x.floats()] {
    const float* source = emulation::on_device(from);
    float* to = emulation::on_device(y);
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t rest = i;
      std::int64_t place = 0;
      for (std::size_t axis = rank; axis-- > 0;) {
        place += rest % dims[axis] * steps[axis];
        rest /= dims[axis];
      }
      to[i] = source[place];
    }
  });
}

}  // namespace

Compute make_softmax(const Attributes& attributes) {
  return [axis = attributes.integer("axis", -1)](const Run& run) { softmax(run, axis); };
}

Compute make_reshape(const Attributes& attributes) {
  return [keeps = attributes.integer("allowzero", 0) != 0](const Run& run) { reshape(run, keeps); };
}

Compute make_flatten(const Attributes& attributes) {
  return [axis = attributes.integer("axis", 1)](const Run& run) { flatten(run, axis); };
}

Compute make_transpose(const Attributes& attributes) {
  return [order = attributes.integers("perm", {})](const Run& run) { transpose(run, order); };
}

Compute make_copy(const Attributes&) {
  return [](const Run& run) {
    const Input x = run.input(0);
    copy_to(run, x, x.dims);
  };
}

}  // namespace emulated_provider
