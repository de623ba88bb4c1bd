// What a model says of its inputs and outputs: tensors, and what is made of tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "onnx/runtime/runtime.h"

namespace tensorlane {

enum class ValueKind {
  Tensor,
  Sequence,     // of values of one type
  Map,          // of keys that are strings or integers to tensors of one element
  Optional,     // a value, or none
  Unsupported,  // what cannot be passed in or out: a sparse tensor, complex elements
};

struct ValueType {
  ValueKind kind = ValueKind::Tensor;
  // Of a tensor.
  DType type = DType::Float32;
  bool ranked = true;                  // false: of any rank, or of one that the model does not say
  std::vector<std::int64_t> dims;      // -1 for a free dimension
  std::vector<std::string> dim_names;  // empty where the model gives none
  // Of a map.
  DType keys = DType::String;
  // What a sequence, a map or an optional holds.
  std::shared_ptr<const ValueType> inner;
  std::string unsupported;  // what it is, in words
};

struct ValueInfo : ValueType {
  std::string name;
};

// The runtime's API takes ONNX's own numbers for element types, and gives others for the three newest of them.
constexpr int onnx_number(int of_runtime) {
  switch (of_runtime) {
    case 24:
      return static_cast<int>(DType::UInt2);
    case 25:
      return static_cast<int>(DType::Int2);
    case 26:
      return static_cast<int>(DType::Float8E8M0);
    default:
      return of_runtime;
  }
}

// The runtime does not tell a scalar from a tensor of unknown rank: each that has no dims is `ranked`. Errors: Model.
ValueType read_value_type(const ort::Runtime& runtime, const ort::TypeInfo* type);

}  // namespace tensorlane
