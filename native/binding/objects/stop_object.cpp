#include "binding/objects/stop_object.h"

#include "core/error.h"

namespace tensorlane {
namespace {

// Tells ours from any other wrapped object, which unwrapping would reinterpret.
constexpr napi_type_tag kStopTag = {0x3b1f70a95de2468cULL, 0x84c6d20e91b75fa3ULL};

}  // namespace

Napi::Function StopObject::define(Napi::Env env) {
  return DefineClass(env, "Stop", {InstanceMethod<&StopObject::stop>("stop")});
}

StopObject::StopObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  info.This().As<Napi::Object>().TypeTag(&kStopTag);
}

std::shared_ptr<Stop> StopObject::unwrap(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kStopTag)) {
    throw Error(Code::Argument, "stop must be a Stop");
  }
  return Unwrap(value.As<Napi::Object>())->stop_;
}

Napi::Value StopObject::stop(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), stop_->stop()); }

}  // namespace tensorlane
