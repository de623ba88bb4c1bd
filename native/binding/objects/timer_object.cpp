#include "binding/objects/timer_object.h"

#include <chrono>
#include <utility>

#include "binding/values/convert.h"

namespace tensorlane {

// A deadline on its way to the JS thread. The callback is looked up only there: it may have been cancelled meanwhile.
class TimerObject::Fired final : public Completion {
 public:
  Fired(std::weak_ptr<std::unordered_map<Timer::Id, Napi::FunctionReference>> callbacks, Timer::Id id)
      : callbacks_(std::move(callbacks)), id_(id) {}

 private:
  void settle(Napi::Env env) override {
    const auto callbacks = callbacks_.lock();
    if (callbacks == nullptr) return;
    const auto entry = callbacks->find(id_);
    if (entry == callbacks->end()) return;
    const Napi::HandleScope scope(env);
    const Napi::Function callback = entry->second.Value();
    callbacks->erase(entry);
    callback.Call({});
  }

  std::weak_ptr<std::unordered_map<Timer::Id, Napi::FunctionReference>> callbacks_;
  Timer::Id id_;
};

Napi::Function TimerObject::define(Napi::Env env) {
  return DefineClass(env, "Timer",
                     {
                         InstanceMethod<&TimerObject::schedule>("schedule"),
                         InstanceMethod<&TimerObject::cancel>("cancel"),
                     });
}

TimerObject::TimerObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      environment_(Environment::of(info.Env())),
      callbacks_(std::make_shared<std::unordered_map<Timer::Id, Napi::FunctionReference>>()) {}

TimerObject::~TimerObject() {
  if (timer_ != nullptr) timer_->stop();
}

Napi::Value TimerObject::schedule(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::chrono::microseconds delay(to_int(info[0], "microseconds"));
    if (!info[1].IsFunction()) throw Error(Code::Argument, "a callback was expected");
    if (timer_ == nullptr) {
      timer_ =
          std::make_shared<Timer>([environment = environment_.get(), callbacks = std::weak_ptr(callbacks_)](
                                      Timer::Id id) { environment->complete(std::make_unique<Fired>(callbacks, id)); });
      environment_->watch(timer_);
    }
    environment_->begin(info.Env());
    const Timer::Id id = timer_->schedule(delay);
    callbacks_->emplace(id, Napi::Persistent(info[1].As<Napi::Function>()));
    return Napi::Number::New(info.Env(), static_cast<double>(id));
  });
}

Napi::Value TimerObject::cancel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto id = static_cast<Timer::Id>(to_int(info[0], "id"));
    // One that has fired ends as it arrives.
    if (timer_ != nullptr && timer_->cancel(id)) environment_->end(info.Env());
    return Napi::Boolean::New(info.Env(), callbacks_->erase(id) != 0);
  });
}

}  // namespace tensorlane
