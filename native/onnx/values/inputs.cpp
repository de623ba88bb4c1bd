// Making the values that go into a run.

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "onnx/values/empty_sequence.h"
#include "onnx/values/input_bytes.h"
#include "onnx/values/memory.h"
#include "onnx/values/values.h"

namespace tensorlane {
namespace {

constexpr const char* kMakingInput = "making an input";

constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + Workspace::kAlignment - 1) / Workspace::kAlignment * Workspace::kAlignment;
}

// A caller may change large host memory while it is read. Floating-point elements are then merely other numbers, but
// the runtime checks indices and counts conditions before it uses them, so these must not change in between: it is
// given a copy. A buffer does not change: whoever writes to it waits for those who read it.
bool used_in_place(DType type, const std::vector<Operand>& parts) {
  if (parts.size() != 1) return false;
  switch (type) {
    case DType::Float32:
    case DType::Float64:
    case DType::Float16:
    case DType::BFloat16:
      return true;
    case DType::Bool:
      return false;  // see copy_elements
    default:
      return parts.front().buffer != nullptr;
  }
}

// Of a map's keys, which are a tensor of one dimension.
ValueType keys_of(const ValueType& map) {
  ValueType keys;
  keys.type = map.keys;
  return keys;
}

class InputMaker {
 public:
  InputMaker(const ort::Runtime& runtime, const std::string& name, std::byte*& staging)
      : runtime_(runtime), api_(runtime.api), making_(runtime, kMakingInput), name_(name), staging_(staging) {}

  ort::OwnedValue make(const ValueType& type, const InputParts& input) {
    if (type.kind == ValueKind::Optional) return make(*type.inner, input);
    switch (input.form) {
      case ValueForm::Tensor:
        return type.type == DType::String ? make_strings(input) : make_numbers(type.type, input);
      case ValueForm::Sequence:
        return input.items.empty() ? empty_sequence(runtime_, *type.inner) : make_sequence(type, input);
      case ValueForm::Map:
        return make_map(type, input);
      case ValueForm::None:
        break;
    }
    throw Error(Code::Argument, "input '" + name_ + "' cannot be left out");
  }

 private:
  ort::OwnedValue make_strings(const InputParts& input) {
    ort::OwnedValue value(api_);
    making_(api_.CreateTensorAsOrtValue(runtime_.allocator, input.dims.data(), input.dims.size(),
                                        static_cast<int>(DType::String), value.out()));
    for (std::size_t i = 0; i < input.strings.size(); ++i) {
      const std::string& text = input.strings[i];
      char* to = nullptr;
      making_(api_.GetResizedStringTensorElementBuffer(value.get(), i, text.size(), &to));
      std::ranges::copy(text, to);  // by length, since a string may hold a zero
    }
    return value;
  }

  // Where the parts do not lie in one piece, or might change, they are copied to the staging memory.
  ort::OwnedValue make_numbers(DType type, const InputParts& input) {
    const std::size_t bytes = total_bytes(input.parts);
    const ort::MemoryInfo* memory = runtime_.host_memory;
    std::byte* data = staging_;
    if (used_in_place(type, input.parts)) {
      memory = memory_of(runtime_, input.parts.front(), name_);
      data = input.parts.front().data;
    } else {
      for (const Operand& part : input.parts) {
        check_host_reads(part, name_);
        staging_ = copy_elements(type, part, staging_);
      }
      staging_ = data + round_up(bytes);
    }
    ort::OwnedValue value(api_);
    making_(api_.CreateTensorWithDataAsOrtValue(memory, data, bytes, input.dims.data(), input.dims.size(),
                                                static_cast<int>(type), value.out()));
    return value;
  }

  ort::OwnedValue make_sequence(const ValueType& type, const InputParts& input) {
    std::vector<ort::OwnedValue> items;
    items.reserve(input.items.size());
    for (const InputParts& item : input.items) items.push_back(make(*type.inner, item));
    return join(items, ort::kTypeSequence);
  }

  ort::OwnedValue make_map(const ValueType& type, const InputParts& input) {
    std::vector<ort::OwnedValue> items;
    items.push_back(make(keys_of(type), input.items.at(0)));
    items.push_back(make(*type.inner, input.items.at(1)));
    return join(items, ort::kTypeMap);
  }

  ort::OwnedValue join(const std::vector<ort::OwnedValue>& items, int kind) {
    std::vector<const ort::Value*> values;
    values.reserve(items.size());
    for (const ort::OwnedValue& item : items) values.push_back(item.get());
    ort::OwnedValue value(api_);
    making_(api_.CreateValue(values.data(), values.size(), kind, value.out()));
    return value;
  }

  const ort::Runtime& runtime_;
  const ort::Api& api_;
  const ort::Attempt making_;
  const std::string& name_;
  std::byte*& staging_;  // where the next copy goes
};

// What of a value is copied to staging memory.
std::size_t staged_bytes(const ValueType& type, const InputParts& input) {
  if (type.kind == ValueKind::Optional) return staged_bytes(*type.inner, input);
  switch (input.form) {
    case ValueForm::Tensor:
      return used_in_place(type.type, input.parts) ? 0 : round_up(total_bytes(input.parts));
    case ValueForm::Sequence: {
      std::size_t bytes = 0;
      for (const InputParts& item : input.items) bytes += staged_bytes(*type.inner, item);
      return bytes;
    }
    case ValueForm::Map:
      return staged_bytes(keys_of(type), input.items.at(0)) + staged_bytes(*type.inner, input.items.at(1));
    case ValueForm::None:
      break;
  }
  return 0;
}

}  // namespace

std::vector<ort::OwnedValue> make_inputs(const ort::Runtime& runtime, const std::vector<ValueInfo>& infos,
                                         std::span<const InputParts> inputs, Workspace& workspace) {
  std::size_t staged = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) staged += staged_bytes(infos.at(i), inputs[i]);
  // At least one byte, so that an empty tensor has an address too.
  std::byte* staging = workspace.take(std::max<std::size_t>(staged, 1));
  std::vector<ort::OwnedValue> values;
  values.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    // So is an optional that is empty: the runtime does not survive a value of nothing.
    const bool left_out = inputs[i].form == ValueForm::None;
    values.push_back(left_out ? ort::OwnedValue(runtime.api)
                              : InputMaker(runtime, infos[i].name, staging).make(infos[i], inputs[i]));
  }
  return values;
}

}  // namespace tensorlane
