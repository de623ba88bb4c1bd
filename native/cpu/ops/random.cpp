#include <cstdint>

#include "core/philox.h"
#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {

void random_numbers(Lane& /*lane*/, const RandomNumbersArgs& args) {
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    T* to = elements<T>(args.result);
    for (std::int64_t i = 0; i < args.count; ++i) {
      to[i] = static_cast<T>(random_number(static_cast<std::uint64_t>(i), args.seed));
    }
  });
}

}  // namespace tensorlane::cpu
