#include "binding/device_object.h"

#include <string>
#include <utility>

#include "binding/convert.h"
#include "binding/event_object.h"
#include "binding/lane_worker.h"
#include "binding/linalg_workers.h"
#include "binding/model_object.h"
#include "cpu/cpu_device.h"

namespace tensorlane {
namespace {

// What a DeviceObject is made of, on its way from the worker that opened it to the constructor.
struct Opened {
  std::shared_ptr<Device> device;
  std::shared_ptr<LanePool> pool;
};

class OpenWorker final : public Napi::AsyncWorker {
 public:
  OpenWorker(Napi::Env env, std::size_t lanes, unsigned threads, int niceness)
      : AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        lanes_(lanes),
        threads_(threads),
        niceness_(niceness) {}

  [[nodiscard]] Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void Execute() override {
    opened_.device = std::make_shared<CpuDevice>(threads_);
    opened_.pool = std::make_shared<LanePool>(lanes_ == 0 ? opened_.device->default_lanes() : lanes_, niceness_);
  }

  void OnOK() override {
    const auto environment = Environment::of(Env());
    deferred_.Resolve(environment->device_class.New({Napi::External<Opened>::New(Env(), &opened_)}));
  }

  void OnError(const Napi::Error& error) override {
    deferred_.Reject(
        to_js(Env(), Error(Code::NoDevice, "the CPU device could not be opened: " + error.Message())).Value());
  }

  Napi::Promise::Deferred deferred_;
  std::size_t lanes_;
  unsigned threads_;
  int niceness_;
  Opened opened_;
};

class SynchronizeWorker final : public LaneWorker {
 public:
  explicit SynchronizeWorker(Napi::Env env) : LaneWorker(env) {}

 private:
  void Execute(Lane& /*lane*/) override {}  // having been reached is the point
};

// Signals when it is destroyed, so that whoever waits is also let go when the task is discarded unrun.
class RecordTask final : public Task {
 public:
  explicit RecordTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}
  RecordTask(const RecordTask&) = delete;
  RecordTask& operator=(const RecordTask&) = delete;
  ~RecordTask() override { event_->signal(); }

 private:
  void run(Lane& /*lane*/) noexcept override {}

  std::shared_ptr<Event> event_;
};

class WaitTask final : public Task {
 public:
  explicit WaitTask(std::shared_ptr<Event> event) : event_(std::move(event)) {}

 private:
  void run(Lane& /*lane*/) noexcept override { event_->wait(); }

  std::shared_ptr<Event> event_;
};

void submit(LanePool& pool, std::unique_ptr<Task> task, std::size_t lane) {
  if (!pool.submit(task, lane)) throw Error(Code::Disposed, "the device has been disposed");
}

}  // namespace

Napi::Object describe_device(Napi::Env env, const DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", info.kind);
  object.Set("name", info.name);
  object.Set("index", info.index);
  object.Set("memoryBytes", static_cast<double>(info.memory_bytes));
  object.Set("library", info.library);
  object.Set("threads", info.threads);
  return object;
}

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         StaticMethod<&DeviceObject::open>("open"),
                         InstanceMethod<&DeviceObject::describe>("describe"),
                         InstanceMethod<&DeviceObject::counters>("counters"),
                         InstanceMethod<&DeviceObject::svd>("svd"),
                         InstanceMethod<&DeviceObject::matmul>("matmul"),
                         InstanceMethod<&DeviceObject::solve>("solve"),
                         InstanceMethod<&DeviceObject::load_model>("loadModel"),
                         InstanceMethod<&DeviceObject::record>("record"),
                         InstanceMethod<&DeviceObject::wait>("wait"),
                         InstanceMethod<&DeviceObject::synchronize>("synchronize"),
                         InstanceMethod<&DeviceObject::close>("close"),
                     });
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info), environment_(Environment::of(info.Env())) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "devices are made by Device.open()");
  Opened& opened = *info[0].As<Napi::External<Opened>>().Data();
  device_ = std::move(opened.device);
  pool_ = std::move(opened.pool);
  environment_->watch(pool_);
}

Napi::Value DeviceObject::open(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Object options = to_object(info[0], "options");
    const auto lanes = static_cast<std::size_t>(to_int(options.Get("lanes"), "lanes"));
    const auto threads = static_cast<unsigned>(to_int(options.Get("threads"), "threads"));
    const auto niceness = static_cast<int>(to_int(options.Get("niceness"), "niceness"));
    auto* worker = new OpenWorker(info.Env(), lanes, threads, niceness);
    const Napi::Promise promise = worker->promise();
    worker->Queue();
    return promise;
  });
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
    return object;
  });
}

Napi::Value DeviceObject::svd(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = make_svd_worker(info.Env(), device_, to_object(info[0], "options"));
    return LaneWorker::queue(std::move(worker), pool(), lane_index(info[1]));
  });
}

Napi::Value DeviceObject::matmul(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = make_matmul_worker(info.Env(), device_, to_object(info[0], "options"));
    return LaneWorker::queue(std::move(worker), pool(), lane_index(info[1]));
  });
}

Napi::Value DeviceObject::solve(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto worker = make_solve_worker(info.Env(), device_, to_object(info[0], "options"));
    return LaneWorker::queue(std::move(worker), pool(), lane_index(info[1]));
  });
}

Napi::Value DeviceObject::load_model(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return queue_load(info.Env(), pool(), info[0], to_object(info[1], "options"));
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
    const std::size_t lane = lane_index(info[0]);
    return LaneWorker::queue(std::make_unique<SynchronizeWorker>(info.Env()), pool(), lane);
  });
}

void DeviceObject::close(const Napi::CallbackInfo& /*info*/) {
  // lib/ has waited for all lanes, so nothing is discarded and the join is immediate.
  if (pool_ == nullptr) return;
  pool_->stop();
  pool_.reset();
}

}  // namespace tensorlane
