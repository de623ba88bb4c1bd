#include "onnx/provider.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace tensorlane {
namespace {

struct Provider {
  const char* name;
  // Adds it to the session's options. Errors: Model, with the reason why it cannot be had.
  void (*add)(const ort::Runtime& runtime, ort::SessionOptions* session_options, int device);
};

// The runtime adds it by itself, after all others.
void add_cpu(const ort::Runtime& /*runtime*/, ort::SessionOptions* /*session_options*/, int /*device*/) {}

void add_cuda(const ort::Runtime& runtime, ort::SessionOptions* session_options, int device) {
  const ort::Attempt adding(runtime, "ONNX Runtime cannot use CUDA here");
  const std::string index = std::to_string(device);
  const std::array<const char*, 1> keys{"device_id"};
  const std::array<const char*, 1> values{index.c_str()};
  ort::OwnedCudaProviderOptions cuda(runtime.api);
  adding(runtime.api.CreateCUDAProviderOptions(cuda.out()));
  adding(runtime.api.UpdateCUDAProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()));
  adding(runtime.api.SessionOptionsAppendExecutionProvider_CUDA_V2(session_options, cuda.get()));
}

constexpr std::array kProviders{
    Provider{"cpu", add_cpu},
    Provider{"cuda", add_cuda},
};

const Provider& find_provider(const std::string& name) {
  const auto* found = std::ranges::find(kProviders, name, &Provider::name);
  if (found != kProviders.end()) return *found;
  std::string known;
  for (const Provider& provider : kProviders) known += (known.empty() ? "'" : ", '") + std::string(provider.name) + "'";
  throw Error(Code::Argument, "there is no provider '" + name + "'; there are " + known);
}

}  // namespace

ProviderInUse add_provider(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                           const ProviderRequest& request) {
  const Provider& provider = find_provider(request.name);
  try {
    provider.add(runtime, session_options, request.device);
    return {provider.name, {}};
  } catch (const Error& error) {
    return {"cpu", error.what()};
  }
}

}  // namespace tensorlane
