// The JS class Model: a loaded model, run on its device's lanes.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "binding/environment.h"
#include "core/lanes/lane.h"
#include "device/device.h"
#include "onnx/independence/examine.h"
#include "onnx/model.h"

namespace tensorlane {

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit ModelObject(const Napi::CallbackInfo& info);
  ~ModelObject() override;
  ModelObject(const ModelObject&) = delete;
  ModelObject& operator=(const ModelObject&) = delete;

 private:
  Napi::Value describe(const Napi::CallbackInfo& info);
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value capture(const Napi::CallbackInfo& info);
  Napi::Value graph_counters(const Napi::CallbackInfo& info);
  Napi::Value examine(const Napi::CallbackInfo& info);
  Napi::Value try_rows(const Napi::CallbackInfo& info);
  Napi::Value end_profiling(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::shared_ptr<LanePool> pool_;
  std::shared_ptr<Model> model_;
  std::shared_ptr<const Examination> examination_;  // where it was asked for
  std::int64_t bytes_ = 0;                          // what V8 was told that this object holds
};

// Reads and loads a model on a libuv thread; `source` is a path or bytes. The promise resolves to a Model.
Napi::Promise queue_load(Napi::Env env, std::shared_ptr<LanePool> pool, const std::shared_ptr<Device>& device,
                         const Napi::Value& source, const Napi::Object& options);

}  // namespace tensorlane
