// Recording a CUDA graph of a model on one lane.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/workers/lane_worker.h"
#include "onnx/model.h"

namespace tensorlane {

// `request` is binding.d.ts's CaptureRequest. Errors: Argument, Shape, DType.
std::unique_ptr<LaneWorker> make_capture_worker(Napi::Env env, std::shared_ptr<Model> model,
                                                const Napi::Object& request);

}  // namespace tensorlane
