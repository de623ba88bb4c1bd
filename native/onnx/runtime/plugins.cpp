#include "onnx/runtime/plugins.h"

#include <filesystem>
#include <mutex>
#include <set>
#include <span>
#include <system_error>

#include "core/error.h"

namespace tensorlane {
namespace {

constexpr int kOfTheDevice = 0;  // OrtDeviceMemoryType

// Two paths of one file are one library.
std::string canonical(const std::string& path) {
  std::error_code missing;
  const std::filesystem::path whole = std::filesystem::canonical(path, missing);
  return missing ? path : whole.string();
}

int device_id(const ort::Runtime& runtime, const ort::EpDevice* device) {
  const ort::MemoryInfo* memory = runtime.api.EpDevice_MemoryInfo(device, kOfTheDevice);
  int id = 0;
  if (memory != nullptr) {
    const ort::Attempt asking(runtime, "asking a provider for its devices");
    asking(runtime.api.MemoryInfoGetId(memory, &id));
  }
  return id;
}

std::string listed(const std::set<std::string>& all) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

}  // namespace

const ort::EpDevice* find_plugin_device(const ort::Runtime& runtime, const PluginRequest& request) {
  static std::mutex mutex;  // guards what follows, and what the runtime tells of its devices
  static std::set<std::string> registered;
  const ort::Api& api = runtime.api;
  if (api.RegisterExecutionProviderLibrary == nullptr || api.EpDevice_MemoryInfo == nullptr) {
    throw Error(Code::NotSupported, "ONNX Runtime " + runtime.version +
                                        " takes no providers from libraries of their own; " +
                                        "1.23 or later is needed");
  }
  const std::lock_guard lock(mutex);
  const std::string path = canonical(request.library);
  if (!registered.contains(path)) {
    const ort::Attempt registering(runtime, "registering a provider's library");
    registering(api.RegisterExecutionProviderLibrary(runtime.env, path.c_str(), path.c_str()));
    registered.insert(path);
  }
  const ort::EpDevice* const* devices = nullptr;
  std::size_t count = 0;
  const ort::Attempt asking(runtime, "asking for the providers' devices");
  asking(api.GetEpDevices(runtime.env, &devices, &count));
  std::set<std::string> names;
  std::set<std::string> ids;
  for (const ort::EpDevice* device : std::span(devices, count)) {
    const std::string name = api.EpDevice_EpName(device);
    names.insert("'" + name + "'");
    if (name != request.name) continue;
    const int id = device_id(runtime, device);
    if (id == request.device.value_or(id)) return device;
    ids.insert(std::to_string(id));
  }
  if (ids.empty()) {
    throw Error(Code::Model,
                "with " + request.library + " there is no provider '" + request.name + "'; there are " + listed(names));
  }
  throw Error(Code::Model, "provider '" + request.name + "' has no device " + std::to_string(*request.device) +
                               "; it has " + listed(ids));
}

}  // namespace tensorlane
