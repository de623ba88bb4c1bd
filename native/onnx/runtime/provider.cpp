#include "onnx/runtime/provider.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/error.h"
#include "onnx/runtime/plugins.h"

namespace tensorlane {
namespace {

constexpr const char* kCpu = "cpu";

// Keys and values as the runtime takes them, good for as long as the map is.
class Options {
 public:
  explicit Options(std::map<std::string, std::string> entries) : entries_(std::move(entries)) {
    for (const auto& [key, value] : entries_) {
      keys_.push_back(key.c_str());
      values_.push_back(value.c_str());
    }
  }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  [[nodiscard]] const char* const* keys() const { return keys_.data(); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  std::map<std::string, std::string> entries_;
  std::vector<const char*> keys_;
  std::vector<const char*> values_;
};

struct Provider {
  const char* name;
  // Adds it to the session's options. Errors: Model, with the reason why it cannot be had; Argument, for its options.
  void (*add)(const ort::Runtime& runtime, ort::SessionOptions* session_options, const ProviderRequest& request);
};

// The runtime adds it by itself, after all others.
void add_cpu(const ort::Runtime& /*runtime*/, ort::SessionOptions* /*session_options*/,
             const ProviderRequest& /*request*/) {}

// What is not as the provider has it by default: it would try every convolution algorithm for each new shape, which takes up to a
// second each time; take memory in powers of two; and round float32 to 10 bits in products.
const std::map<std::string, std::string> kCudaDefaults{
    {"arena_extend_strategy", "kSameAsRequested"}, {"cudnn_conv_algo_search", "HEURISTIC"}, {"use_tf32", "0"}};

void add_cuda(const ort::Runtime& runtime, ort::SessionOptions* session_options, const ProviderRequest& request) {
  const ort::Attempt adding(runtime, "ONNX Runtime cannot use CUDA here");
  std::map<std::string, std::string> entries = kCudaDefaults;
  for (const auto& [key, value] : request.options) entries[key] = value;
  if (request.device.has_value()) entries["device_id"] = std::to_string(*request.device);
  ort::OwnedCudaProviderOptions cuda(runtime.api);
  adding(runtime.api.CreateCUDAProviderOptions(cuda.out()));
  // The first that needs the provider's libraries; after it, what is refused are options.
  const Options none({});
  adding(runtime.api.UpdateCUDAProviderOptions(cuda.get(), none.keys(), none.values(), none.size()));
  const Options options(std::move(entries));
  try {
    adding(runtime.api.UpdateCUDAProviderOptions(cuda.get(), options.keys(), options.values(), options.size()));
  } catch (const Error& error) {
    throw Error(Code::Argument, std::string("providers: options of 'cuda': ") + error.what());
  }
  adding(runtime.api.SessionOptionsAppendExecutionProvider_CUDA_V2(session_options, cuda.get()));
}

const ort::EpDevice* add_plugin(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                                const ProviderRequest& request, bool graphs) {
  const ort::EpDevice* device = find_plugin_device(runtime, {request.library, request.name, request.device});
  std::map<std::string, std::string> entries(request.options.begin(), request.options.end());
  if (graphs) entries["enable_cuda_graph"] = "1";
  const Options options(std::move(entries));
  const ort::Attempt adding(runtime, "adding a provider");
  adding(runtime.api.SessionOptionsAppendExecutionProvider_V2(session_options, runtime.env, &device, 1, options.keys(),
                                                              options.values(), options.size()));
  return device;
}

constexpr std::array kProviders{
    Provider{kCpu, add_cpu},
    Provider{"cuda", add_cuda},
};

const Provider& find_provider(const std::string& name) {
  const auto* found = std::ranges::find(kProviders, name, &Provider::name);
  if (found != kProviders.end()) return *found;
  std::string known;
  for (const Provider& provider : kProviders) known += (known.empty() ? "'" : ", '") + std::string(provider.name) + "'";
  throw Error(Code::Argument, "there is no provider '" + name + "'; there are " + known +
                                  ", and those of libraries that are named beside it");
}

// Gives a plugin's device.
const ort::EpDevice* add(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                         const ProviderRequest& request, bool graphs) {
  if (!request.library.empty()) return add_plugin(runtime, session_options, request, graphs);
  find_provider(request.name).add(runtime, session_options, request);
  return nullptr;
}

}  // namespace

bool may_fall_back(const std::vector<ProviderRequest>& requests) {
  return std::ranges::find(requests, kCpu, &ProviderRequest::name) != requests.end();
}

ProviderInUse add_providers(const ort::Runtime& runtime, ort::SessionOptions* session_options,
                            const std::vector<ProviderRequest>& requests, bool graphs) {
  ProviderInUse in_use;
  for (const ProviderRequest& request : requests) {
    try {
      const ort::EpDevice* device = add(runtime, session_options, request, graphs);
      if (!in_use.name.empty()) continue;
      in_use.name = request.name;
      in_use.device = device;
    } catch (const Error& error) {
      if (error.code() == Code::Argument) throw;
      std::string reason = error.what();
      reason.erase(reason.find_last_not_of(" \n") + 1);
      if (!request.remedy.empty()) reason += ". " + request.remedy;
      if (!may_fall_back(requests)) throw Error(error.code(), reason, error.runtime_message());
      if (in_use.name.empty() && in_use.fallback_reason.empty()) in_use.fallback_reason = reason;
    }
  }
  if (in_use.name.empty()) in_use.name = kCpu;
  return in_use;
}

}  // namespace tensorlane
