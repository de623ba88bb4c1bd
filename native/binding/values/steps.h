// Steps before and after a model as JS gives them: see StepRequest in binding.d.ts.
#pragma once

#include <napi.h>

#include "device/steps.h"

namespace tensorlane {

// Of nothing none. Errors: Argument, DType.
StepsByName to_steps(const Napi::Value& given);

}  // namespace tensorlane
