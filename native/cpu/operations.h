// What the CPU does for the operations of a device's tables, one operation or family a file, in linalg/ and ops/.
#pragma once

#include "core/lanes/lane.h"
#include "device/algebra.h"
#include "device/tensor_operations.h"

namespace tensorlane::cpu {

#define TENSORLANE_DECLARE(function, Args, ...) void function(Lane& lane, const Args& args);
TENSORLANE_ALGEBRA(TENSORLANE_DECLARE)
TENSORLANE_TENSOR_OPERATIONS(TENSORLANE_DECLARE)
#undef TENSORLANE_DECLARE

}  // namespace tensorlane::cpu
