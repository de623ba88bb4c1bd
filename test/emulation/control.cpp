// The emulated device's controls as a Node addon of their own, for the TypeScript tests: planned faults, counts of
// calls, and what is alive. It shares the emulated runtime with the addon under test.
#include <napi.h>

#include <string>

#include "emulation.h"

namespace {

Napi::Value plan_fault(const Napi::CallbackInfo& info) {
  const auto effect =
      info.Length() > 3 && info[3].ToBoolean() ? emulation::Effect::AtExecution : emulation::Effect::Default;
  emulation::plan_fault(info[0].ToString(), static_cast<std::uint64_t>(info[1].ToNumber().Int64Value()),
                        static_cast<cudaError_t>(info[2].ToNumber().Int32Value()), effect);
  return info.Env().Undefined();
}

Napi::Value clear_faults(const Napi::CallbackInfo& info) {
  emulation::clear_faults();
  return info.Env().Undefined();
}

Napi::Value clear(const Napi::CallbackInfo& info) {
  emulation::clear_faults();
  emulation::reset_errors();
  return info.Env().Undefined();
}

Napi::Value calls(const Napi::CallbackInfo& info) {
  const std::string name = info[0].IsString() ? info[0].ToString().Utf8Value() : std::string();
  return Napi::Number::New(info.Env(), static_cast<double>(emulation::calls(name)));
}

Napi::Value live(const Napi::CallbackInfo& info) {
  const emulation::Live live = emulation::live();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("deviceAllocations", static_cast<double>(live.device_allocations));
  object.Set("pinnedAllocations", static_cast<double>(live.pinned_allocations));
  object.Set("streams", static_cast<double>(live.streams));
  object.Set("events", static_cast<double>(live.events));
  object.Set("pools", static_cast<double>(live.pools));
  object.Set("graphs", static_cast<double>(live.graphs));
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("planFault", Napi::Function::New(env, plan_fault));
  exports.Set("clearFaults", Napi::Function::New(env, clear_faults));
  exports.Set("clear", Napi::Function::New(env, clear));
  exports.Set("calls", Napi::Function::New(env, calls));
  exports.Set("live", Napi::Function::New(env, live));
  return exports;
}

}  // namespace

NODE_API_MODULE(emulation_control, init)
