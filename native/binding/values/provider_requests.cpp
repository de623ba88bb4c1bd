#include "binding/values/provider_requests.h"

#include <cstdint>
#include <utility>

#include "binding/values/convert.h"

namespace tensorlane {

std::vector<ProviderRequest> to_provider_requests(const Napi::Value& given) {
  std::vector<ProviderRequest> requests;
  if (given.IsUndefined()) return requests;
  const Napi::Array array = to_array(given, "providers");
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Object one = to_object(array.Get(i), "a provider");
    ProviderRequest request;
    request.name = one.Get("name").ToString();
    if (const Napi::Value device = one.Get("device"); !device.IsUndefined()) {
      request.device = static_cast<int>(to_int(device, "device"));
    }
    if (const Napi::Value library = one.Get("library"); !library.IsUndefined()) request.library = library.ToString();
    if (const Napi::Value remedy = one.Get("remedy"); !remedy.IsUndefined()) request.remedy = remedy.ToString();
    if (const Napi::Value options = one.Get("options"); !options.IsUndefined()) {
      const Napi::Array pairs = to_array(options, "options");
      for (std::uint32_t k = 0; k + 1 < pairs.Length(); k += 2) {
        request.options.emplace_back(pairs.Get(k).ToString(), pairs.Get(k + 1).ToString());
      }
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

Napi::Array placement_to_js(Napi::Env env, const std::vector<NodePlacement>& placement) {
  Napi::Array nodes = Napi::Array::New(env, placement.size());
  for (std::uint32_t i = 0; i < placement.size(); ++i) {
    const Napi::HandleScope scope(env);
    Napi::Object node = Napi::Object::New(env);
    node.Set("provider", placement[i].provider);
    node.Set("name", placement[i].node);
    node.Set("operator", placement[i].op);
    nodes.Set(i, node);
  }
  return nodes;
}

}  // namespace tensorlane
