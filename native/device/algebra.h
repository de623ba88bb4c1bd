// The part of a device that does linear algebra, on row-major matrices of float32 or float64. The families of
// operations lie in algebra/, named as numpy.linalg's documentation names them.
#pragma once

#include "device/algebra/decompositions.h"
#include "device/algebra/eigenvalues.h"
#include "device/algebra/numbers.h"
#include "device/algebra/products.h"
#include "device/algebra/solving.h"
#include "device/operation.h"

#define TENSORLANE_ALGEBRA(ROW)  \
  TENSORLANE_PRODUCTS(ROW)       \
  TENSORLANE_DECOMPOSITIONS(ROW) \
  TENSORLANE_EIGENVALUES(ROW)    \
  TENSORLANE_NUMBERS(ROW)        \
  TENSORLANE_SOLVING(ROW)

namespace tensorlane {

class Algebra {
 public:
  TENSORLANE_ALGEBRA(TENSORLANE_ABSTRACT_OPERATION)

 protected:
  ~Algebra() = default;
};

}  // namespace tensorlane
