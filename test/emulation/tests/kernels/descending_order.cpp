#include "descending_order.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace tensorlane::test {

namespace {

template <typename T>
std::vector<std::int64_t> order_of(const T* row, std::int64_t columns) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(columns));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [row](std::int64_t a, std::int64_t b) {
    return row[a] > row[b] || (std::isnan(row[a]) && !std::isnan(row[b]));
  });
  return order;
}

}  // namespace

std::vector<std::int64_t> descending_order(const float* row, std::int64_t columns) { return order_of(row, columns); }
std::vector<std::int64_t> descending_order(const double* row, std::int64_t columns) { return order_of(row, columns); }

}  // namespace tensorlane::test
