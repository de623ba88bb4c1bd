// One run of a model on a lane: gathers the callers' rows, runs, and parts large outputs among the callers, all off the
// JS thread.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/workers/lane_worker.h"
#include "onnx/model.h"

namespace tensorlane {

// On the pool's lanes. `request` is binding.d.ts's RunRequest. Errors: Argument, Shape, DType.
std::unique_ptr<LaneWorker> make_run_worker(Napi::Env env, std::shared_ptr<Model> model, std::shared_ptr<LanePool> pool,
                                            const Napi::Object& request);

}  // namespace tensorlane
