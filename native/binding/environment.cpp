#include "binding/environment.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <system_error>

#include "core/cores/cores.h"
#include "core/error.h"
#include "core/lanes/timer.h"
#include "core/process_exit.h"
#include "onnx/model.h"

namespace tensorlane {

void Environment::attach(Napi::Env env) {
  static std::once_flag once;
  std::call_once(once, guard_process_exit);
  auto environment = std::make_shared<Environment>();
  environment->settle_ = Settle::New(env, "tensorlane", 0, 1, environment.get());
  environment->settle_.Unref(env);
  // Registered after the thread-safe function, so it runs before that one's own hook: hooks run last in, first out.
  env.AddCleanupHook([environment] { environment->close(); });
  env.SetInstanceData(new std::shared_ptr<Environment>(environment));
}

std::shared_ptr<Environment> Environment::of(Napi::Env env) {
  return *env.GetInstanceData<std::shared_ptr<Environment>>();
}

void Environment::begin(Napi::Env env) {
  if (reads_array_)
    guard_.renew(env, [environment = weak_from_this()] {
      if (const auto ending = environment.lock()) ending->stop_work();
    });
  reads_array_ = false;
  if (in_flight_++ == 0) settle_.Ref(env);
}

void Environment::end(Napi::Env env) {
  if (--in_flight_ == 0) settle_.Unref(env);
}

void Environment::complete(std::unique_ptr<Completion> completion) noexcept {
  if (settle_.NonBlockingCall(completion.get()) == napi_ok) {
    static_cast<void>(completion.release());  // now owned by the queue; call_js takes it back
  }
}

void Environment::call_js(Napi::Env env, Napi::Function /*callback*/, Environment* context, Completion* data) {
  const std::unique_ptr<Completion> completion(data);
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment is going: only destroy it
  context->end(env);
  completion->settle(env);
}

namespace {

template <typename T>
void remember(std::vector<std::weak_ptr<T>>& watched, const std::shared_ptr<T>& one) {
  std::erase_if(watched, [](const auto& other) { return other.expired(); });
  watched.push_back(one);
}

}  // namespace

void Environment::watch(const std::shared_ptr<LanePool>& pool) { remember(pools_, pool); }
void Environment::watch(const std::shared_ptr<Model>& model) { remember(models_, model); }
void Environment::watch(const std::shared_ptr<Timer>& timer) { remember(timers_, timer); }

const std::shared_ptr<LanePool>& Environment::own_lanes() {
  if (own_lanes_ != nullptr) return own_lanes_;
  LaneOptions options;
  options.lanes = std::max(1U, usable_cores() / 2);
  options.niceness = LaneOptions::kAsIsBest;
  // What comes here is large: waking a lane for it costs little beside that.
  options.poll_work = std::chrono::nanoseconds(0);
  try {
    own_lanes_ = std::make_shared<LanePool>(options);
  } catch (const std::system_error& error) {
    throw Error(Code::OutOfMemory, std::string("no threads to be had: ") + error.what());
  }
  watch(own_lanes_);
  return own_lanes_;
}

void Environment::stop_work() noexcept {
  for (const auto& watched : models_) {
    if (const auto model = watched.lock()) model->terminate();
  }
  for (const auto& watched : pools_) {
    if (const auto pool = watched.lock()) pool->stop();
  }
  for (const auto& watched : timers_) {
    if (const auto timer = watched.lock()) timer->stop();
  }
}

void Environment::close() noexcept {
  stop_work();
  settle_.Abort();
  guard_.close();
  // The environment frees its own references.
  device_class.SuppressDestruct();
  model_class.SuppressDestruct();
  event_class.SuppressDestruct();
  buffer_class.SuppressDestruct();
  kernel_class.SuppressDestruct();
}

}  // namespace tensorlane
