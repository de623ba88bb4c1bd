// Products of complex matrices, by BLAS's gemm.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/complex/batch.h"

namespace tensorlane::cpu::complex {
namespace {

using lapack::Int;

template <typename T>
void multiply(const MatmulArgs& args) {
  const std::int64_t m = args.m;
  const std::int64_t k = args.k;
  const std::int64_t n = args.n;
  const std::int64_t batch =
      std::accumulate(args.batch_dims.begin(), args.batch_dims.end(), std::int64_t{1}, std::multiplies<>{});
  if (batch == 0 || m == 0 || n == 0) return;
  auto* c = elements<T>(args.c);
  if (k == 0) {
    std::fill_n(c, batch * m * n, T{0});  // an empty sum
    return;
  }
  check_lapack_size("matmul", std::max(m, k), n);
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides, [&](std::int64_t i, std::int64_t a, std::int64_t b) {
    lapack::gemm(static_cast<Int>(m), static_cast<Int>(n), static_cast<Int>(k), elements<const T>(args.a) + a * m * k,
                 elements<const T>(args.b) + b * k * n, c + i * m * n);
  });
}

}  // namespace

void matmul(const MatmulArgs& args) {
  with_complex(args.type, [&](auto element) { multiply<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu::complex
