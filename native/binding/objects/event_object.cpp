#include "binding/objects/event_object.h"

#include <utility>

#include "binding/environment.h"
#include "core/error.h"

namespace tensorlane {
namespace {

// Tells our events from any other wrapped object, which unwrapping would reinterpret.
constexpr napi_type_tag kEventTag = {0x7d0c5e1f6a294b83ULL, 0x9e21c4708f3b5ad6ULL};

}  // namespace

Napi::Function EventObject::define(Napi::Env env) {
  return DefineClass(env, "Event", {InstanceMethod<&EventObject::query>("query")});
}

EventObject::EventObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "events are made by Device.record()");
  event_ = std::move(*info[0].As<Napi::External<std::shared_ptr<Event>>>().Data());
  info.This().As<Napi::Object>().TypeTag(&kEventTag);
}

Napi::Object EventObject::make(Napi::Env env, std::shared_ptr<Event> event) {
  const auto environment = Environment::of(env);
  return environment->event_class.New({Napi::External<std::shared_ptr<Event>>::New(env, &event)});
}

std::shared_ptr<Event> EventObject::unwrap(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kEventTag)) {
    throw Error(Code::Argument, "an event made by Device.record() was expected");
  }
  return Unwrap(value.As<Napi::Object>())->event_;
}

Napi::Value EventObject::query(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), event_->done());
}

}  // namespace tensorlane
