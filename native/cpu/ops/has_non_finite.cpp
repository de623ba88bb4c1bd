// Looks for NaNs and infinities. The difference of a number from itself is 0, that of theirs is NaN.
#include <cstdint>

#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {
namespace {

template <typename T>
bool any_non_finite(const T* item, std::int64_t elements) {
  T difference = 0;
  for (std::int64_t i = 0; i < elements; ++i) difference += item[i] - item[i];
  return difference != 0;
}

}  // namespace

void has_non_finite(Lane& /*lane*/, const HasNonFiniteArgs& args) {
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    const T* from = elements<const T>(args.a);
    auto* to = elements<std::uint8_t>(args.result);
    for (std::int64_t i = 0; i < args.items; ++i) {
      to[i] = any_non_finite(from + i * args.elements, args.elements) ? 1 : 0;
    }
  });
}

}  // namespace tensorlane::cpu
