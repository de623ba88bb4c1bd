// Eigenvalues and eigenvectors of matrices.
#pragma once

#include <cstdint>

#include "device/algebra/batch.h"

namespace tensorlane {

// Of a symmetric matrix, of which only the lower triangle is read: w (n), ascending, and v (n x n), whose columns are
// the eigenvectors; v is empty where only values are wanted. Errors: NotFinite and NotConverged with the indices of the
// matrices in the batch.
struct EighArgs {
  DType type{};
  bool vectors = true;
  std::int64_t batch = 0, n = 0;
  Operand a, w, v;

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) {
    vectors = request.flag("vectors");
    const std::size_t matrices = read_square(request, *this);
    request.result(w, checked_bytes(type, {batch, n}));
    if (vectors) request.result(v, matrices);
  }
};

#define TENSORLANE_EIGENVALUES(ROW) ROW(eigh, EighArgs, "eigh", false)

}  // namespace tensorlane
