// Questions about the rows of a model: what its graph says of inputs like these, and what runs of it show.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/workers/lane_worker.h"
#include "onnx/independence/examine.h"
#include "onnx/model.h"

namespace tensorlane {

// binding.d.ts's RowsFinding.
Napi::Object to_js(Napi::Env env, const rows::Finding& finding);

// `known` is binding.d.ts's KnownInputs, of what callers give; the examination is of the model's own. Resolves to a RowsFinding.
// Errors: Argument, Shape.
Napi::Promise queue_examination(Napi::Env env, std::shared_ptr<const Examination> examination, const Model& model,
                                const Napi::Object& known);

// `request` is binding.d.ts's TrialRequest. Resolves to a RowsFinding. Errors: Argument, Shape.
std::unique_ptr<LaneWorker> make_trial_worker(Napi::Env env, std::shared_ptr<Model> model, const Napi::Object& request);

}  // namespace tensorlane
