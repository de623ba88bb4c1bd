// How an operation's request is read, and what there is by which name: one family of operations a file.
#pragma once

#include <napi.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "binding/convert.h"
#include "binding/operation_worker.h"

namespace tensorlane {

// Reads a request, and collects the operation that it asks for.
class Reader {
 public:
  explicit Reader(const Napi::Object& request) : request_(request) {
    operation_.on_device = request.Get("onDevice").ToBoolean();
  }

  [[nodiscard]] std::int64_t size(const char* name) const { return to_int(request_.Get(name), name); }
  [[nodiscard]] float number(const char* name) const { return to_float(request_.Get(name), name); }
  [[nodiscard]] bool flag(const char* name) const { return request_.Get(name).ToBoolean(); }

  // One for each of `count` channels.
  [[nodiscard]] std::array<float, ImageToTensorArgs::kMostChannels> floats(const char* name, int count) const {
    const Napi::Array array = to_array(request_.Get(name), name);
    std::array<float, ImageToTensorArgs::kMostChannels> numbers{};
    for (int i = 0; i < count; ++i) {
      numbers.at(static_cast<std::size_t>(i)) = to_float(array.Get(static_cast<std::uint32_t>(i)), name);
    }
    return numbers;
  }

  // One whose elements fill whole bytes.
  [[nodiscard]] DType type(const char* name = "type") const {
    const std::string value = request_.Get(name).ToString();
    const DTypeInfo* info = find_dtype(value);
    if (info == nullptr || info->bits < 8) throw Error(Code::DType, "'" + value + "' is no type that this takes");
    return info->type;
  }

  [[nodiscard]] DType float_type() const {
    const DType found = type();
    if (found == DType::Float32 || found == DType::Float64) return found;
    throw Error(Code::DType, "expected float32 or float64, not " + std::string(dtype_name(found)));
  }

  // The place of `name`'s value among `values`.
  template <std::size_t N>
  [[nodiscard]] std::size_t choice(const char* name, const std::array<std::string_view, N>& values) const {
    const std::string value = request_.Get(name).ToString();
    const auto found = std::ranges::find(values, value);
    if (found == values.end()) throw Error(Code::Argument, std::string(name) + " cannot be '" + value + "'");
    return static_cast<std::size_t>(found - values.begin());
  }

  // An operand may hold more than is read (where another one's batch is empty), never less.
  const Operand& input(const char* name, std::size_t bytes) {
    return operation_.inputs.emplace_back(request_.Get(name), bytes, name).operand();
  }

  // One whose memory is the host's.
  const Operand& host_input(const char* name, std::size_t bytes) {
    const Operand& operand = input(name, bytes);
    if (operand.buffer != nullptr) throw Error(Code::Argument, std::string(name) + " must be in host memory");
    return operand;
  }

  void result(std::size_t bytes) { operation_.result_bytes.push_back(bytes); }

  // `run(device, lane, results)` does the work.
  template <typename Run>
  Operation take(Run run, bool pipelines = false) {
    operation_.pipelines = pipelines;
    operation_.run = std::move(run);
    return std::move(operation_);
  }

  [[nodiscard]] const Napi::Object& request() const noexcept { return request_; }

 private:
  const Napi::Object& request_;
  Operation operation_;
};

using Results = std::span<const Operand>;

struct NamedOperation {
  std::string_view name;
  Operation (*read)(Reader);
};

// Linear algebra.
std::span<const NamedOperation> linalg_operations();
// Operations on tensors of any shape.
std::span<const NamedOperation> tensor_operations();

}  // namespace tensorlane
