// Products of matrices of integers, exact but for wrapping, as numpy's are: there is no BLAS for them. Of bools it is whether there is
// a pair that are both true. Signed integers wrap as unsigned ones of the same bits do, and are computed as such. Each row of a
// result is made of rows of b, which the compiler adds in registers; rows go to all cores where that pays.
#include "cpu/linalg/integer_matmul.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/batch_dims.h"
#include "core/error.h"
#include "cpu/linalg/operation.h"
#include "cpu/small/batch.h"

namespace tensorlane::cpu {
namespace {

// An element of a bool tensor, of which any byte but 0 is true.
struct Truth {
  std::uint8_t byte;
};

void add_multiple(Truth a, const Truth* b, std::int64_t n, Truth* c) {
  if (a.byte == 0) return;
  for (std::int64_t j = 0; j < n; ++j) c[j].byte |= static_cast<std::uint8_t>(b[j].byte != 0);
}

template <typename T>
void add_multiple(T a, const T* b, std::int64_t n, T* c) {
  // Smaller ones would be multiplied as int, which may overflow.
  using Wide = std::conditional_t<sizeof(T) < sizeof(std::uint32_t), std::uint32_t, T>;
  for (std::int64_t j = 0; j < n; ++j) c[j] = static_cast<T>(Wide{c[j]} + Wide{a} * Wide{b[j]});
}

template <typename Operation>
void with_integer(DType type, Operation operation) {
  switch (type) {
    case DType::Bool:
      return operation(Truth{});
    case DType::Int8:
    case DType::UInt8:
      return operation(std::uint8_t{});
    case DType::Int16:
    case DType::UInt16:
      return operation(std::uint16_t{});
    case DType::Int32:
    case DType::UInt32:
      return operation(std::uint32_t{});
    case DType::Int64:
    case DType::UInt64:
      return operation(std::uint64_t{});
    default:
      throw Error(Code::Internal, "matmul: elements of type " + std::string(dtype_name(type)));
  }
}

// The rows of a run of products, in which each operand advances by so many elements from one to the next.
template <typename T>
struct Rows {
  std::int64_t m, k, n, a_step, b_step;
  const T* a;
  const T* b;
  T* c;

  void multiply(std::int64_t first, std::int64_t last) const {
    for (std::int64_t row = first; row < last; ++row) {
      const T* left = a + row / m * a_step + row % m * k;
      const T* right = b + row / m * b_step;
      T* to = c + row * n;
      std::fill_n(to, n, T{});
      for (std::int64_t i = 0; i < k; ++i) add_multiple(left[i], right + i * n, n, to);
    }
  }
};

template <typename T>
void multiply(const MatmulArgs& args) {
  Rows<T> rows{args.m, args.k, args.n, 0, 0, nullptr, nullptr, nullptr};
  // The innermost of the batch dimensions at once.
  std::int64_t inner = 1;
  std::vector<std::int64_t> outer = args.batch_dims;
  std::vector<std::int64_t> a_strides = args.a_strides;
  std::vector<std::int64_t> b_strides = args.b_strides;
  if (!outer.empty()) {
    inner = outer.back();
    rows.a_step = a_strides.back() * args.m * args.k;
    rows.b_step = b_strides.back() * args.k * args.n;
    for (auto* list : {&outer, &a_strides, &b_strides}) list->pop_back();
  }
  constexpr double kAtOnce = 8;  // elements of a register
  const small::Division division(inner * args.m, static_cast<double>(args.k) * static_cast<double>(args.n) / kAtOnce);
  for_each_batch(outer, a_strides, b_strides, [&](std::int64_t i, std::int64_t ai, std::int64_t bi) {
    rows.a = elements<const T>(args.a) + ai * args.m * args.k;
    rows.b = elements<const T>(args.b) + bi * args.k * args.n;
    rows.c = elements<T>(args.c) + i * inner * args.m * args.n;
    division.run([&](std::size_t, std::int64_t first, std::int64_t last) { rows.multiply(first, last); });
  });
}

}  // namespace

void integer_matmul(const MatmulArgs& args) {
  if (args.m == 0 || args.n == 0) return;
  with_integer(args.type, [&](auto element) { multiply<decltype(element)>(args); });
}

}  // namespace tensorlane::cpu
