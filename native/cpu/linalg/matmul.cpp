// Matrix products: of small matrices by kernels of our own (cpu/small), since a call of BLAS takes longer than they do; of
// others by BLAS's gemm, one call for the whole batch where the operands allow it.
//
// BLAS reads matrices that lie transposed where they are; for all others they are brought in order first.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/complex/operations.h"
#include "cpu/linalg/integer_matmul.h"
#include "cpu/linalg/lapack.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

using lapack::Int;

bool fits(std::int64_t size) { return size <= std::numeric_limits<Int>::max(); }

std::int64_t batch_of(const MatmulArgs& args) {
  return std::accumulate(args.batch_dims.begin(), args.batch_dims.end(), std::int64_t{1},
                         [](std::int64_t x, std::int64_t y) { return x * y; });
}

// From so much on results are written past the caches. What is smaller and soon read again is quicker with them: measured with
// a sum of the result, both are the same at 16 MiB, and at 64 it is a sixth quicker without.
constexpr std::int64_t kStreamed = std::int64_t{32} << 20U;

template <typename T>
bool streams(const MatmulArgs& args) {
  return batch_of(args) * args.m * args.n >= kStreamed / static_cast<std::int64_t>(sizeof(T)) &&
         reinterpret_cast<std::uintptr_t>(elements<T>(args.c)) % small::kStreamAlignment == 0;
}

// The innermost of the batch dimensions at once.
template <typename T>
void small_products(const MatmulArgs& args) {
  small::Products<T> products;
  products.m = args.m;
  products.k = args.k;
  products.n = args.n;
  products.count = 1;
  products.streams = streams<T>(args);
  const double steps = small::product_steps(args.m, args.k, args.n);
  std::vector<std::int64_t> outer = args.batch_dims;
  std::vector<std::int64_t> a_strides = args.a_strides;
  std::vector<std::int64_t> b_strides = args.b_strides;
  if (!outer.empty()) {
    products.count = outer.back();
    products.a_step = a_strides.back() * args.m * args.k;
    products.b_step = b_strides.back() * args.k * args.n;
    for (auto* list : {&outer, &a_strides, &b_strides}) list->pop_back();
  }
  for_each_batch(outer, a_strides, b_strides, [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
    products.a = elements<const T>(args.a) + ai * args.m * args.k;
    products.b = elements<const T>(args.b) + bi * args.k * args.n;
    products.c = elements<T>(args.c) + i * products.count * args.m * args.n;
    const small::Division division(products.count, steps);
    division.run([&](std::size_t, std::int64_t first, std::int64_t last) {
      small::Products<T> part = products;
      part.a += first * part.a_step;
      part.b += first * part.b_step;
      part.c += first * args.m * args.n;
      part.count = last - first;
      small::kernels<T>().matmul(part);
    });
  });
}

template <typename T>
void matmul_batch(const MatmulArgs& args) {
  const std::int64_t m = args.m;
  const std::int64_t k = args.k;
  const std::int64_t n = args.n;
  const auto* a = elements<const T>(args.a);
  const auto* b = elements<const T>(args.b);
  auto* c = elements<T>(args.c);
  const CBLAS_TRANSPOSE of_a = args.a_transposed ? CblasTrans : CblasNoTrans;
  const CBLAS_TRANSPOSE of_b = args.b_transposed ? CblasTrans : CblasNoTrans;
  const std::int64_t batch = batch_of(args);
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
  if (shared_b && whole_a && !args.a_transposed && fits(batch * m)) {
    lapack::gemm(of_a, of_b, static_cast<Int>(batch * m), static_cast<Int>(n), static_cast<Int>(k), a, b, c);
    return;
  }
  for_each_batch(args.batch_dims, args.a_strides, args.b_strides,
                 [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
                   lapack::gemm(of_a, of_b, static_cast<Int>(m), static_cast<Int>(n), static_cast<Int>(k),
                                a + ai * m * k, b + bi * k * n, c + i * m * n);
                 });
}

// An operand's matrices, rows x columns each, that lie as their transposes.
template <typename T>
void in_order(const Operand& from, std::int64_t rows, std::int64_t columns, Operand& to) {
  const std::int64_t size = rows * columns;
  const std::int64_t count = size == 0 ? 0 : static_cast<std::int64_t>(from.bytes / sizeof(T)) / size;
  for (std::int64_t i = 0; i < count; ++i) {
    transpose(elements<const T>(from) + i * size, columns, rows, elements<T>(to) + i * size);
  }
}

// An operand in order, in memory of its own.
class Ordered {
 public:
  Ordered(DType type, Operand& operand, std::int64_t rows, std::int64_t columns)
      : memory_(std::make_unique_for_overwrite<std::byte[]>(operand.bytes)) {
    Operand to = operand;
    to.data = memory_.get();
    switch (byte_size(type, 1)) {
      case 1:
        in_order<std::uint8_t>(operand, rows, columns, to);
        break;
      case 2:
        in_order<std::uint16_t>(operand, rows, columns, to);
        break;
      case 4:
        in_order<std::uint32_t>(operand, rows, columns, to);
        break;
      case 8:
        in_order<std::uint64_t>(operand, rows, columns, to);
        break;
      default:
        in_order<std::array<std::uint64_t, 2>>(operand, rows, columns, to);
    }
    operand = to;
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
};

void multiply(const MatmulArgs& args) {
  if (is_complex(args.type)) return complex::matmul(args);
  if (!is_float(args.type)) return integer_matmul(args);
  if (small::takes_product(args.m, args.k, args.n)) {
    with_float(args.type, [&](auto element) { small_products<decltype(element)>(args); });
    return;
  }
  with_blas(args.type, [&](auto element) { matmul_batch<decltype(element)>(args); });
}

}  // namespace

void matmul(Lane& /*lane*/, const MatmulArgs& args) {
  const bool by_blas = is_float(args.type) && !small::takes_product(args.m, args.k, args.n);
  if (by_blas || (!args.a_transposed && !args.b_transposed)) return multiply(args);
  MatmulArgs ordered = args;
  std::optional<Ordered> a;
  std::optional<Ordered> b;
  if (std::exchange(ordered.a_transposed, false)) a.emplace(args.type, ordered.a, args.m, args.k);
  if (std::exchange(ordered.b_transposed, false)) b.emplace(args.type, ordered.b, args.k, args.n);
  multiply(ordered);
}

}  // namespace tensorlane::cpu
