// The operations by the names that binding.d.ts gives them. Sizes are checked against the operands here, once more than
// in lib/, because a wrong one would be a wild write.
#pragma once

#include <napi.h>

#include <string>

#include "binding/operation_worker.h"

namespace tensorlane {

// Errors: Argument, Shape, DType, Disposed.
Operation read_operation(const std::string& name, const Napi::Object& request);

}  // namespace tensorlane
