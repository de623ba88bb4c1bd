// Eigenvalues and eigenvectors of matrices.
#pragma once

#include <cstdint>

#include "device/algebra/batch.h"

namespace tensorlane {

// Of a symmetric or Hermitian matrix, of which only the lower triangle is read: w (n), ascending, and v (n x n), whose columns are
// the eigenvectors; v is empty where only values are wanted. Errors: NotFinite and NotConverged with the indices of the
// matrices in the batch.
struct EighArgs {
  DType type{};
  bool vectors = true;
  std::int64_t batch = 0, n = 0;
  Operand a, w, v;
  Ran ran = nullptr;  // 'jacobi' (our own), or LAPACK's or cuSOLVER's routine

  [[nodiscard]] double work(double bytes) const { return bytes * static_cast<double>(n); }

  void read(Request& request) {
    vectors = request.flag("vectors");
    const std::size_t matrices = read_square(request, *this, Elements::RealOrComplex);
    request.result(w, checked_bytes(real_of(type), {batch, n}));
    if (vectors) request.result(v, matrices);
  }
};

// Of any matrix: w (n) in no order, and v (n x n), whose columns are the eigenvectors, of length 1; both complex, whatever a
// is; v is empty where only values are wanted. Errors: as of EighArgs; NotSupported by a device that has none.
struct EigArgs {
  DType type{};
  bool vectors = true;
  std::int64_t batch = 0, n = 0;
  Operand a, w, v;

  // The iteration takes some ten times the steps of a product.
  [[nodiscard]] double work(double bytes) const { return 10 * bytes * static_cast<double>(n); }

  void read(Request& request) {
    vectors = request.flag("vectors");
    read_square(request, *this, Elements::RealOrComplex);
    request.result(w, checked_bytes(complex_of(type), {batch, n}));
    if (vectors) request.result(v, checked_bytes(complex_of(type), {batch, n, n}));
  }
};

#define TENSORLANE_EIGENVALUES(ROW)  \
  ROW(eigh, EighArgs, "eigh", false) \
  ROW(eig, EigArgs, "eig", false)

}  // namespace tensorlane
