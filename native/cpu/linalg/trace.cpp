// The sum of a diagonal.
#include <cstdint>

#include "cpu/linalg/operation.h"
#include "cpu/operations.h"

namespace tensorlane::cpu {

void trace(Lane& /*lane*/, const TraceArgs& args) {
  with_float(args.type, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t length = args.length();
    const T* from = elements<const T>(args.a) + args.first();
    T* to = elements<T>(args.trace);
    for (std::int64_t i = 0; i < args.batch; ++i, from += args.m * args.n) {
      double sum = 0;
      for (std::int64_t j = 0; j < length; ++j) sum += static_cast<double>(from[j * args.step()]);
      to[i] = static_cast<T>(sum);
    }
  });
}

}  // namespace tensorlane::cpu
