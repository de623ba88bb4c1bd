#include "onnx/values.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "onnx/memory.h"

namespace tensorlane {
namespace {

constexpr const char* kDescribing = "reading the model";
constexpr const char* kMakingInput = "making an input";
constexpr const char* kReadingOutput = "reading an output";

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

std::size_t total_bytes(const InputParts& input) {
  std::size_t bytes = 0;
  for (const Operand& part : input.parts) bytes += part.bytes;
  return bytes;
}

// A bool is one byte, 0 or anything else, as numpy and our callers have it; the runtime's operators compare bytes, and take
// 255 for neither true nor false.
std::byte* copy_elements(DType type, const Operand& from, std::byte* to) {
  if (type != DType::Bool) return std::copy_n(from.data, from.bytes, to);
  return std::transform(from.data, from.data + from.bytes, to,
                        [](std::byte value) { return std::byte{value != std::byte{0}}; });
}

ort::OwnedValue make_strings(const ort::Runtime& runtime, const InputParts& input) {
  const ort::Api& api = runtime.api;
  const ort::Attempt making(runtime, kMakingInput);
  ort::OwnedValue value(api);
  making(api.CreateTensorAsOrtValue(runtime.allocator, input.dims.data(), input.dims.size(),
                                    static_cast<int>(DType::String), value.out()));
  for (std::size_t i = 0; i < input.strings.size(); ++i) {
    const std::string& text = input.strings[i];
    char* to = nullptr;
    making(api.GetResizedStringTensorElementBuffer(value.get(), i, text.size(), &to));
    std::ranges::copy(text, to);  // by length, since a string may hold a zero
  }
  return value;
}

// Where the parts do not lie in one piece, or might change, they are copied to `staging`, which is then moved on.
ort::OwnedValue make_numbers(const ort::Runtime& runtime, const ValueInfo& info, const InputParts& input,
                             std::byte*& staging) {
  const std::size_t bytes = total_bytes(input);
  const ort::MemoryInfo* memory = runtime.host_memory;
  std::byte* data = staging;
  if (used_in_place(info.type, input.parts)) {
    memory = memory_of(runtime, input.parts.front(), info.name);
    data = input.parts.front().data;
  } else {
    for (const Operand& part : input.parts) {
      check_host_reads(part, info.name);
      staging = copy_elements(info.type, part, staging);
    }
    staging = data + round_up(bytes);
  }
  ort::OwnedValue value(runtime.api);
  const ort::Attempt making(runtime, kMakingInput);
  making(runtime.api.CreateTensorWithDataAsOrtValue(memory, data, bytes, input.dims.data(), input.dims.size(),
                                                    static_cast<int>(info.type), value.out()));
  return value;
}

// Memory that the runtime made for a value.
class ValueBuffer final : public Buffer {
 public:
  ValueBuffer(ort::OwnedValue value, std::byte* data, std::size_t bytes)
      : value_(std::move(value)), data_(data), bytes_(bytes) {}

  [[nodiscard]] std::byte* data() const noexcept override { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }
  [[nodiscard]] bool host_accessible() const noexcept override { return true; }

 private:
  ort::OwnedValue value_;
  std::byte* data_;
  std::size_t bytes_;
};

std::vector<std::string> read_strings(const ort::Runtime& runtime, const ort::Value* value, std::size_t count) {
  const ort::Attempt reading(runtime, kReadingOutput);
  std::size_t length = 0;
  reading(runtime.api.GetStringTensorDataLength(value, &length));
  std::string text(length, '\0');
  std::vector<std::size_t> offsets(count);
  if (count != 0) {
    reading(runtime.api.GetStringTensorContent(value, text.data(), length, offsets.data(), count));
  }
  std::vector<std::string> strings;
  strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? offsets[i + 1] : length;
    strings.push_back(text.substr(offsets[i], end - offsets[i]));
  }
  return strings;
}

}  // namespace

