#include "binding/objects/model_object.h"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "binding/values/convert.h"
#include "binding/values/describe.h"
#include "binding/values/pin.h"
#include "binding/values/provider_requests.h"
#include "binding/values/session_settings.h"
#include "binding/values/steps.h"
#include "binding/workers/capture_worker.h"
#include "binding/workers/lane_worker.h"
#include "binding/workers/one_off_worker.h"
#include "binding/workers/release_worker.h"
#include "binding/workers/rows_worker.h"
#include "binding/workers/run_worker.h"
#include "core/cores/standing.h"
#include "devices.h"

namespace tensorlane {
namespace {

struct Loaded {
  std::shared_ptr<LanePool> pool;
  std::shared_ptr<Model> model;
  std::int64_t bytes = 0;
  std::shared_ptr<const Examination> examination;
};

rows::Axes to_axes(const Napi::Object& given) {
  rows::Axes axes;
  const Napi::Array names = given.GetPropertyNames();
  for (std::uint32_t i = 0; i < names.Length(); ++i) {
    const Napi::Value axis = given.Get(names.Get(i));
    std::optional<std::size_t>& to = axes[names.Get(i).ToString()];
    if (!axis.IsNull()) to = static_cast<std::size_t>(to_int(axis, "an axis"));
  }
  return axes;
}

class LoadWorker final : public OneOffWorker {
 public:
  LoadWorker(Napi::Env env, std::shared_ptr<LanePool> pool, const std::shared_ptr<Device>& device,
             const Napi::Value& source, const Napi::Object& options)
      : OneOffWorker(env) {
    loaded_.pool = std::move(pool);
    place_ = run_place(device);
    runtime_ = options.Get("runtime").ToString();
    options_.threads = static_cast<unsigned>(to_int(options.Get("threads"), "threads"));
    const Napi::Value niceness = options.Get("niceness");
    niceness_ = niceness.IsNull() ? Standing::kBack : static_cast<int>(to_int(niceness, "niceness"));
    options_.providers = to_provider_requests(options.Get("providers"));
    options_.settings = to_session_settings(options.Get("session"), options.Get("externalData"), external_data_);
    // Those that help a run stand back in any case: it does not wait for what they have not begun. Those that branches run on
    // do not: a run in that mode is all theirs, and a lane beside busy neighbours would wait for what gets next to nothing.
    const bool in_branches = options_.settings.parallel.value_or(false);
    options_.niceness = niceness.IsNull() && in_branches ? 0 : niceness_;
    options_.before = to_steps(options.Get("preprocess"));
    options_.after = to_steps(options.Get("postprocess"));
    options_.graphs = options.Get("graphs").ToBoolean();
    const Napi::Value rows = options.Get("rows");
    if (!rows.IsUndefined()) {
      const Napi::Object axes = to_object(rows, "rows");
      axes_ = {to_axes(to_object(axes.Get("inputs"), "rows.inputs")),
               to_axes(to_object(axes.Get("outputs"), "rows.outputs"))};
    }
    if (source.IsString()) {
      path_ = source.ToString();
    } else {
      bytes_ = Pin::input(source);
    }
  }

 private:
  void Work() override {
    const ort::Runtime& runtime = ort::Runtime::open(runtime_, niceness_);
    const ModelSource source = bytes_.has_value() ? ModelSource(bytes_->bytes()) : ModelSource(path_);
    // First: what it reads of the file and the disk is then at hand for the runtime, which reads all of it.
    if (axes_.has_value()) {
      loaded_.examination =
          std::make_shared<const Examination>(source, axes_->inputs, axes_->outputs, options_.settings.external_data);
    }
    loaded_.model = std::make_shared<Model>(runtime, source, options_, std::move(place_));
    for (const Pin& data : external_data_) loaded_.bytes += static_cast<std::int64_t>(data.bytes().size());
    if (bytes_.has_value()) {
      loaded_.bytes += static_cast<std::int64_t>(bytes_->bytes().size());
    } else {
      std::error_code missing;
      const auto size = std::filesystem::file_size(path_, missing);
      if (!missing) loaded_.bytes += static_cast<std::int64_t>(size);
    }
  }

  Napi::Value Result(Napi::Env env) override {
    return Environment::of(env)->model_class.New({Napi::External<Loaded>::New(env, &loaded_)});
  }

