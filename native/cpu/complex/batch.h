// What the operations on complex matrices have in common.
#pragma once

#include <complex>

#include "cpu/complex/lapack.h"
#include "cpu/complex/operations.h"
#include "cpu/linalg/finite.h"
#include "cpu/linalg/line_start.h"
#include "cpu/linalg/matrix.h"
#include "cpu/linalg/operation.h"

namespace tensorlane::cpu::complex {

// Calls operation(T{}) for the element type T, complex64 or complex128, while holding a share of the cores.
template <typename Operation>
void with_complex(DType type, Operation operation, unsigned most_cores = BlasShare::kAllCores) {
  const BlasShare share(most_cores);
  if (type == DType::Complex64) {
    operation(std::complex<float>{});
  } else {
    operation(std::complex<double>{});
  }
}

}  // namespace tensorlane::cpu::complex
