// Products of matrices of integers and of bools.
#pragma once

#include "device/algebra.h"

namespace tensorlane::cpu {

void integer_matmul(const MatmulArgs& args);

}  // namespace tensorlane::cpu