ValueInfo read_value_info(const ort::Runtime& runtime, std::string name, const ort::TypeInfo* type) {
  const ort::Api& api = runtime.api;
  const ort::Attempt reading(runtime, kDescribing);
  ValueInfo info;
  info.name = std::move(name);
  int kind = 0;
  reading(api.GetOnnxTypeFromTypeInfo(type, &kind));
  const ort::TensorTypeInfo* tensor = nullptr;  // part of `type`
  if (kind == ort::kTypeTensor) reading(api.CastTypeInfoToTensorInfo(type, &tensor));
  if (tensor == nullptr) {
    throw Error(Code::Model, "'" + info.name +
                                 "' is not a tensor (a sequence, a map or an optional); "
                                 "only tensors can be a model's inputs and outputs");
  }
  int element = 0;
  reading(api.GetTensorElementType(tensor, &element));
  const DTypeInfo* dtype = find_dtype(element);
  if (dtype == nullptr) {
    throw Error(Code::Model, "'" + info.name + "' has ONNX element type " + std::to_string(element) +
                                 ", which ONNX Runtime cannot pass in or out (complex numbers, for one)");
  }
  info.type = dtype->type;
  std::size_t rank = 0;
  reading(api.GetDimensionsCount(tensor, &rank));
  info.dims.resize(rank);
  std::vector<const char*> names(rank, nullptr);
  reading(api.GetDimensions(tensor, info.dims.data(), rank));
  reading(api.GetSymbolicDimensions(tensor, names.data(), rank));
  for (const char* dim : names) info.dim_names.emplace_back(dim == nullptr ? "" : dim);
  return info;
}

std::vector<ort::OwnedValue> make_inputs(const ort::Runtime& runtime, const std::vector<ValueInfo>& infos,
                                         std::span<const InputParts> inputs, Workspace& workspace) {
  std::size_t staged = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!used_in_place(infos.at(i).type, inputs[i].parts)) staged += round_up(total_bytes(inputs[i]));
  }
  // At least one byte, so that an empty tensor has an address too.
  std::byte* staging = workspace.take(std::max<std::size_t>(staged, 1));
  std::vector<ort::OwnedValue> values;
  values.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.push_back(infos[i].type == DType::String ? make_strings(runtime, inputs[i])
                                                    : make_numbers(runtime, infos[i], inputs[i], staging));
  }
  return values;
}

Output read_output(const ort::Runtime& runtime, ort::OwnedValue value) {
  const ort::Api& api = runtime.api;
  const ort::Attempt reading(runtime, kReadingOutput);
  int is_tensor = 0;
  reading(api.IsTensor(value.get(), &is_tensor));
  if (is_tensor == 0) throw Error(Code::Model, "an output is not a tensor");
  ort::OwnedTensorTypeInfo info(api);
  reading(api.GetTensorTypeAndShape(value.get(), info.out()));
  int element = 0;
  std::size_t rank = 0;
  reading(api.GetTensorElementType(info.get(), &element));
  reading(api.GetDimensionsCount(info.get(), &rank));
  Output output;
  output.type = static_cast<DType>(element);
  output.dims.resize(rank);
  reading(api.GetDimensions(info.get(), output.dims.data(), rank));
  const auto count = static_cast<std::size_t>(
      std::accumulate(output.dims.begin(), output.dims.end(), std::int64_t{1}, std::multiplies<>()));
  if (output.type == DType::String) {
    output.strings = read_strings(runtime, value.get(), count);
    return output;
  }
  void* data = nullptr;
  reading(api.GetTensorMutableData(value.get(), &data));
  output.elements.data = static_cast<std::byte*>(data);
  output.elements.bytes = byte_size(output.type, count);
  output.elements.buffer = std::make_shared<ValueBuffer>(std::move(value), output.elements.data, output.elements.bytes);
  return output;
}

}  // namespace tensorlane
