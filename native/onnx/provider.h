// What a session computes with: ONNX Runtime's execution providers, each of them a row of the table in provider.cpp.
//
// The runtime always has its CPU provider, which takes whatever no other does. Another is added before it, if it can be
// had: where its libraries or its device are missing, the model runs on the CPU all the same, and says why.
#pragma once

#include <string>

#include "onnx/runtime.h"

namespace tensorlane {

struct ProviderRequest {
  std::string name = "cpu";
  int device = 0;  // which of the provider's devices
};

struct ProviderInUse {
  std::string name;
  std::string fallback_reason;  // why it is not the one that was asked for; empty where it is
};

// Errors: Argument, for a name that is not in the table.
ProviderInUse add_provider(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                           const ProviderRequest& request);

}  // namespace tensorlane
