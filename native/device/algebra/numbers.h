// Numbers that say something of a matrix.
#pragma once

#include <cstdint>

#include "device/algebra/batch.h"

namespace tensorlane {

// The determinant, one a matrix. Errors: NotFinite with the indices of the matrices in the batch.
struct DetArgs {
  DType type{};
  bool log = false;  // then `det` receives the sign, -1, 0 or 1, and `log_abs` log |det| (-infinity where singular)
  std::int64_t batch = 0, n = 0;
  Operand a, det, log_abs;

  void read(Request& request) {
    log = request.flag("log");
    read_square(request, *this);
    const std::size_t bytes = checked_bytes(type, {batch});
    request.result(det, bytes);
    if (log) request.result(log_abs, bytes);
  }
};

#define TENSORLANE_NUMBERS(ROW) ROW(det, DetArgs, "det", false)

}  // namespace tensorlane
