// The JS class Event: a point in a stream's queue.
#pragma once

#include <napi.h>

#include <memory>

#include "core/lanes/event.h"

namespace tensorlane {

class EventObject : public Napi::ObjectWrap<EventObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object make(Napi::Env env, std::shared_ptr<Event> event);
  // Errors: Argument for anything but an Event.
  static std::shared_ptr<Event> unwrap(const Napi::Value& value);

  explicit EventObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value query(const Napi::CallbackInfo& info);

  std::shared_ptr<Event> event_;
};

}  // namespace tensorlane
