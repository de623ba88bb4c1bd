// Matrix products by BLAS's gemm, one call for the whole batch where the operands allow it.
#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

bool fits(std::int64_t size) { return size <= std::numeric_limits<Int>::max(); }

template <typename T>
void matmul_batch(const MatmulArgs& args) {
  const std::int64_t m = args.m;
  const std::int64_t k = args.k;
  const std::int64_t n = args.n;
  const auto* a = elements<const T>(args.a);
  const auto* b = elements<const T>(args.b);
  auto* c = elements<T>(args.c);
  const std::int64_t batch = std::accumulate(args.batch_dims.begin(), args.batch_dims.end(), std::int64_t{1},
                                             [](std::int64_t x, std::int64_t y) { return x * y; });
  if (batch == 0 || m == 0 || n == 0) return;
  if (k == 0) {
    std::fill_n(c, batch * m * n, T{0});  // an empty sum
    return;
  }
  if (!fits(m) || !fits(k) || !fits(n)) {
    throw Error(Code::Shape, "matmul: a dimension is larger than the BLAS library can index (2^31 - 1)");
  }

  // One b for every a: the a matrices lie one below the other, so they are a single tall matrix.
  const bool shared_b = std::ranges::all_of(args.b_strides, [](std::int64_t stride) { return stride == 0; });
  const bool whole_a = std::ranges::all_of(args.a_strides, [](std::int64_t stride) { return stride != 0; });
  if (shared_b && whole_a && fits(batch * m)) {
    lapack::gemm(static_cast<Int>(batch * m), static_cast<Int>(n), static_cast<Int>(k), a, b, c);
    return;
  }
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                 [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
                   lapack::gemm(static_cast<Int>(m), static_cast<Int>(n), static_cast<Int>(k), a + ai * m * k,
                                b + bi * k * n, c + i * m * n);
                 });
}

}  // namespace

void matmul(Lane& /*lane*/, const MatmulArgs& args) {
  with_blas(args.type, [&](auto element) { matmul_batch<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu
