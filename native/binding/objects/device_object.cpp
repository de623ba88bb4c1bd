#include "binding/objects/device_object.h"

#include <chrono>
#include <ratio>
#include <string>
#include <utility>

#include "binding/environment.h"
#include "binding/objects/event_object.h"
#include "binding/objects/kernel_object.h"
#include "binding/objects/model_object.h"
#include "binding/values/convert.h"
#include "binding/workers/device_open.h"
#include "binding/workers/lane_worker.h"
#include "binding/workers/operation_worker.h"
#include "binding/workers/stream_tasks.h"

namespace tensorlane {
namespace {

void submit(LanePool& pool, std::unique_ptr<Task> task, std::size_t lane) {
  if (!pool.submit(task, lane)) throw Error(Code::Disposed, "the device has been disposed");
}

}  // namespace

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         StaticMethod<&DeviceObject::open>("open"),
                         InstanceMethod<&DeviceObject::describe>("describe"),
                         InstanceMethod<&DeviceObject::counters>("counters"),
                         InstanceMethod<&DeviceObject::memory>("memory"),
                         InstanceMethod<&DeviceObject::run>("run"),
                         InstanceMethod<&DeviceObject::compile>("compile"),
                         InstanceMethod<&DeviceObject::launch>("launch"),
                         InstanceMethod<&DeviceObject::load_model>("loadModel"),
                         InstanceMethod<&DeviceObject::record>("record"),
                         InstanceMethod<&DeviceObject::wait>("wait"),
                         InstanceMethod<&DeviceObject::synchronize>("synchronize"),
                         InstanceMethod<&DeviceObject::close>("close"),
                     });
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "devices are made by Device.open()");
  Opened& opened = *info[0].As<Napi::External<Opened>>().Data();
  device_ = std::move(opened.device);
  pool_ = std::move(opened.pool);
  Environment::of(info.Env())->watch(pool_);
}

Napi::Value DeviceObject::open(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return queue_open(info.Env(), to_object(info[0], "options")); });
}

const std::shared_ptr<LanePool>& DeviceObject::pool() const {
  if (pool_ == nullptr) throw Error(Code::Disposed, "the device has been disposed");
  return pool_;
}

std::size_t DeviceObject::lane_index(const Napi::Value& value) const {
  if (value.IsUndefined()) return LanePool::kAnyLane;
  const auto index = static_cast<std::size_t>(to_int(value, "lane"));
  if (index >= pool()->size()) throw Error(Code::Argument, "there is no lane " + std::to_string(index));
  return index;
}

Napi::Value DeviceObject::describe(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Object object = describe_device(info.Env(), device_->info());
    object.Set("lanes", static_cast<double>(pool()->size()));
    return object;
  });
}

Napi::Value DeviceObject::counters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const LaneCounters counters = pool()->counters();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("lanes", static_cast<double>(counters.lanes));
    object.Set("busy", static_cast<double>(counters.busy));
    object.Set("queued", static_cast<double>(counters.queued));
    object.Set("completed", static_cast<double>(counters.completed));
    object.Set("expedited", static_cast<double>(counters.expedited));
    using Micros = std::chrono::duration<double, std::micro>;
    object.Set("busyMicros", Micros(counters.busy_time).count());
    object.Set("waitedMicros", Micros(counters.waited).count());
    return object;
  });
}

Napi::Value DeviceObject::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    static_cast<void>(pool());
    const MemoryStats stats = device_->memory();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("limit", static_cast<double>(stats.limit));
    object.Set("used", static_cast<double>(stats.used));
    object.Set("peak", static_cast<double>(stats.peak));
    object.Set("reserved", static_cast<double>(stats.reserved));
    object.Set("tensors", static_cast<double>(stats.tensors));
    object.Set("workspaces", static_cast<double>(stats.workspaces));
    object.Set("pinned", static_cast<double>(stats.pinned));
    object.Set("pinnedUsed", static_cast<double>(stats.pinned_used));
    return object;
  });
}

Napi::Value DeviceObject::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = make_operation_worker(info.Env(), device_, pool(), info[0].ToString(), to_object(info[1], "request"));
    return LaneWorker::queue(std::move(worker), pool(), lane_index(info[2]));
  });
}

Napi::Value DeviceObject::compile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return LaneWorker::queue(make_compile_worker(info.Env(), device_, to_object(info[0], "request")), pool());
  });
}

Napi::Value DeviceObject::launch(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = make_launch_worker(info.Env(), device_, to_object(info[0], "request"));
    return LaneWorker::queue(std::move(worker), pool(), lane_index(info[1]));
  });
}

Napi::Value DeviceObject::load_model(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<LanePool>& lanes = pool();  // so the device is open
    return queue_load(info.Env(), lanes, device_, info[0], to_object(info[1], "options"));
  });
}

Napi::Value DeviceObject::record(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::size_t lane = lane_index(info[0]);
    auto event = std::make_shared<Event>();
    const Napi::Object object = EventObject::make(info.Env(), event);
    submit(*pool(), std::make_unique<RecordTask>(std::move(event)), lane);
    return object;
  });
}

void DeviceObject::wait(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    const std::size_t lane = lane_index(info[0]);
    submit(*pool(), std::make_unique<WaitTask>(EventObject::unwrap(info[1])), lane);
  });
}

Napi::Value DeviceObject::synchronize(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::size_t lane = info[0].IsUndefined() ? LanePool::kSmallLane : lane_index(info[0]);
    return LaneWorker::queue(std::make_unique<SynchronizeWorker>(info.Env()), pool(), lane);
  });
}

void DeviceObject::close(const Napi::CallbackInfo& /*info*/) {
  // lib/ has waited for all lanes, so nothing is discarded and the join is immediate.
  if (pool_ == nullptr) return;
  pool_->stop();
  pool_.reset();
  device_.reset();
  keeps_memory_.reset();
}

}  // namespace tensorlane
