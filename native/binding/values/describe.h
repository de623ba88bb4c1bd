// What a model says of its inputs and outputs, as binding.d.ts has it.
#pragma once

#include <napi.h>

#include <span>

#include "onnx/values/value_type.h"

namespace tensorlane {

// ValueDescription[].
Napi::Array describe_values(Napi::Env env, std::span<const ValueInfo> values);

}  // namespace tensorlane
