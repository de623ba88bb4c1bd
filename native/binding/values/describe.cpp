#include "binding/values/describe.h"

#include <cstdint>

#include "binding/values/convert.h"

namespace tensorlane {
namespace {

void describe_tensor(Napi::Env env, const ValueType& type, Napi::Object& object) {
  object.Set("type", from_view(env, dtype_name(type.type)));
  if (!type.ranked) return;
  object.Set("dims", from_ints(env, type.dims));
  Napi::Array names = Napi::Array::New(env, type.dim_names.size());
  for (std::uint32_t d = 0; d < type.dim_names.size(); ++d) {
    names.Set(d, type.dim_names[d].empty() ? env.Undefined() : Napi::String::New(env, type.dim_names[d]));
  }
  object.Set("dimNames", names);
}

Napi::Object describe_type(Napi::Env env, const ValueType& type) {
  Napi::Object object = Napi::Object::New(env);
  switch (type.kind) {
    case ValueKind::Tensor:
      object.Set("kind", "tensor");
      describe_tensor(env, type, object);
      break;
    case ValueKind::Sequence:
      object.Set("kind", "sequence");
      break;
    case ValueKind::Map:
      object.Set("kind", "map");
      object.Set("keys", from_view(env, dtype_name(type.keys)));
      break;
    case ValueKind::Optional:
      object.Set("kind", "optional");
      break;
    case ValueKind::Unsupported:
      object.Set("kind", "unsupported");
      object.Set("what", type.unsupported);
      break;
  }
  if (type.inner != nullptr) object.Set("of", describe_type(env, *type.inner));
  return object;
}

}  // namespace

Napi::Array describe_values(Napi::Env env, std::span<const ValueInfo> values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    Napi::Object object = describe_type(env, values[i]);
    object.Set("name", values[i].name);
    array.Set(i, object);
  }
  return array;
}

}  // namespace tensorlane
