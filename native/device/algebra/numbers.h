// Numbers that say something of a matrix.
#pragma once

#include <algorithm>
#include <cstdint>

#include "device/algebra/batch.h"

namespace tensorlane {

// The determinant, one a matrix, real or complex. Errors: NotFinite with the indices of the matrices in the batch.
struct DetArgs {
  DType type{};
  bool log =
      false;  // then `det` receives the sign, -1, 0 or 1 (of complex ones a number of length 1, or 0), and `log_abs` log |det| (-infinity where singular)
  std::int64_t batch = 0, n = 0;
  Operand a, det, log_abs;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) {
    log = request.flag("log");
    read_square(request, *this, Elements::RealOrComplex);
    request.result(det, checked_bytes(type, {batch}));
    if (log) request.result(log_abs, checked_bytes(real_of(type), {batch}));
  }
};

// The sum of a diagonal, one a matrix: of the main one, or of that `offset` columns to its right (negative: to its
// left). 0 where there is no such diagonal; NaNs and infinities count. float32 is summed in float64.
struct TraceArgs {
  DType type{};
  std::int64_t batch = 0, m = 0, n = 0, offset = 0;
  Operand a, trace;

  // How many elements the diagonal has; the first one, where there is one; and how far it is from one to the next.
  [[nodiscard]] std::int64_t length() const noexcept {
    const std::int64_t found = offset < 0 ? std::min(m + offset, n) : std::min(m, n - offset);
    return std::max<std::int64_t>(found, 0);
  }
  [[nodiscard]] std::int64_t first() const noexcept { return length() == 0 ? 0 : (offset < 0 ? -offset * n : offset); }
  [[nodiscard]] std::int64_t step() const noexcept { return n + 1; }

  void read(Request& request) {
    offset = request.integer("offset");
    read_matrices(request, *this);
    request.result(trace, checked_bytes(type, {batch}));
  }
};

#define TENSORLANE_NUMBERS(ROW)   \
  ROW(det, DetArgs, "det", false) \
  ROW(trace, TraceArgs, "trace", true)

}  // namespace tensorlane
