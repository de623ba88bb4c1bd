// The part of a device that works on tensors of any shape. The families of operations lie in tensors/.
#pragma once

#include "device/operation.h"
#include "device/tensors/elements.h"
#include "device/tensors/elementwise.h"
#include "device/tensors/images.h"
#include "device/tensors/random.h"
#include "device/tensors/reductions.h"
#include "device/tensors/rows.h"

#define TENSORLANE_TENSOR_OPERATIONS(ROW) \
  TENSORLANE_ELEMENTS(ROW)                \
  TENSORLANE_ELEMENTWISE(ROW)             \
  TENSORLANE_REDUCTIONS(ROW)              \
  TENSORLANE_ROWS(ROW)                    \
  TENSORLANE_IMAGES(ROW)                  \
  TENSORLANE_RANDOM(ROW)

namespace tensorlane {

class TensorOperations {
 public:
  TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_ABSTRACT_OPERATION)

 protected:
  ~TensorOperations() = default;
};

}  // namespace tensorlane
