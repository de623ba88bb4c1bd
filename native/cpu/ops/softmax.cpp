// Softmax along an axis: e^(x - largest) over its sum, in passes over as many whole slabs [length, inner] as stay in the
// first-level cache, or over one, so that short rows make full vectors together.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "cpu/linalg/operation.h"
#include "cpu/operations.h"
#include "cpu/ops/vector_math.h"

namespace tensorlane::cpu {
namespace {

// A NaN may get lost here: it comes back by its own exponential and the sum.
template <typename T>
T larger(T a, T b) {
  return b > a ? b : a;
}

// Both kept apart in several, so that the compiler may take several elements at a time.
constexpr std::int64_t kApart = 16;

template <typename T>
T largest_of(const T* row, std::int64_t length) {
  T apart[kApart];
  std::fill_n(apart, kApart, row[0]);
  std::int64_t i = 0;
  for (; i + kApart <= length; i += kApart) {
    for (std::int64_t j = 0; j < kApart; ++j) apart[j] = larger(apart[j], row[i + j]);
  }
  T largest = apart[0];
  for (const T one : apart) largest = larger(largest, one);
  for (; i < length; ++i) largest = larger(largest, row[i]);
  return largest;
}

template <typename T>
double sum_of(const T* row, std::int64_t length) {
  double sum = 0;
  std::int64_t i = 0;
  if (length >= kApart) {
    double apart[kApart] = {};
    for (; i + kApart <= length; i += kApart) {
      for (std::int64_t j = 0; j < kApart; ++j) apart[j] += static_cast<double>(row[i + j]);
    }
    for (const double one : apart) sum += one;
  }
  for (; i < length; ++i) sum += static_cast<double>(row[i]);
  return sum;
}

template <typename T>
T quotient(T one, double sum) {
  return static_cast<T>(static_cast<double>(one) / sum);
}

// Of one axis' elements side by side.
template <typename T>
struct AxisRows {
  std::int64_t length;

  void subtract_largest(const T* from, T* to) const {
    const T largest = largest_of(from, length);
    for (std::int64_t i = 0; i < length; ++i) to[i] = from[i] - largest;
  }
  void divide_by_sum(T* to) const {
    const double sum = sum_of(to, length);
    for (std::int64_t i = 0; i < length; ++i) to[i] = quotient(to[i], sum);
  }
};

// Of `inner` of them beside each other.
template <typename T>
struct Columns {
  std::int64_t length, inner;
  T* largest;
  double* sums;

  void subtract_largest(const T* from, T* to) const {
    std::copy_n(from, inner, largest);
    for (std::int64_t i = 1; i < length; ++i) {
      const T* row = from + i * inner;
      for (std::int64_t j = 0; j < inner; ++j) largest[j] = larger(largest[j], row[j]);
    }
    for (std::int64_t i = 0; i < length; ++i, from += inner, to += inner) {
      for (std::int64_t j = 0; j < inner; ++j) to[j] = from[j] - largest[j];
    }
  }
  void divide_by_sum(T* to) const {
    std::fill_n(sums, inner, 0.0);
    for (std::int64_t i = 0; i < length; ++i) {
      const T* row = to + i * inner;
      for (std::int64_t j = 0; j < inner; ++j) sums[j] += static_cast<double>(row[j]);
    }
    for (std::int64_t i = 0; i < length; ++i, to += inner) {
      for (std::int64_t j = 0; j < inner; ++j) to[j] = quotient(to[j], sums[j]);
    }
  }
};

template <typename T, typename Slabs>
void softmax_of(const T* from, T* to, std::int64_t count, std::int64_t slab, const Slabs& slabs) {
  constexpr std::int64_t kTogether = 16'384 / sizeof(T);
  const std::int64_t together = std::max<std::int64_t>(kTogether / slab, 1);
  for (std::int64_t first = 0; first < count; first += together) {
    const std::int64_t end = std::min(first + together, count);
    for (std::int64_t i = first; i < end; ++i) slabs.subtract_largest(from + i * slab, to + i * slab);
    vector_math().exp(to + first * slab, to + first * slab, (end - first) * slab);
    for (std::int64_t i = first; i < end; ++i) slabs.divide_by_sum(to + i * slab);
  }
}

}  // namespace

void softmax(Lane& lane, const SoftmaxArgs& args) {
  const AxisDims& dims = args.dims;
  if (dims.outer == 0 || dims.length == 0 || dims.inner == 0) return;
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    const T* from = elements<const T>(args.a);
    T* to = elements<T>(args.result);
    if (dims.inner == 1) return softmax_of(from, to, dims.outer, dims.length, AxisRows<T>{dims.length});
    const auto [largest, sums] = take_arrays<T, double>(lane.workspace(), dims.inner, dims.inner);
    const Columns<T> columns{dims.length, dims.inner, largest, sums};
    softmax_of(from, to, dims.outer, dims.length * dims.inner, columns);
  });
}

}  // namespace tensorlane::cpu
