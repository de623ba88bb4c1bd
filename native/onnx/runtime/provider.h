// What a session computes with: ONNX Runtime's execution providers, those that it has built in, each of them a row of the table in
// provider.cpp, and those of libraries of their own (plugins.h).
//
// The runtime always has its CPU provider, which takes whatever no other does. Others are added before it, in the order in which they
// are asked for. Where one cannot be had (its libraries are missing, or its device), the next is tried, and the model says why; unless
// the CPU is not among those that are asked for: then it is an error.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "onnx/runtime/runtime.h"

namespace tensorlane {

struct ProviderRequest {
  std::string name = "cpu";
  std::optional<int> device{};  // which of the provider's devices; else its first
  std::string library{};        // of a plugin: its path
  std::string remedy{};         // what to do where it cannot be had, if that is known
  // Under ONNX Runtime's own names.
  std::vector<std::pair<std::string, std::string>> options{};
};

struct ProviderInUse {
  std::string name;
  std::string fallback_reason;            // why it is not the first that was asked for; empty where it is
  const ort::EpDevice* device = nullptr;  // of a plugin
};

[[nodiscard]] bool may_fall_back(const std::vector<ProviderRequest>& requests);

// None asked for: the CPU. `graphs`: plugins are told to record CUDA graphs. Errors: Argument, for a name that is not in the table, and for options that the provider does not take;
// Model and NotSupported, where one cannot be had and may not be left out.
ProviderInUse add_providers(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                            const std::vector<ProviderRequest>& requests, bool graphs = false);

}  // namespace tensorlane
