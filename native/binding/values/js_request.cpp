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

void JsRequest::find_operand(Operand& operand, const char* name, std::size_t least) {
  const Napi::Value value = object_.Get(name);
  if (value.IsObject() && !value.IsTypedArray()) {
    const auto object = value.As<Napi::Object>();
    if (const Napi::Value source = object.Get("convert"); !source.IsUndefined()) {
      const JsRequest types(object);
      Conversion conversion(types.type("from"), types.type("to"), least, operand);
      conversion.set_source(inputs_.emplace_back(source, conversion.least(), name).operand());
      conversions_.push_back(std::move(conversion));
      return;
    }
  }
  operand = inputs_.emplace_back(value, least, name).operand();
}

}  // namespace tensorlane
