#include "binding/values/run_input.h"

#include <string>
#include <utility>

#include "binding/objects/buffer_object.h"
#include "binding/values/convert.h"
#include "device/request.h"

namespace tensorlane {

RunInputs::RunInputs(const Napi::Array& given, const std::vector<ValueInfo>& infos) {
  if (given.Length() > infos.size()) throw Error(Code::Argument, "there are more inputs than the model has");
  values_.reserve(given.Length());
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    values_.push_back(read(given.Get(i), infos[i], infos[i].name));
  }
}

InputParts RunInputs::read(const Napi::Value& given, const ValueType& type, const std::string& name) {
  InputParts input;
  if (given.IsUndefined() || given.IsNull()) {
    input.form = ValueForm::None;
    return input;
  }
  switch (type.kind) {
    case ValueKind::Tensor:
      return read_tensor(to_object(given, "an input"), type.type, name);
    case ValueKind::Optional:
      return read(given, *type.inner, name);
    case ValueKind::Sequence: {
      input.form = ValueForm::Sequence;
      const Napi::Array items = to_array(to_object(given, "an input").Get("sequence"), "sequence");
      for (std::uint32_t i = 0; i < items.Length(); ++i) {
        input.items.push_back(read(items.Get(i), *type.inner, name));
        if (input.items.back().form == ValueForm::None) throw Error(Code::Argument, "a sequence holds no empty values");
      }
      return input;
    }
    case ValueKind::Map: {
      input.form = ValueForm::Map;
      const Napi::Object map = to_object(given, "an input");
      input.items.push_back(read_tensor(to_object(map.Get("keys"), "keys"), type.keys, name));
      input.items.push_back(read_tensor(to_object(map.Get("values"), "values"), type.inner->type, name));
      return input;
    }
    case ValueKind::Unsupported:
      break;
  }
  throw Error(Code::NotSupported, "input '" + name + "' is " + type.unsupported + ", which cannot be passed in");
}

InputParts RunInputs::read_tensor(const Napi::Object& given, DType type, const std::string& name) {
  InputParts input;
  input.dims = to_ints(given.Get("dims"), "dims");
  const Napi::Array parts = to_array(given.Get("parts"), "parts");
  std::int64_t elements = 1;
  for (const std::int64_t dim : input.dims) elements = checked_product({elements, dim});
  if (type == DType::String) {
    for (std::uint32_t i = 0; i < parts.Length(); ++i) input.strings.emplace_back(parts.Get(i).ToString());
    if (static_cast<std::size_t>(elements) != input.strings.size()) throw Error(Code::Shape, "strings are missing");
    return input;
  }
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < parts.Length(); ++i) {
    const Napi::Value part = parts.Get(i);
    if (part.IsTypedArray()) {
      pins_.push_back(Pin::part(part));
      const std::span<std::byte> pinned = pins_.back().bytes();
      input.parts.push_back({pinned.data(), pinned.size(), nullptr});
    } else {
      BufferObject::Part held = BufferObject::part(part, "an input");
      orders_.push_back(held.order);
      input.parts.push_back(std::move(held.operand));
    }
    bytes += input.parts.back().bytes;
  }
  // The runtime takes more than it needs, which would push the rows of one caller into another's.
  if (bytes != byte_size(type, static_cast<std::size_t>(elements))) {
    throw Error(Code::Shape, "input '" + name + "' has " + std::to_string(bytes) + " bytes, which its dims do not fit");
  }
  return input;
}

}  // namespace tensorlane
