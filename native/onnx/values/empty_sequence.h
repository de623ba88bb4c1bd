// A sequence of no tensors, which the C API has no function to make: the runtime makes it, by a model of one node.
#pragma once

#include "onnx/runtime/runtime.h"
#include "onnx/values/value_type.h"

namespace tensorlane {

// `inner` is what it would hold. Errors: NotSupported, for a sequence of anything but tensors; Model.
ort::OwnedValue empty_sequence(const ort::Runtime& runtime, const ValueType& inner);

}  // namespace tensorlane
