#include "binding/values/transfers.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "binding/environment.h"

namespace tensorlane::transfers {
namespace {

// A V8 that has this function calls it for a transfer: void* v8::ArrayBuffer::Allocator::Reallocate(void*, size_t, size_t).
bool reallocates() {
  static const bool has = dlsym(RTLD_DEFAULT, "_ZN2v811ArrayBuffer9Allocator10ReallocateEPvmm") != nullptr;
  return has;
}

struct Held {
  std::mutex mutex;
  std::unordered_map<const void*, std::size_t> holds;  // guarded by mutex; by where memory begins
};

// Never destroyed: the environments of worker_threads may end after the process's static objects.
Held& held() {
  static auto* all = new Held;
  return *all;
}

bool is_held(const void* data) {
  Held& all = held();
  const std::scoped_lock lock(all.mutex);
  return all.holds.contains(data);
}

// What stands for V8's function, one of whose kind is `data`.
Napi::Value transfer(const Napi::CallbackInfo& info) {
  const Napi::Function original = static_cast<Function*>(info.Data())->original.Value();
  const Napi::Value length = info[0];
  if (!info.This().IsArrayBuffer() || length.IsUndefined()) return original.Call(info.This(), {length});
  auto from = info.This().As<Napi::ArrayBuffer>();
  if (!is_held(from.Data())) return original.Call(from, {length});
  const Napi::Object made = info.Env().Global().Get("ArrayBuffer").As<Napi::Function>().New({length});
  auto to = made.As<Napi::ArrayBuffer>();
  // Its length is asked for now: that of the new one may be an object with a function, which did anything.
  if (const std::size_t bytes = std::min(from.ByteLength(), to.ByteLength()); bytes > 0) {
    std::memcpy(to.Data(), from.Data(), bytes);
  }
  original.Call(from, {});  // detaches it, and leaves the memory as it is
  return to;
}

// As V8 defines its own: writable and configurable, and not enumerable.
void replace(Napi::Object prototype, const char* name, Function& function) {
  function.original = Napi::Persistent(prototype.Get(name).As<Napi::Function>());
  function.guarded = Napi::Persistent(Napi::Function::New(prototype.Env(), transfer, name, &function));
  prototype.DefineProperty(Napi::PropertyDescriptor::Value(
      name, function.guarded.Value(), static_cast<napi_property_attributes>(napi_writable | napi_configurable)));
}

}  // namespace

void guard(Napi::Env env, Functions& functions) {
  if (!reallocates()) return;
  auto prototype = env.Global().Get("ArrayBuffer").As<Napi::Object>().Get("prototype").As<Napi::Object>();
  if (!prototype.Get("transfer").IsFunction()) return;
  try {
    replace(prototype, "transfer", functions.transfer);
    replace(prototype, "transferToFixedLength", functions.transfer_to_fixed_length);
  } catch (const Napi::Error&) {  // it is frozen
    functions.transfer.guarded.Reset();
  }
}

bool can_hold(const Functions& functions, const Napi::ArrayBuffer& buffer) {
  if (!reallocates()) return true;
  const Napi::Value transfer = buffer.Get("transfer");
  if (!transfer.IsFunction()) return true;  // Node 20 has none
  return !functions.transfer.guarded.IsEmpty() && transfer.StrictEquals(functions.transfer.guarded.Value());
}

Hold::Hold(const void* data) : data_(reallocates() ? data : nullptr) {
  if (data_ == nullptr) return;
  Held& all = held();
  const std::scoped_lock lock(all.mutex);
  ++all.holds[data_];
}

Hold::~Hold() {
  if (data_ == nullptr) return;
  Held& all = held();
  const std::scoped_lock lock(all.mutex);
  const auto found = all.holds.find(data_);
  if (--found->second == 0) all.holds.erase(found);
}

}  // namespace tensorlane::transfers