  std::string runtime_;
  int niceness_ = 0;  // of the threads that models share
  std::string path_;
  std::optional<Pin> bytes_;
  std::deque<Pin> external_data_;
  ModelOptions options_;
  RunPlace place_;
  struct RowAxes {
    rows::Axes inputs;
    rows::Axes outputs;
  };
  std::optional<RowAxes> axes_;  // where it is asked whether the model keeps rows apart
  Loaded loaded_;
};

}  // namespace

Napi::Promise queue_load(Napi::Env env, std::shared_ptr<LanePool> pool, const std::shared_ptr<Device>& device,
                         const Napi::Value& source, const Napi::Object& options) {
  return OneOffWorker::queue(std::make_unique<LoadWorker>(env, std::move(pool), device, source, options));
}

Napi::Function ModelObject::define(Napi::Env env) {
  return DefineClass(env, "Model",
                     {
                         InstanceMethod<&ModelObject::describe>("describe"),
                         InstanceMethod<&ModelObject::run>("run"),
                         InstanceMethod<&ModelObject::capture>("capture"),
                         InstanceMethod<&ModelObject::graph_counters>("graphCounters"),
                         InstanceMethod<&ModelObject::examine>("examine"),
                         InstanceMethod<&ModelObject::try_rows>("tryRows"),
                         InstanceMethod<&ModelObject::end_profiling>("endProfiling"),
                         InstanceMethod<&ModelObject::close>("close"),
                     });
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "models are made by Device.loadModel()");
  Loaded& loaded = *info[0].As<Napi::External<Loaded>>().Data();
  pool_ = std::move(loaded.pool);
  model_ = std::move(loaded.model);
  bytes_ = loaded.bytes;
  examination_ = std::move(loaded.examination);
  Environment::of(info.Env())->watch(model_);
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes_);
}

ModelObject::~ModelObject() {
  if (bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(Env(), -bytes_);
}

Napi::Value ModelObject::describe(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    Napi::Object object = Napi::Object::New(info.Env());
    const std::span<const ValueInfo> inputs = model_->inputs();
    object.Set("inputs", describe_values(info.Env(), inputs.first(model_->overridable_from())));
    object.Set("overridable", describe_values(info.Env(), inputs.subspan(model_->overridable_from())));
    object.Set("outputs", describe_values(info.Env(), model_->outputs()));
    const ProviderInUse& provider = model_->provider();
    object.Set("provider", provider.name);
    object.Set("inDeviceMemory", model_->in_device_memory());
    object.Set("threads", model_->threads());
    object.Set("sharesThreads", model_->shares_threads());
    object.Set("lanes", static_cast<double>(pool_->common()));
    if (!provider.fallback_reason.empty()) object.Set("fallbackReason", provider.fallback_reason);
    if (model_->placement().has_value()) object.Set("nodes", placement_to_js(info.Env(), *model_->placement()));
    if (!model_->no_graphs().empty()) object.Set("noGraphs", model_->no_graphs());
    if (examination_ != nullptr) {
      Napi::Object rows = to_js(info.Env(), examination_->finding());
      rows.Set("graph", examination_->digest());
      object.Set("rows", rows);
    }
    return object;
  });
}

Napi::Value ModelObject::run(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    return LaneWorker::queue(make_run_worker(info.Env(), model_, pool_, to_object(info[0], "request")), pool_);
  });
}

Napi::Value ModelObject::capture(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    const auto lane = static_cast<std::size_t>(to_int(info[0], "lane"));
    if (lane >= pool_->size()) throw Error(Code::Argument, "there is no such lane");
    return LaneWorker::queue(make_capture_worker(info.Env(), model_, to_object(info[1], "request")), pool_, lane);
  });
}

Napi::Value ModelObject::graph_counters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const GraphCounters counters = model_ == nullptr ? GraphCounters{} : model_->graph_counters();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("replayed", static_cast<double>(counters.replayed));
    object.Set("paddedRows", static_cast<double>(counters.padded_rows));
    object.Set("plain", static_cast<double>(counters.plain));
    return object;
  });
}

Napi::Value ModelObject::examine(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (examination_ == nullptr) throw Error(Code::Argument, "the model was loaded without rows");
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    return queue_examination(info.Env(), examination_, *model_, to_object(info[0], "known"));
  });
}

Napi::Value ModelObject::try_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    return LaneWorker::queue(make_trial_worker(info.Env(), model_, to_object(info[0], "request")), pool_);
  });
}

Napi::Value ModelObject::end_profiling(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    return string_to_js(info.Env(), model_->end_profiling());
  });
}

Napi::Value ModelObject::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (model_ == nullptr) throw Error(Code::Disposed, "the model has been disposed");
    if (bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -bytes_);
    bytes_ = 0;
    auto worker = std::make_unique<ReleaseWorker<Model>>(info.Env(), std::move(model_));
    const std::shared_ptr<LanePool> pool = std::move(pool_);
    return LaneWorker::queue(std::move(worker), pool);
  });
}

}  // namespace tensorlane
