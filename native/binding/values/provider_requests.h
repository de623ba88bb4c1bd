// Which providers a model is to run on, and which of them run what: see LoadRequest and Model in binding.d.ts.
#pragma once

#include <napi.h>

#include <vector>

#include "onnx/runtime/provider.h"
#include "onnx/session/placement.h"

namespace tensorlane {

// Errors: Argument.
std::vector<ProviderRequest> to_provider_requests(const Napi::Value& given);

Napi::Array placement_to_js(Napi::Env env, const std::vector<NodePlacement>& placement);

}  // namespace tensorlane
