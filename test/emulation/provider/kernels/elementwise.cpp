// Add, Sub, Mul, Div, with operands broadcast as numpy does; Relu, Sigmoid, Tanh.
#include <algorithm>
#include <cmath>

#include "emulation.h"
#include "provider/kernels/broadcast.h"
#include "provider/operators.h"

namespace emulated_provider {
namespace {

using Unary = float (*)(float);
using Binary = float (*)(float, float);

Compute unary(Unary of) {
  return [of](const Run& run) {
    const Input x = run.input(0);
    auto* y = static_cast<float*>(run.output(x.dims));
    const std::int64_t count = elements_of(x.dims);
    if (count == 0) return;
    run.on_stream([of, from = x.floats(), y, count] {
      const float* source = emulation::on_device(from);
      std::transform(source, source + count, emulation::on_device(y), of);
    });
  };
}

Compute binary(Binary of) {
  return [of](const Run& run) {
    const Input a = run.input(0);
    const Input b = run.input(1);
    const Shape dims = broadcast(a.dims, b.dims);
    auto* y = static_cast<float*>(run.output(dims));
    if (elements_of(dims) == 0) return;
    run.on_stream([of, a, b, y, dims] {
      const float* left = emulation::on_device(a.floats());
      const float* right = emulation::on_device(b.floats());
      float* to = emulation::on_device(y);
      Walk walk(dims, {a.dims, b.dims});
      do {
        *to++ = of(left[walk.place(0)], right[walk.place(1)]);
      } while (walk.next());
    });
  };
}

}  // namespace

Compute make_add(const Attributes&) {
  return binary([](float a, float b) { return a + b; });
}
Compute make_sub(const Attributes&) {
  return binary([](float a, float b) { return a - b; });
}
Compute make_mul(const Attributes&) {
  return binary([](float a, float b) { return a * b; });
}
Compute make_div(const Attributes&) {
  return binary([](float a, float b) { return a / b; });
}
Compute make_relu(const Attributes&) {
  return unary([](float x) { return std::isnan(x) ? x : std::max(x, 0.0F); });
}
Compute make_sigmoid(const Attributes&) {
  return unary([](float x) { return 1 / (1 + std::exp(-x)); });
}
Compute make_tanh(const Attributes&) {
  return unary([](float x) { return std::tanh(x); });
}

}  // namespace emulated_provider
