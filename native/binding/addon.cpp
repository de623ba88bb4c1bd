// The addon's entry: what binding.d.ts declares, for the environment that loads it.
#include <napi.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "binding/environment.h"
#include "binding/objects/buffer_object.h"
#include "binding/objects/device_object.h"
#include "binding/objects/event_object.h"
#include "binding/objects/kernel_object.h"
#include "binding/objects/model_object.h"
#include "binding/objects/stop_object.h"
#include "binding/objects/timer_object.h"
#include "binding/values/convert.h"
#include "binding/values/gpus.h"
#include "binding/values/pin.h"
#include "binding/values/result_block.h"
#include "binding/values/transfers.h"
#include "binding/workers/device_open.h"
#include "binding/workers/json_worker.h"
#include "core/cores/cores.h"
#include "core/nvidia_driver.h"

namespace tensorlane {
namespace {

Napi::Value find_devices(const Napi::CallbackInfo& info) { return queue_find_devices(info.Env()); }

Napi::Value newest_cuda(const Napi::CallbackInfo& info) {
  const std::string version = newest_cuda_of_driver();
  return version.empty() ? info.Env().Undefined() : Napi::String::New(info.Env(), version);
}

Napi::Value read_gpus_now(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return describe_gpus(info.Env()); });
}

Napi::Value find_numbers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return queue_find_numbers(info.Env(), info[0], info[1]); });
}

Napi::Value cores_of_thread(const Napi::CallbackInfo& info) {
  const std::vector<int> cores = thread_cores();
  return from_ints(info.Env(), std::vector<std::int64_t>(cores.begin(), cores.end()));
}

void bind_to_cores(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { bind_thread(to_cores(info[0])); });
}

// `work` gets the request, which is an object.
template <auto work>
Napi::Value with_request(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return work(info.Env(), to_object(info[0], "a request")); });
}

// ONNX Runtime 1.30 and later send telemetry and keep files for it, unless this is set before the library starts. A
// server must not report to anyone by surprise; whoever wants it sets the variable to 0.
void opt_out_of_telemetry() {
  static std::once_flag once;
  std::call_once(once, [] { setenv("ORT_DISABLE_TELEMETRY", "1", 0); });
}

// What JS code finds in the module 'buffer'; process.getBuiltinModule() is there since Node 20.16.
void find_most_array_bytes(Napi::Env env) {
  const auto process = env.Global().Get("process").As<Napi::Object>();
  const Napi::Value get = process.Get("getBuiltinModule");
  if (!get.IsFunction()) return;
  const Napi::Value buffer = get.As<Napi::Function>().Call(process, {Napi::String::New(env, "buffer")});
  const Napi::Value constants = buffer.As<Napi::Object>().Get("constants");
  const double most = constants.As<Napi::Object>().Get("MAX_LENGTH").ToNumber();
  if (most > 0) most_array_bytes = static_cast<std::size_t>(most);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  find_most_array_bytes(env);
  opt_out_of_telemetry();
  Environment::attach(env);
  const auto environment = Environment::of(env);
  transfers::guard(env, environment->transfers);
  const Napi::Function device = DeviceObject::define(env);
  const Napi::Function model = ModelObject::define(env);
  const Napi::Function event = EventObject::define(env);
  environment->device_class = Napi::Persistent(device);
  environment->model_class = Napi::Persistent(model);
  environment->event_class = Napi::Persistent(event);
  const Napi::Function buffer = BufferObject::define(env);
  const Napi::Function kernel = KernelObject::define(env);
  environment->buffer_class = Napi::Persistent(buffer);
  environment->kernel_class = Napi::Persistent(kernel);
  exports.Set("Device", device);
  exports.Set("Model", model);
  exports.Set("Event", event);
  exports.Set("Buffer", buffer);
  exports.Set("Kernel", kernel);
  exports.Set("Timer", TimerObject::define(env));
  exports.Set("Stop", StopObject::define(env));
  exports.Set("findDevices", Napi::Function::New(env, find_devices, "findDevices"));
  exports.Set("newestCudaOfDriver", Napi::Function::New(env, newest_cuda, "newestCudaOfDriver"));
  exports.Set("readGpus", Napi::Function::New(env, read_gpus_now, "readGpus"));
  exports.Set("threadCores", Napi::Function::New(env, cores_of_thread, "threadCores"));
  exports.Set("bindThread", Napi::Function::New(env, bind_to_cores, "bindThread"));
  exports.Set("findNumbers", Napi::Function::New(env, find_numbers, "findNumbers"));
  exports.Set("readNumbers", Napi::Function::New(env, with_request<queue_read_numbers>, "readNumbers"));
  exports.Set("printNumbers", Napi::Function::New(env, with_request<queue_print_numbers>, "printNumbers"));
  exports.Set("printNumbersNow", Napi::Function::New(env, with_request<print_numbers_now>, "printNumbersNow"));
  exports.Set("version", TENSORLANE_VERSION);
  exports.Set("copyUpTo", static_cast<double>(Pin::kCopyUpTo));
  Napi::Object limits = Napi::Object::New(env);
  limits.Set("topK", static_cast<double>(TopKArgs::kMost));
  limits.Set("imageChannels", ImageToTensorArgs::kMostChannels);
  limits.Set("imageSide", static_cast<double>(ImageToTensorArgs::kMostSide));
  exports.Set("limits", limits);
  return exports;
}

}  // namespace
}  // namespace tensorlane

static Napi::Object tensorlane_init(Napi::Env env, Napi::Object exports) { return tensorlane::init(env, exports); }
NODE_API_MODULE(tensorlane, tensorlane_init)
