// Providers that come as libraries of their own (ONNX Runtime's plugin interface), and are named by a path: each library is
// registered once, when it is first asked for, and stays until the process ends, as the runtime does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

struct PluginRequest {
  std::string library;        // its path
  std::string name;           // of the provider, as the library has it
  std::optional<int> device;  // the id that its memory has; else the first there is
};

// Which device of a plugin to compute on. From any thread. Errors: NotSupported, for a runtime that is too old; Model, with the
// runtime's reason, where the library cannot be registered, or has no such provider or device (and which it has).
const ort::EpDevice* find_plugin_device(const ort::Runtime& runtime, const PluginRequest& request);

}  // namespace tensorlane
