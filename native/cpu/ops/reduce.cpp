// Reductions along one axis. What lies along it is first made contiguous where it is not, in the lane's workspace.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/error.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

// By halves, so that the rounding errors of the parts do not add up along a long row; a part in as many sums as let the
// compiler add several at once.
template <typename T, typename Term>
double sum_of(const T* row, std::int64_t length, Term term) {
  constexpr std::int64_t kPart = 512;
  constexpr std::int64_t kSums = 8;
  if (length > kPart) {
    const std::int64_t half = length / 2;
    return sum_of(row, half, term) + sum_of(row + half, length - half, term);
  }
  std::array<double, kSums> sums{};
  std::int64_t i = 0;
  for (; i + kSums <= length; i += kSums) {
    for (std::int64_t s = 0; s < kSums; ++s) sums[static_cast<std::size_t>(s)] += term(static_cast<double>(row[i + s]));
  }
  for (; i < length; ++i) sums[0] += term(static_cast<double>(row[i]));
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// The first NaN ends it.
template <typename T, typename Above>
T extreme(const T* row, std::int64_t length, T none, Above above) {
  T best = none;
  for (std::int64_t i = 0; i < length; ++i) {
    if (row[i] != row[i]) return row[i];
    if (above(row[i], best)) best = row[i];
  }
  return best;
}

template <typename T>
double norm(const T* row, std::int64_t length) {
  const double squares = sum_of(row, length, [](double value) { return value * value; });
  // Neither has one of the squares overflown, nor could those that vanished make a difference.
  if (squares > 1e-280 && squares < std::numeric_limits<double>::infinity()) return std::sqrt(squares);
  double largest = 0;
  for (std::int64_t i = 0; i < length; ++i) {
    if (row[i] != row[i]) return row[i];
    largest = std::max(largest, std::fabs(static_cast<double>(row[i])));
  }
  if (largest == 0 || std::isinf(largest)) return largest;
  const double scaled = sum_of(row, length, [largest](double value) { return value / largest * (value / largest); });
  return largest * std::sqrt(scaled);
}

template <typename T>
T reduce_row(Reduction reduction, const T* row, std::int64_t length) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const auto itself = [](double value) { return value; };
  switch (reduction) {
    case Reduction::Sum:
      return static_cast<T>(sum_of(row, length, itself));
    case Reduction::Mean:
      if (length == 0) return std::numeric_limits<T>::quiet_NaN();
      return static_cast<T>(sum_of(row, length, itself) / static_cast<double>(length));
    case Reduction::Max:
      return extreme(row, length, -kInfinity, [](T a, T b) { return a > b; });
    case Reduction::Min:
      return extreme(row, length, kInfinity, [](T a, T b) { return a < b; });
    case Reduction::Norm:
      return static_cast<T>(norm(row, length));
  }
  throw Error(Code::Internal, "reduce: there is no such reduction");
}

template <typename T>
std::int64_t argmax_row(const T* row, std::int64_t length) {
  std::int64_t best = length == 0 ? -1 : 0;
  for (std::int64_t i = 0; i < length; ++i) {
    if (row[i] != row[i]) return i;
    if (row[i] > row[best]) best = i;
  }
  return best;
}

// Calls visit(row, index) with what lies along the axis, for each result in order.
template <typename T, typename Visit>
void for_each_row(Lane& lane, const AxisDims& dims, const T* from, Visit visit) {
  const bool is_last = dims.inner == 1;
  const std::size_t bytes = is_last ? 0 : static_cast<std::size_t>(dims.length) * sizeof(T);
  T* held = reinterpret_cast<T*>(lane.workspace().take(bytes));
  for (std::int64_t o = 0; o < dims.outer; ++o) {
    const T* item = from + o * dims.length * dims.inner;
    for (std::int64_t i = 0; i < dims.inner; ++i) {
      if (!is_last) {
        for (std::int64_t j = 0; j < dims.length; ++j) held[j] = item[j * dims.inner + i];
      }
      visit(is_last ? item : held, o * dims.inner + i);
    }
  }
}

}  // namespace

void reduce(Lane& lane, const ReduceArgs& args) {
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    T* to = elements<T>(args.result);
    for_each_row(lane, args.dims, elements<const T>(args.a), [&](const T* row, std::int64_t index) {
      to[index] = reduce_row(args.reduction, row, args.dims.length);
    });
  });
}

void argmax(Lane& lane, const ArgmaxArgs& args) {
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    auto* to = elements<std::int64_t>(args.result);
    for_each_row(lane, args.dims, elements<const T>(args.a),
                 [&](const T* row, std::int64_t index) { to[index] = argmax_row(row, args.dims.length); });
  });
}

}  // namespace tensorlane::cpu
