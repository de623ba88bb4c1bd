// Reading the values that come out of a run.

#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "onnx/values/values.h"

namespace tensorlane {
namespace {

constexpr const char* kReadingOutput = "reading an output";

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

Output read_tensor(const ort::Runtime& runtime, ort::OwnedValue value) {
  Output output = read_in_place(runtime, value.get());
  if (output.type == DType::String) {
    output.strings = read_strings(runtime, value.get(), element_count(output.dims));
    return output;
  }
  std::byte* data = output.elements.data;
  output.elements.buffer = std::make_shared<ValueBuffer>(std::move(value), data, output.elements.bytes);
  return output;
}

// What a sequence or a map is made of: copies, by the runtime.
std::vector<Output> read_items(const ort::Runtime& runtime, const ort::Value* value) {
  const ort::Attempt reading(runtime, kReadingOutput);
  std::size_t count = 0;
  reading(runtime.api.GetValueCount(value, &count));
  std::vector<Output> items;
  items.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ort::OwnedValue item(runtime.api);
    reading(runtime.api.GetValue(value, static_cast<int>(i), runtime.allocator, item.out()));
    items.push_back(read_output(runtime, std::move(item)));
  }
  return items;
}

}  // namespace

std::size_t element_count(std::span<const std::int64_t> dims) {
  return static_cast<std::size_t>(std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>()));
}

Output read_in_place(const ort::Runtime& runtime, ort::Value* value) {
  const ort::Api& api = runtime.api;
  const ort::Attempt reading(runtime, kReadingOutput);
  ort::OwnedTensorTypeInfo info(api);
  reading(api.GetTensorTypeAndShape(value, info.out()));
  int element = 0;
  std::size_t rank = 0;
  reading(api.GetTensorElementType(info.get(), &element));
  reading(api.GetDimensionsCount(info.get(), &rank));
  Output output;
  output.type = static_cast<DType>(onnx_number(element));
  output.dims.resize(rank);
  reading(api.GetDimensions(info.get(), output.dims.data(), rank));
  if (output.type == DType::String) return output;
  void* data = nullptr;
  reading(api.GetTensorMutableData(value, &data));
  output.elements.data = static_cast<std::byte*>(data);
  output.elements.bytes = byte_size(output.type, element_count(output.dims));
  return output;
}

Output read_output(const ort::Runtime& runtime, ort::OwnedValue value) {
  const ort::Attempt reading(runtime, kReadingOutput);
  Output output;
  output.form = ValueForm::None;
  int there = 0;
  if (value.get() != nullptr) reading(runtime.api.HasValue(value.get(), &there));
  if (there == 0) return output;
  int kind = 0;
  reading(runtime.api.GetValueType(value.get(), &kind));
  if (kind == ort::kTypeTensor) return read_tensor(runtime, std::move(value));
  if (kind != ort::kTypeSequence && kind != ort::kTypeMap) {
    throw Error(Code::NotSupported, "an output is neither a tensor, a sequence nor a map");
  }
  output.form = kind == ort::kTypeMap ? ValueForm::Map : ValueForm::Sequence;
  output.items = read_items(runtime, value.get());
  return output;
}

}  // namespace tensorlane
