#include "onnx/values/value_type.h"

#include <utility>

namespace tensorlane {
namespace {

constexpr const char* kDescribing = "reading the model";

ValueType unsupported(std::string what) {
  ValueType type;
  type.kind = ValueKind::Unsupported;
  type.unsupported = std::move(what);
  return type;
}

std::shared_ptr<const ValueType> inner_of(const ort::Runtime& runtime, ort::TypeInfo* owned) {
  const ort::OwnedTypeInfo type(runtime.api, owned);
  ValueType inner = read_value_type(runtime, type.get());
  inner.ranked = !inner.dims.empty();
  return std::make_shared<const ValueType>(std::move(inner));
}

ValueType read_tensor(const ort::Runtime& runtime, const ort::TensorTypeInfo* tensor) {
  const ort::Api& api = runtime.api;
  const ort::Attempt reading(runtime, kDescribing);
  int element = 0;
  reading(api.GetTensorElementType(tensor, &element));
  const DTypeInfo* dtype = find_dtype(onnx_number(element));
  if (dtype == nullptr || is_complex(dtype->type))  // of which ONNX Runtime makes no values
    return unsupported("a tensor of element type " + std::to_string(element) + " of ONNX Runtime's");
  ValueType type;
  type.type = dtype->type;
  std::size_t rank = 0;
  reading(api.GetDimensionsCount(tensor, &rank));
  type.dims.resize(rank);
  std::vector<const char*> names(rank, nullptr);
  reading(api.GetDimensions(tensor, type.dims.data(), rank));
  reading(api.GetSymbolicDimensions(tensor, names.data(), rank));
  for (const char* dim : names) type.dim_names.emplace_back(dim == nullptr ? "" : dim);
  return type;
}

// What holds others cannot be passed where they cannot.
ValueType holding(ValueKind kind, std::shared_ptr<const ValueType> inner) {
  if (inner->kind == ValueKind::Unsupported) return *inner;
  ValueType type;
  type.kind = kind;
  type.inner = std::move(inner);
  return type;
}

}  // namespace

ValueType read_value_type(const ort::Runtime& runtime, const ort::TypeInfo* type) {
  const ort::Api& api = runtime.api;
  const ort::Attempt reading(runtime, kDescribing);
  int kind = 0;
  reading(api.GetOnnxTypeFromTypeInfo(type, &kind));
  ort::TypeInfo* inner = nullptr;
  switch (kind) {
    case ort::kTypeTensor: {
      const ort::TensorTypeInfo* tensor = nullptr;  // part of `type`, as those below are
      reading(api.CastTypeInfoToTensorInfo(type, &tensor));
      return read_tensor(runtime, tensor);
    }
    case ort::kTypeSequence: {
      const ort::SequenceTypeInfo* sequence = nullptr;
      reading(api.CastTypeInfoToSequenceTypeInfo(type, &sequence));
      reading(api.GetSequenceElementType(sequence, &inner));
      return holding(ValueKind::Sequence, inner_of(runtime, inner));
    }
    case ort::kTypeMap: {
      const ort::MapTypeInfo* map = nullptr;
      reading(api.CastTypeInfoToMapTypeInfo(type, &map));
      int keys = 0;
      reading(api.GetMapKeyType(map, &keys));
      if (find_dtype(keys) == nullptr) return unsupported("a map with keys of ONNX type " + std::to_string(keys));
      reading(api.GetMapValueType(map, &inner));
      ValueType made = holding(ValueKind::Map, inner_of(runtime, inner));
      made.keys = static_cast<DType>(keys);
      return made;
    }
    case ort::kTypeOptional: {
      const ort::OptionalTypeInfo* optional = nullptr;
      reading(api.CastTypeInfoToOptionalTypeInfo(type, &optional));
      reading(api.GetOptionalContainedTypeInfo(optional, &inner));
      return holding(ValueKind::Optional, inner_of(runtime, inner));
    }
    case ort::kTypeSparseTensor:
      return unsupported("a sparse tensor");
    default:
      return unsupported("an opaque value");
  }
}

}  // namespace tensorlane
