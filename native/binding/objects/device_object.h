// The JS class Device: a device with its lanes.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/lanes/lane.h"
#include "core/memory/kept_memory.h"
#include "device/device.h"

namespace tensorlane {

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit DeviceObject(const Napi::CallbackInfo& info);

 private:
  static Napi::Value open(const Napi::CallbackInfo& info);

  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value compile(const Napi::CallbackInfo& info);
  Napi::Value launch(const Napi::CallbackInfo& info);
  Napi::Value load_model(const Napi::CallbackInfo& info);
  Napi::Value record(const Napi::CallbackInfo& info);
  void wait(const Napi::CallbackInfo& info);
  Napi::Value synchronize(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // Errors: Disposed.
  [[nodiscard]] const std::shared_ptr<LanePool>& pool() const;
  // Of a lane by its number; undefined leaves the choice to the pool. Errors: Argument, Disposed.
  [[nodiscard]] std::size_t lane_index(const Napi::Value& value) const;

  std::shared_ptr<Device> device_;
  std::shared_ptr<LanePool> pool_;
  std::optional<KeptMemory::User> keeps_memory_{std::in_place};  // until it is closed
};

}  // namespace tensorlane
