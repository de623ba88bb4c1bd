// What one JS environment (the main thread, or one worker_thread) owns of this addon. The rules it keeps:
//
// 1. Completions reach the JS thread through one typed thread-safe function. It keeps the event loop alive exactly
//    while something is in flight, so a pending promise is always settled and an idle device never holds the process.
// 2. When the environment ends, its cleanup hook stops every lane pool before any JS object or thread-safe function
//    goes away. After that no thread of ours can reach into it.
// 3. What lanes read may lie in memory of another addon's, which is freed before that hook. Then they are stopped sooner.
// 4. Whoever may outlive the environment (a wrapped object that is finalised late) holds it by shared_ptr.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "binding/end_guard.h"
#include "binding/values/transfers.h"
#include "core/lanes/lane.h"

namespace tensorlane {

class Model;
class Timer;

// Something that ended on another thread and has a promise or a callback to serve on the JS thread.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void settle(Napi::Env env) = 0;
};

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  static void attach(Napi::Env env);
  static std::shared_ptr<Environment> of(Napi::Env env);

  Environment() = default;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() = default;

  // On the JS thread, around everything that will call complete(). Errors: OutOfMemory.
  void begin(Napi::Env env);
  void end(Napi::Env env);

  // On the JS thread, before begin(): what begins reads an array's memory, which may be another addon's.
  void will_read_array() noexcept { reads_array_ = true; }

  // From any thread. The completion is settled on the JS thread, or destroyed if the environment has ended.
  void complete(std::unique_ptr<Completion> completion) noexcept;

  // Pools and timers are stopped, and running models told to return early, when the environment ends.
  void watch(const std::shared_ptr<LanePool>& pool);
  void watch(const std::shared_ptr<Model>& model);
  void watch(const std::shared_ptr<Timer>& timer);

  // The lanes of what needs no device, made when they are first asked for. On the JS thread. Errors: OutOfMemory (of threads).
  const std::shared_ptr<LanePool>& own_lanes();

  // The constructors of the addon's classes, for the workers that make instances.
  Napi::FunctionReference device_class;
  Napi::FunctionReference model_class;
  Napi::FunctionReference event_class;
  Napi::FunctionReference buffer_class;
  Napi::FunctionReference kernel_class;
  transfers::Functions transfers;

 private:
  static void call_js(Napi::Env env, Napi::Function callback, Environment* context, Completion* data);
  using Settle = Napi::TypedThreadSafeFunction<Environment, Completion, call_js>;

  void stop_work() noexcept;
  void close() noexcept;

  Settle settle_;
  EndGuard guard_;             // JS thread only
  bool reads_array_ = false;   // JS thread only
  std::size_t in_flight_ = 0;  // JS thread only
  std::shared_ptr<LanePool> own_lanes_;
  std::vector<std::weak_ptr<LanePool>> pools_;
  std::vector<std::weak_ptr<Model>> models_;
  std::vector<std::weak_ptr<Timer>> timers_;
};

}  // namespace tensorlane
