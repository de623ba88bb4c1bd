#include "binding/values/pin.h"

#include <dlfcn.h>

#include "binding/environment.h"
#include "binding/values/given.h"
#include "binding/values/transfers.h"
#include "core/error.h"

namespace tensorlane {
namespace {

// std::shared_ptr<v8::BackingStore> v8::ArrayBuffer::GetBackingStore(). By the C++ ABI of Linux and macOS a member
// function is called like a free one whose first argument is `this`, and a shared_ptr has one layout whatever it points
// to. A napi_value is the v8::Local it stands for, whose address is what V8 takes for `this`.
using GetBackingStore = std::shared_ptr<void> (*)(void* array_buffer);

// Bun has the name too, and ends the process where it is called.
GetBackingStore find_get_backing_store(Napi::Env env) {
  if (env.Global().Has("Bun")) return nullptr;
  return reinterpret_cast<GetBackingStore>(dlsym(RTLD_DEFAULT, "_ZN2v811ArrayBuffer15GetBackingStoreEv"));
}

std::shared_ptr<void> backing_store(const Napi::ArrayBuffer& buffer) {
  static const GetBackingStore get = find_get_backing_store(buffer.Env());
  return get == nullptr ? nullptr : get(static_cast<napi_value>(buffer));
}

// Memory of our own first: of an external array the backing store keeps the address, and not the memory. Which arrays are
// external nobody says.
std::shared_ptr<void> hold(Napi::ArrayBuffer buffer) {
  if (auto owner = given::share(buffer.Data())) return owner;
  Environment::of(buffer.Env())->will_read_array();
  return backing_store(buffer);
}

struct View {
  Napi::Value buffer;
  std::span<std::byte> bytes;
};

View look_at(const Napi::Value& value) {
  if (!value.IsTypedArray()) throw Error(Code::Argument, "a typed array was expected");
  const auto array = value.As<Napi::TypedArray>();
  View view;
  napi_typedarray_type type{};
  std::size_t length = 0;
  std::size_t offset = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(value.Env(), array, &type, &length, &data, &buffer, &offset) != napi_ok) {
    throw Error(Code::Argument, "the typed array cannot be read");
  }
  view.buffer = Napi::Value(value.Env(), buffer);
  view.bytes = {static_cast<std::byte*>(data), length * array.ElementSize()};
  return view;
}

// Only a plain ArrayBuffer of fixed length keeps its size for good.
bool can_pin(const Napi::Value& buffer) {
  if (!buffer.IsArrayBuffer() || buffer.As<Napi::Object>().Get("resizable").ToBoolean()) return false;
  return transfers::can_hold(Environment::of(buffer.Env())->transfers, buffer.As<Napi::ArrayBuffer>());
}

}  // namespace

Pin Pin::make(const Napi::Value& value, bool copy) {
  const View view = look_at(value);
  Pin pin;
  if (!copy && !view.bytes.empty() && can_pin(view.buffer)) {
    pin.store_ = hold(view.buffer.As<Napi::ArrayBuffer>());
  }
  if (pin.store_ != nullptr) {
    pin.bytes_ = view.bytes;
    pin.hold_ = transfers::Hold(view.buffer.As<Napi::ArrayBuffer>().Data());
  } else {
    pin.copy_.assign(view.bytes.begin(), view.bytes.end());
    pin.bytes_ = pin.copy_;
  }
  return pin;
}

Pin Pin::input(const Napi::Value& value) { return make(value, look_at(value).bytes.size() <= kCopyUpTo); }

Pin Pin::part(const Napi::Value& value) { return make(value, false); }

Pin Pin::own(const Napi::Value& value) {
  const View view = look_at(value);
  Pin pin;
  pin.bytes_ = view.bytes;
  if (!view.bytes.empty()) pin.store_ = hold(view.buffer.As<Napi::ArrayBuffer>());
  if (pin.store_ == nullptr) pin.value_ = Napi::Persistent(value.As<Napi::Object>());
  return pin;
}

}  // namespace tensorlane
