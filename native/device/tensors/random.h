// Random numbers.
#pragma once

#include <cstdint>

#include "device/request.h"

namespace tensorlane {

// The first `count` numbers of a seed, as core/philox.h has them: the same on every device.
struct RandomNumbersArgs {
  DType type{};
  std::uint64_t seed = 0;
  std::int64_t count = 0;
  Operand result;

  void read(Request& request) {
    type = request.float_type();
    seed = static_cast<std::uint64_t>(request.size("seed"));
    count = request.size("count");
    request.result(result, checked_bytes(type, {count}));
  }
};

#define TENSORLANE_RANDOM(ROW) ROW(random_numbers, RandomNumbersArgs, "randomNumbers", true)

}  // namespace tensorlane
