// The JS class Timer: calls back after a delay in microseconds. Node's own timers begin at a millisecond.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>

#include "binding/environment.h"
#include "core/lanes/timer.h"

namespace tensorlane {

class TimerObject : public Napi::ObjectWrap<TimerObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit TimerObject(const Napi::CallbackInfo& info);
  ~TimerObject() override;
  TimerObject(const TimerObject&) = delete;
  TimerObject& operator=(const TimerObject&) = delete;

 private:
  class Fired;

  Napi::Value schedule(const Napi::CallbackInfo& info);
  Napi::Value cancel(const Napi::CallbackInfo& info);

  std::shared_ptr<Environment> environment_;
  std::shared_ptr<Timer> timer_;  // made by the first schedule()
  std::shared_ptr<std::unordered_map<Timer::Id, Napi::FunctionReference>> callbacks_;
};

}  // namespace tensorlane
