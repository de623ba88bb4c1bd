// Finding and opening devices: one-off work, on libuv's threads.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "core/lanes/lane.h"
#include "devices.h"

namespace tensorlane {

// What a DeviceObject is made of, on its way from the worker that opened it to the constructor.
struct Opened {
  std::shared_ptr<Device> device;
  std::shared_ptr<LanePool> pool;
};

// The promise of `findDevices`, and that of `Device.open`. Errors: Argument.
Napi::Promise queue_find_devices(Napi::Env env);
Napi::Promise queue_open(Napi::Env env, const Napi::Object& options);

// Numbers of cores. Errors: Argument.
std::vector<int> to_cores(const Napi::Value& value);

// A device's description as a plain object, as binding.d.ts has it.
Napi::Object describe_device(Napi::Env env, const DeviceInfo& info);

}  // namespace tensorlane
