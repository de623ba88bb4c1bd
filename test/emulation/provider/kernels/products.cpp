// MatMul and Gemm.
#include <algorithm>
#include <utility>

#include "emulation.h"
#include "provider/kernels/broadcast.h"
#include "provider/operators.h"

namespace emulated_provider {
namespace {

// A matrix as its rows and columns lie.
struct Matrix {
  const float* data;
  std::int64_t row_step;
  std::int64_t column_step;
};

// c = a b, [m, k] by [k, n], with sums in double precision.
void multiply(const Matrix& a, const Matrix& b, float* c, std::int64_t m, std::int64_t k, std::int64_t n) {
  std::vector<double> sums(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < m; ++i) {
    std::ranges::fill(sums, 0.0);
    for (std::int64_t p = 0; p < k; ++p) {
      const double factor = a.data[i * a.row_step + p * a.column_step];
      const float* row = b.data + p * b.row_step;
      for (std::int64_t j = 0; j < n; ++j) sums[static_cast<std::size_t>(j)] += factor * row[j * b.column_step];
    }
    for (std::int64_t j = 0; j < n; ++j) c[i * n + j] = static_cast<float>(sums[static_cast<std::size_t>(j)]);
  }
}

void matmul(const Run& run) {
  Input a = run.input(0);
  Input b = run.input(1);
  if (a.dims.empty() || b.dims.empty()) throw Failure("MatMul takes no scalars");
  const bool vector_a = a.dims.size() == 1;
  const bool vector_b = b.dims.size() == 1;
  if (vector_a) a.dims.insert(a.dims.begin(), 1);
  if (vector_b) b.dims.push_back(1);
  const std::int64_t m = a.dims[a.dims.size() - 2];
  const std::int64_t k = a.dims.back();
  const std::int64_t n = b.dims.back();
  if (b.dims[b.dims.size() - 2] != k) {
    throw Failure("MatMul dimension mismatch: " + std::to_string(k) + " columns by " +
                  std::to_string(b.dims[b.dims.size() - 2]) + " rows");
  }
  const Shape leading_a(a.dims.begin(), a.dims.end() - 2);
  const Shape leading_b(b.dims.begin(), b.dims.end() - 2);
  const Shape leading = broadcast(leading_a, leading_b);
  Shape dims = leading;
  if (!vector_a) dims.push_back(m);
  if (!vector_b) dims.push_back(n);
  auto* y = static_cast<float*>(run.output(dims));
  if (elements_of(dims) == 0) return;
  run.on_stream([=, left = a.floats(), right = b.floats()] {
    float* to = emulation::on_device(y);
    // What is empty has no address: there are no terms then.
    const float* from_a = emulation::on_device(left);
    const float* from_b = emulation::on_device(right);
    Walk walk(leading, {leading_a, leading_b});
    do {
      multiply({from_a + walk.place(0) * m * k, k, 1}, {from_b + walk.place(1) * k * n, n, 1}, to, m, k, n);
      to += m * n;
    } while (walk.next());
  });
}

struct GemmScale {
  float alpha;
  float beta;
  bool turned_a;
  bool turned_b;
};

void gemm(const Run& run, const GemmScale& scale) {
  const Input a = run.input(0);
  const Input b = run.input(1);
  const Input c = run.input(2);
  const std::int64_t m = a.dims.at(scale.turned_a ? 1 : 0);
  const std::int64_t k = a.dims.at(scale.turned_a ? 0 : 1);
  const std::int64_t n = b.dims.at(scale.turned_b ? 0 : 1);
  if (b.dims.at(scale.turned_b ? 1 : 0) != k) throw Failure("GEMM: Dimension mismatch");
  const Shape dims{m, n};
  if (c.there && broadcast(dims, c.dims) != dims) throw Failure("Gemm: Invalid bias shape for broadcast");
  auto* y = static_cast<float*>(run.output(dims));
  if (m * n == 0) return;
  run.on_stream([=] {
    float* to = emulation::on_device(y);
    const float* from_a = emulation::on_device(a.floats());
    const float* from_b = emulation::on_device(b.floats());
    const Matrix left = scale.turned_a ? Matrix{from_a, 1, m} : Matrix{from_a, k, 1};
    const Matrix right = scale.turned_b ? Matrix{from_b, 1, k} : Matrix{from_b, n, 1};
    multiply(left, right, to, m, k, n);
    for (std::int64_t i = 0; i < m * n; ++i) to[i] *= scale.alpha;
    if (!c.there) return;
    const float* bias = emulation::on_device(c.floats());
    Walk walk(dims, {c.dims});
    do {
      *to++ += scale.beta * bias[walk.place(0)];
    } while (walk.next());
  });
}

}  // namespace

Compute make_matmul(const Attributes&) { return matmul; }

Compute make_gemm(const Attributes& attributes) {
  const GemmScale scale{attributes.real("alpha", 1), attributes.real("beta", 1), attributes.integer("transA", 0) != 0,
                        attributes.integer("transB", 0) != 0};
  return [scale](const Run& run) { gemm(run, scale); };
}

}  // namespace emulated_provider
