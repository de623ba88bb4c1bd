// The largest elements of each row. A row is copied before it is sorted: its owner may change it meanwhile, and a sort
// whose elements change may leave its array.
#include <algorithm>
#include <cstdint>

#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

template <typename T>
struct Entry {
  T value;
  std::int64_t index;
};

// NaN before all numbers; of equals the one with the lower index.
template <typename T>
bool before(const Entry<T>& a, const Entry<T>& b) {
  const bool a_is_nan = a.value != a.value;
  const bool b_is_nan = b.value != b.value;
  if (a_is_nan != b_is_nan) return a_is_nan;
  if (a_is_nan || a.value == b.value) return a.index < b.index;
  return a.value > b.value;
}

}  // namespace

void top_k(Lane& lane, const TopKArgs& args) {
  if (args.k == 0) return;
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    const auto [entries] = take_arrays<Entry<T>>(lane.workspace(), args.columns);
    for (std::int64_t row = 0; row < args.rows; ++row) {
      const T* from = elements<const T>(args.a) + row * args.columns;
      for (std::int64_t i = 0; i < args.columns; ++i) entries[i] = {from[i], i};
      std::partial_sort(entries, entries + args.k, entries + args.columns, before<T>);
      T* values = elements<T>(args.values) + row * args.k;
      std::int64_t* indices = elements<std::int64_t>(args.indices) + row * args.k;
      for (std::int64_t i = 0; i < args.k; ++i) {
        values[i] = entries[i].value;
        indices[i] = entries[i].index;
      }
    }
  });
}

}  // namespace tensorlane::cpu
