// The JS class Stop: takes back what was asked for. It may be given to several requests, which are one operation.
#pragma once

#include <napi.h>

#include <memory>

#include "core/lanes/stop.h"

namespace tensorlane {

class StopObject : public Napi::ObjectWrap<StopObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // Null for undefined. Errors: Argument for anything else but a Stop.
  static std::shared_ptr<Stop> unwrap(const Napi::Value& value);

  explicit StopObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value stop(const Napi::CallbackInfo& info);

  std::shared_ptr<Stop> stop_ = std::make_shared<Stop>();
};

}  // namespace tensorlane
