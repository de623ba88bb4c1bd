// The JS class Kernel: a compiled kernel of the user's.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/workers/lane_worker.h"
#include "device/device.h"

namespace tensorlane {

class KernelObject : public Napi::ObjectWrap<KernelObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit KernelObject(const Napi::CallbackInfo& info);

  // Errors: Argument, Disposed.
  static std::shared_ptr<Kernel> unwrap(const Napi::Value& value);

 private:
  void release(const Napi::CallbackInfo& info);

  std::shared_ptr<Kernel> kernel_;
};

// Each takes the request that binding.d.ts describes. Errors: Argument, Disposed.
std::unique_ptr<LaneWorker> make_compile_worker(Napi::Env env, std::shared_ptr<Device> device,
                                                const Napi::Object& request);
std::unique_ptr<LaneWorker> make_launch_worker(Napi::Env env, std::shared_ptr<Device> device,
                                               const Napi::Object& request);

}  // namespace tensorlane
