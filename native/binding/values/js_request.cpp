#include "binding/values/js_request.h"

#include "binding/values/convert.h"

namespace tensorlane {

std::int64_t JsRequest::integer(const char* name) const { return to_integer(object_.Get(name), name); }

float JsRequest::number(const char* name) const { return to_float(object_.Get(name), name); }

bool JsRequest::flag(const char* name) const { return object_.Get(name).ToBoolean(); }

std::string JsRequest::text(const char* name) const { return object_.Get(name).ToString(); }

std::vector<std::int64_t> JsRequest::sizes(const char* name) const { return to_ints(object_.Get(name), name); }

std::vector<float> JsRequest::numbers(const char* name) const {
  const Napi::Array array = to_array(object_.Get(name), name);
  std::vector<float> found;
  found.reserve(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) found.push_back(to_float(array.Get(i), name));
  return found;
}

Operand JsRequest::find_operand(const char* name, std::size_t least) {
  return inputs_.emplace_back(object_.Get(name), least, name).operand();
}

}  // namespace tensorlane
