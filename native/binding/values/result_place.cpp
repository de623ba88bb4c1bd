#include "binding/values/result_place.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "binding/objects/buffer_object.h"
#include "core/error.h"

namespace tensorlane {
namespace {

// Where a typed array's elements are now.
std::span<std::byte> memory_of(const Napi::Value& value) {
  const auto array = value.As<Napi::TypedArray>();
  napi_typedarray_type type{};
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), array, &type, &length, &data, nullptr, nullptr) != napi_ok) {
    throw Error(Code::Argument, "out cannot be written to");
  }
  return {static_cast<std::byte*>(data), length * array.ElementSize()};
}

}  // namespace

ResultPlace::ResultPlace(const Napi::Value& value, std::size_t bytes) {
  if (value.IsTypedArray()) {
    const std::span<std::byte> memory = memory_of(value);
    operand_.data = memory.data();
    operand_.bytes = memory.size();
    if (Pin pin = Pin::part(value); memory.empty() || pin.bytes().data() == memory.data()) {
      pin_ = std::move(pin);
    } else {  // it has copied what it cannot hold in place
      array_ = Napi::Persistent(value.As<Napi::Object>());
    }
  } else {
    BufferObject::Part part = BufferObject::part(value, "out");
    operand_ = std::move(part.operand);
    order_ = part.order;
  }
  if (operand_.bytes == bytes) return;
  throw Error(Code::Shape,
              "out has " + std::to_string(operand_.bytes) + " bytes, and the result " + std::to_string(bytes));
}

bool ResultPlace::overlaps(const Operand& other) const noexcept {
  if (operand_.bytes == 0 || other.bytes == 0) return false;
  const std::less<const std::byte*> before;
  return before(operand_.data, other.data + other.bytes) && before(other.data, operand_.data + operand_.bytes);
}

bool ResultPlace::takes_directly(std::span<const Operand> inputs) const noexcept {
  constexpr std::uintptr_t kAlignment = 256;  // of cudaMalloc
  if (!stays()) return false;
  if (on_device() && reinterpret_cast<std::uintptr_t>(operand_.data) % kAlignment != 0) return false;
  return std::ranges::none_of(inputs, [&](const Operand& input) { return overlaps(input); });
}

void ResultPlace::fill(const void* from) const {
  if (operand_.bytes == 0) return;
  std::byte* to = operand_.data;
  if (!array_.IsEmpty()) {
    const std::span<std::byte> now = memory_of(array_.Value());
    if (now.size() < operand_.bytes) {
      throw Error(Code::Argument, "out was detached or has shrunk before its result was there");
    }
    to = now.data();
  }
  std::memcpy(to, from, operand_.bytes);
}

}  // namespace tensorlane
