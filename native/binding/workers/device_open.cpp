#include "binding/workers/device_open.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/values/convert.h"
#include "binding/workers/one_off_worker.h"
#include "core/cores/cores.h"

namespace tensorlane {
namespace {

class FindWorker final : public OneOffWorker {
 public:
  using OneOffWorker::OneOffWorker;

 private:
  void Work() override { list_ = list_devices(); }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array devices = Napi::Array::New(env, list_.devices.size());
    for (std::uint32_t i = 0; i < list_.devices.size(); ++i) devices.Set(i, describe_device(env, list_.devices[i]));
    Napi::Object result = Napi::Object::New(env);
    result.Set("devices", devices);
    if (!list_.no_cuda.empty()) result.Set("noCuda", list_.no_cuda);
    return result;
  }

  DeviceList list_;
};

class OpenWorker final : public OneOffWorker {
 public:
  OpenWorker(Napi::Env env, const Napi::Object& options) : OneOffWorker(env) {
    options_.kind = options.Get("kind").ToString();
    options_.index = static_cast<int>(to_int(options.Get("index"), "index"));
    options_.lanes = static_cast<std::size_t>(to_int(options.Get("lanes"), "lanes"));
    options_.high_priority = static_cast<std::size_t>(to_int(options.Get("highPriority"), "highPriority"));
    options_.threads = static_cast<unsigned>(to_int(options.Get("threads"), "threads"));
    const Napi::Value niceness = options.Get("niceness");
    niceness_ = niceness.IsNull() ? LaneOptions::kAsIsBest : static_cast<int>(to_int(niceness, "niceness"));
    const Napi::Object memory = to_object(options.Get("memory"), "memory");
    options_.memory.limit_bytes = static_cast<std::uint64_t>(to_int(memory.Get("limitBytes"), "limitBytes"));
    options_.memory.fraction = memory.Get("fraction").ToNumber().DoubleValue();
    const Napi::Array affinity = to_array(options.Get("affinity"), "affinity");
    for (std::uint32_t i = 0; i < affinity.Length(); ++i) affinity_.push_back(to_cores(affinity.Get(i)));
    options_.memory.growth = memory.Get("growth").ToBoolean();
  }

 private:
  void Work() override {
    opened_.device = open_device(options_);
    LaneOptions lanes;
    lanes.lanes = options_.lanes == 0 ? opened_.device->default_lanes() : options_.lanes;
    lanes.high_priority = options_.high_priority;
    lanes.niceness = niceness_;
    // A GPU's streams take several operations at once, and a stream more would be one that nobody can name.
    lanes.small_lane = options_.kind == "cpu";
    // On the lane's thread, before it makes anything.
    lanes.state = [device = opened_.device, affinity = affinity_](std::size_t lane) {
      if (!affinity.empty()) bind_thread(affinity[lane % affinity.size()]);
      return device->lane_state(lane);
    };
    opened_.pool = std::make_shared<LanePool>(lanes);
  }

  Napi::Value Result(Napi::Env env) override {
    return Environment::of(env)->device_class.New({Napi::External<Opened>::New(env, &opened_)});
  }

  DeviceOptions options_;
  int niceness_ = 0;
  std::vector<std::vector<int>> affinity_;  // lanes take these in turn; none: they are not bound
  Opened opened_;
};

}  // namespace

std::vector<int> to_cores(const Napi::Value& value) {
  std::vector<int> cores;
  for (const std::int64_t core : to_ints(value, "cores")) {
    cores.push_back(static_cast<int>(std::min<std::int64_t>(core, std::numeric_limits<int>::max())));
  }
  return cores;
}

Napi::Promise queue_find_devices(Napi::Env env) { return OneOffWorker::queue(std::make_unique<FindWorker>(env)); }

Napi::Promise queue_open(Napi::Env env, const Napi::Object& options) {
  return OneOffWorker::queue(std::make_unique<OpenWorker>(env, options));
}

Napi::Object describe_device(Napi::Env env, const DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", info.kind);
  object.Set("name", info.name);
  object.Set("index", info.index);
  object.Set("memoryBytes", static_cast<double>(info.memory_bytes));
  object.Set("library", info.library);
  object.Set("threads", info.threads);
  if (info.kind == "cuda") {
    object.Set("computeCapability", info.compute_capability);
    object.Set("driver", info.driver);
    object.Set("runtime", info.runtime);
    object.Set("pciAddress", info.pci_address);
  }
  return object;
}

}  // namespace tensorlane
